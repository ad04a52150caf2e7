"""The README's session, its demo and its application, run as they stand there."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

from ophion.cli.demo_verb import EXPECTED

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
BIN = Path(sys.executable).parent


def session():
    block = README.split("<!-- session")[1].split("```console\n")[1].split("```")[0]
    lines = [line.removeprefix("$ ") for line in block.splitlines()]
    assert lines[0] == ". .venv/bin/activate" and len(lines) > 8
    return lines[1:]


def test_the_session_by_hand(tmp_path):
    environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"}
    simulator = None
    output = ""
    try:
        for line in session():
            if line.startswith("export "):
                name, _, value = line.removeprefix("export ").partition("=")
                environment[name] = value
            elif line.endswith(" &"):
                words = line.removesuffix(" &").split()
                log = (tmp_path / "sim.log").open("wb")
                simulator = subprocess.Popen(words, cwd=tmp_path, env=environment, stdout=log, stderr=log)
                log.close()
                wait_for(tmp_path / "device" / "radio.json")
            else:
                done = subprocess.run(
                    line,
                    shell=True,
                    cwd=tmp_path,
                    env=environment,
                    capture_output=True,
                    text=True,
                    timeout=60,
                )
                output = done.stdout + done.stderr
                assert done.returncode == 0, f"{line}\n{output}\n{(tmp_path / 'sim.log').read_text()}"
    finally:
        if simulator is not None:
            simulator.terminate()
            simulator.wait(10)
    assert re.search(r"slot 0 +1\.1\.0 +active, confirmed", output), output
    assert re.search(r"slot 1 +1\.0\.0", output), output


def wait_for(path, seconds=20):
    deadline = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} did not come"
        time.sleep(0.1)
    time.sleep(1)


def test_the_demo_ends_with_what_the_device_tells():
    done = subprocess.run(
        [BIN / "ophion", "demo", "--json"], capture_output=True, text=True, timeout=90, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert sum(event["event"] == "step" for event in events) == 7
    notes = "\n".join(event.get("text", "") for event in events)
    for event, version in EXPECTED:
        assert re.search(rf"\d +{event} +{version}", notes), (event, version)
    assert "runs now: 1.3.0, confirmed" in notes
    console = [event["line"] for event in events if event["event"] == "console"]
    assert any("power cut" in line for line in console)


async def test_the_application_of_the_readme_runs(bench):
    program = README.split("```python\n")[1].split("```")[0]
    async with bench.device(bench.image("1.0.0").image):
        from ophion.push import Confirmed, push

        seen = [event async for event in push(bench.image("1.1.0", program), "e2e-device")]
        assert isinstance(seen[-1], Confirmed) and seen[-1].by == "application"
