"""Start MicroPython so that it dies with its parent. Run by path with CPython, never imported.

    launch.py PARENT_PID RUNTIME ARGUMENTS...

RUNTIME is `module:DIRECTORY` (the PyPI package `micropython_unix` in DIRECTORY) or the path of a
`micropython` program. Kept free of imports that take time: it runs at every reset.
"""

import ctypes
import importlib
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # prctl(2), Linux


def main() -> None:
    parent, runtime, arguments = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit("launch: the parent is gone")
    if not runtime.startswith("module:"):
        os.execv(runtime, [runtime, *arguments])
    sys.path.append(runtime.partition(":")[2])
    sys.argv = ["micropython", *arguments]
    sys.exit(importlib.import_module("micropython_unix").main())


if __name__ == "__main__":
    main()
