"""The examples in host/examples, run as their reader would run them."""

import asyncio
import contextlib
import os
import subprocess
import sys
from pathlib import Path

import yaml
from ophion.build.boards import board_layout
from ophion.keys import generate
from ophion.package import load_image
from ophion.sim import Simulator

EXAMPLES = Path(__file__).parents[2] / "host" / "examples"
BIN = Path(sys.executable).parent


def test_every_example_is_in_the_readme_and_here():
    readme = (EXAMPLES / "README.md").read_text()
    here = Path(__file__).read_text()
    for name in ("hil", "update_all.py", "ci/release.yml"):
        assert (EXAMPLES / name).exists() and f"`{name}" in readme and name.split("/")[0] in here
    assert {path.name for path in EXAMPLES.iterdir()} - {"__pycache__"} == {
        "README.md",
        "hil",
        "update_all.py",
        "ci",
    }


def test_the_fixture_for_tests_on_a_device(tmp_path):
    words = ["-m", "pytest", "-q", "-p", "no:cacheprovider", f"--rootdir={tmp_path}", EXAMPLES / "hil"]
    done = subprocess.run(
        [sys.executable, "-B", *words], cwd=tmp_path, capture_output=True, text=True, timeout=110
    )
    assert done.returncode == 0 and "2 passed" in done.stdout, done.stdout + done.stderr


@contextlib.asynccontextmanager
async def devices(bench, keys):
    """A running device for each of `keys` (name -> the key it trusts), each with a radio of its own."""
    async with contextlib.AsyncExitStack() as stack:
        for name, key in keys.items():
            image = bench.image("1.0.0").image if key == bench.public else None
            sim = await Simulator.create(
                bench.directory / name, layout=board_layout("sim"), name=name, image=image, keys=[key.raw]
            )
            await stack.enter_async_context(sim)
            await sim.wait_console("e2e 1.0.0" if image else "recovery, advertising")
        yield [f"sim:{bench.directory / name}" for name in keys]


async def test_the_script_that_updates_every_board_in_range(bench):
    new = bench.image("1.1.0")
    stranger = generate(bench.directory / "stranger.pem")
    path = bench.directory / "1.1.0.bin"
    assert load_image(path).hash == new.hash
    async with devices(bench, {"one": bench.public, "stranger": stranger, "two": bench.public}) as radios:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            EXAMPLES / "update_all.py",
            path,
            *radios,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = (text.decode() for text in await asyncio.wait_for(process.communicate(), 100))
    assert process.returncode == 1, out + err
    lines = dict(line.split(": ", 1) for line in out.splitlines())
    assert lines["one"] == lines["two"] == "runs 1.1.0"
    assert "refused" in lines["stranger"] and err == ""


def test_the_job_that_signs_with_an_hsm(bench, token, tmp_path):
    """Every step of the workflow but the installation, in order, by the shell that GitHub uses."""
    job = yaml.safe_load((EXAMPLES / "ci" / "release.yml").read_text())["jobs"]["release"]
    generate(tmp_path / "release.pem")
    token.add(tmp_path / "release.pem", "release-ci", "7a")
    secrets = {"OPHION_SIGN_KEY": token.uri("object=release-ci", ""), "OPHION_KEY_PASSPHRASE": token.PIN}
    assert set(job["env"]) == set(secrets)
    environment = {**os.environ, **secrets, "PATH": f"{BIN}:{os.environ['PATH']}"}
    assert bench.run(BIN / "ophion", "new", "app", tmp_path / "app")[0] == 0
    steps = {step["name"]: step["run"] for step in job["steps"] if "run" in step}
    assert list(steps) == ["Install", "Build", "Sign", "Verify with the code of the device"]
    assert steps.pop("Install") == "pip install 'ophion[hsm]'"
    for name, script in steps.items():
        done = subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", script],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, f"{name}\n{done.stdout}{done.stderr}"
    image = tmp_path / "dist" / "app-1.0.0.bin"
    assert "good: version 1.0.0" in done.stdout
    shown = bench.tool("imgtool.main", "verify", "-k", tmp_path / "dist" / "release.pub", image)
    assert "correctly validated" in shown[1], shown
