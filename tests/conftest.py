"""Paths that the shared tests need on CPython; MicroPython gets them from tests/device/run.py."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
os.environ["OPHION_ROOT"] = str(ROOT)
for folder in (ROOT / "tests" / "shared", ROOT / "host" / "ophion" / "sim" / "device"):
    # Appended: the simulator's stand-ins (time.py, select.py) must not hide the standard library.
    sys.path.append(str(folder))
