"""`make hil`, with the simulator as the board: the same script, the same roads, another radio."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest
from hil.scenarios import SCENARIOS
from ophion.build import build, new_app
from ophion.build.boards import board_layout
from ophion.keys import generate, open_signer
from ophion.sign import sign
from ophion.sim import Simulator

ROOT = Path(__file__).parents[2]
NAME = "hil-board"
HIL = [sys.executable, str(ROOT / "tools" / "hil")]


def hil(*words):
    """(exit code, output, errors) of the script."""
    done = subprocess.run([*HIL, *map(str, words)], capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


async def hil_on(sim, *words):
    """(exit code, lines) of the script while `sim` runs."""
    command = [*HIL, "--radio", f"bumble:{sim.transport}", "--json", *map(str, words)]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    try:
        return process.returncode, [json.loads(line) for line in output.splitlines()]
    except ValueError:
        raise AssertionError(output.decode()) from None


@pytest.fixture
def board(tmp_path):
    """A simulated board with an application, its keys, and its serial port as SMP over console."""
    public = generate(tmp_path / "key.pem")
    new_app(tmp_path / "app", "first")
    built = build(tmp_path / "app")
    image = sign(built.payload, built.config.version, open_signer(f"file:{tmp_path / 'key.pem'}"))
    return Simulator.create(
        tmp_path / "device",
        layout=board_layout("sim"),
        name=NAME,
        image=image,
        keys=[public.raw],
        serial="console",
    )


@pytest.mark.timeout(400)
async def test_every_scenario_on_both_roads(board, tmp_path):
    async with await board as sim:
        roads = (NAME, f"serial:{sim.port}")
        code, lines = await hil_on(sim, "--key", tmp_path / "key.pem", "--ble", NAME, "--port", sim.port)
        console, resets = "\n".join(sim.console), [start.reason for start in sim.resets]
    assert [line["passed"] for line in lines] == [True] * len(lines), lines
    assert code == 0
    done = [(line["device"], line["scenario"]) for line in lines]
    assert done == [(road, scenario) for road in roads for scenario in SCENARIOS]
    # What the board itself says of it.
    assert console.count("this version is broken") == 2 * 3
    assert console.count("recovery, advertising") >= 2 and len(resets) > 20
    assert "1.5.0 runs" in console


@pytest.mark.timeout(200)
async def test_a_board_that_does_not_do_it_fails(board, tmp_path):
    """It does not trust this key: what it gets, it refuses."""
    generate(tmp_path / "other.pem")
    async with await board as sim:
        words = ("--key", tmp_path / "other.pem", "--ble", NAME, "--only", "update,reset")
        code, lines = await hil_on(sim, *words)
    assert code == 1 and [line["passed"] for line in lines] == [False, False]
    details = [line["detail"] for line in lines]
    assert all("signed by an unknown key" in detail for detail in details), details


def test_without_a_board_it_is_skipped_with_the_reason():
    code, said, _ = hil("--key", "", "--ble", "", "--port", "")
    assert code == 0
    assert (
        said.startswith("skipped: there is no board")
        and "BLE=" in said
        and "PORT=" in said
        and "KEY=" in said
    )


def test_what_is_wrong_is_said_before_anything_is_done(tmp_path):
    for words, expected in (
        (("--ble", "x"), "KEY is missing"),
        (("--ble", "x", "--key", "k", "--only", "update,dance"), "no scenario is called dance"),
        (("--ble", "x", "--key", "k", "--radio", "moon"), "unknown radio 'moon'"),
    ):
        code, said, errors = hil(*words)
        assert code == 2 and expected in errors and not said


def test_make_passes_on_what_it_is_given():
    words = [
        "make",
        "-n",
        "-o",
        ".venv/.setup-done",
        "hil",
        "KEY=k.pem",
        "BLE=my board",
        "PORT=/dev/ttyUSB0",
        "ARGS=--json",
    ]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert 'tools/hil --key "k.pem" --ble "my board" --port "/dev/ttyUSB0" --json' in done.stdout


def test_the_readme_names_every_scenario():
    text = (ROOT / "tools" / "hil" / "README.md").read_text()
    assert [name for name in SCENARIOS if f"\n| {name} | " not in text] == []
