"""The README's session, its demo and its application, run as they stand there."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from ophion.cli.demo import GOLDEN, RELEASE, SWAPS
from sessions import BIN, Shell, blocks

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def session():
    found = [lines for mark, lines in blocks(README) if mark == "session"]
    lines = [line for block in found for line in block]
    assert len(found) == 3 and lines[0] == ". .venv/bin/activate" and len(lines) > 25
    return lines[1:]


@pytest.mark.timeout(400)
def test_the_sessions_by_hand(tmp_path):
    shell = Shell(tmp_path)
    images = log = ""
    try:
        for line in session():
            shell.line(line)
            images = shell.output if line.startswith("ophion device images") else images
            log = shell.output if line.startswith("ophion device logs") else log
    finally:
        shell.end()
    assert re.search(r"slot 0 +1\.3\.0 +active, confirmed", images), images
    assert re.search(r"slot 1 +1\.1\.0", images), images
    events = re.findall(r"^ *\d+ +(\w+) +([\d.]*)", log, re.M)
    assert events == [
        ("patched", "1.1.0"),
        ("installed", "1.1.0"),
        ("confirmed", "1.1.0"),
        ("patched", "1.2.0"),
        ("refused", ""),
        ("patched", "1.2.0"),
        ("installed", "1.2.0"),
        *[("crashed", "1.2.0")] * 3,
        ("reverted", "1.1.0"),
        ("patched", "1.3.0"),
        ("resumed", "1.3.0"),
        ("installed", "1.3.0"),
        ("confirmed", "1.3.0"),
    ], log
    assert "version 1.1.0 is confirmed" in shell.output, "the operator's update, the last of the sessions"


def test_the_demo_ends_with_what_the_device_tells():
    done = subprocess.run(
        [BIN / "ophion", "demo", "--json"], capture_output=True, text=True, timeout=90, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert sum(event["event"] == "step" for event in events) == 12
    notes = "\n".join(event.get("text", "") for event in events)
    for event, version in (*SWAPS, *GOLDEN, *RELEASE):
        assert re.search(rf"\d +{event} +{version}", notes), (event, version)
    saved = re.search(r"patched +1\.4\.0 +(\d+) bytes received for (\d+): 9\d % saved", notes)
    assert saved and 0 < 20 * int(saved[1]) < int(saved[2]), "as the device tells it"
    assert f"version 1.4.0 made of the patch: {saved[1]} bytes received" in notes
    for runs in ("1.4.0", "1.0.0", "runtime 1.0.0"):
        assert f"runs now: {runs}, confirmed" in notes
    console = [event["line"] for event in events if event["event"] == "console"]
    assert any("power cut" in line for line in console)


async def test_the_application_of_the_readme_runs(bench):
    program = README.split("```python\n")[1].split("```")[0]
    async with bench.device(bench.image("1.0.0").image):
        from ophion.push import Confirmed, push

        seen = [event async for event in push(bench.image("1.1.0", program), "e2e-device")]
        assert isinstance(seen[-1], Confirmed) and seen[-1].by == "application"
