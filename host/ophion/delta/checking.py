"""A new patch is applied once, by the device's decoder, before anybody gets it.

MicroPython runs that decoder in machine code, as a chip does, and far faster than CPython. CPython takes
short patches, for which a process is not worth it, and all of them where MicroPython is not installed.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

from ophion_boot.core import delta

SHORT = 256
"""Patches of fewer bytes are applied by CPython, within some 0.02 s."""

_MODULE = "micropython_unix"
_START = f"import sys, {_MODULE}; sys.exit({_MODULE}.main())"
_HEAP_BYTES = 1 << 20
_TIMEOUT_S = 300
_REFUSED = 3
_PROGRAM = """
import sys
sys.path[:] = [{path!r}]
from ophion_boot.core.delta import Decoder
from ophion_boot.fmt.delta import HEADER_BYTES, Header
old = memoryview(sys.stdin.buffer.read({old}))
patch = memoryview(sys.stdin.buffer.read({patch}))
def read(at, buf):
    buf[:] = old[at : at + len(buf)]
try:
    decoder = Decoder(Header(patch), read, sys.stdout.buffer.write)
    decoder.feed(patch[HEADER_BYTES:])
    decoder.finish()
except ValueError:
    sys.exit({refused})
"""


def apply_on_micropython(old: bytes, patch: bytes) -> bytes | None:
    """What MicroPython makes of `old` and `patch`, or b"" when its decoder refuses them; None without it.

    The hashes of the header are not looked at.
    """
    if importlib.util.find_spec(_MODULE) is None:
        return None
    path = str(Path(delta.__file__).parents[2])
    program = _PROGRAM.format(path=path, old=len(old), patch=len(patch), refused=_REFUSED)
    heap = 2 * (len(old) + len(patch)) + _HEAP_BYTES
    line = [sys.executable, "-c", _START, "-X", f"heapsize={heap}", "-c", program]
    try:
        done = subprocess.run(line, input=old + patch, capture_output=True, timeout=_TIMEOUT_S)
    except (OSError, subprocess.TimeoutExpired):
        return None
    if done.returncode == _REFUSED:
        return b""
    return None if done.returncode else done.stdout
