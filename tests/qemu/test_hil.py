"""`make hil` on a board that is neither a simulator of ours nor on the desk: RV32, its UART, no radio."""

import json
import os
import subprocess
import sys
from pathlib import Path

HIL = Path(__file__).parents[2] / "tools" / "hil"
KEY = Path(__file__).parents[1] / "vectors" / "mcuboot" / "key-ed25519.pem"
CHOSEN = ["crash", "recovery", "interrupted"]


def test_scenarios_over_its_uart(bench):
    with bench.device() as device:  # without any image: it begins in recovery
        device.start(pty=True)
        words = ["--key", str(KEY), "--port", device.port, "--only", ",".join(CHOSEN), "--json"]
        done = subprocess.run(
            [sys.executable, str(HIL), *words],
            env={**os.environ, "OPHION_ALLOW_TEST_KEYS": "1"},
            capture_output=True,
            text=True,
            timeout=500,
        )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(line["scenario"], line["passed"]) for line in lines] == [(n, True) for n in CHOSEN], lines
    assert done.returncode == 0 and done.stderr == ""
