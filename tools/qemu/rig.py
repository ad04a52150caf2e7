"""Run a program on MicroPython in QEMU and get what it prints; count instructions."""

from __future__ import annotations

import struct
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from ophion.build.romfs import pack_romfs

from qemu import build

_START_ADDRESS = 0x86000000
_START_MAGIC = 0x5152484F
_PROGRAM = "__program__.py"
_EXIT_FAULT = 70

Content = bytes | str | Path


class RigError(Exception):
    """The program did not end as it should; `output` is what it printed until then."""

    def __init__(self, message: str, output: str) -> None:
        super().__init__(f"{message}\n{output}")
        self.output = output


def run(
    program: str,
    files: Mapping[str, Content] | None = None,
    *,
    heap_kb: int = 256,
    icount: bool = True,
    mpy: bool = True,
    timeout_s: float = 60,
    qemu: tuple[str, ...] = (),
    firmware: build.Firmware | None = None,
) -> str:
    """What `program` (source text) prints until it ends.

    `files` (path on the device -> content; a Path is read, a folder with all that is in it) lie in a
    ROMFS at /rom, which is first in sys.path; with `mpy` the .py among them are compiled on the host
    with -march=rv32imc. `heap_kb` is the heap. With `icount` QEMU counts instructions exactly and its
    clocks are made of them: 1 ns each, from 2026-01-01 on. `qemu` are more arguments for QEMU.

    Raises RigError when the program raises, exits with a status, faults or takes over `timeout_s`.
    """
    firmware = firmware or build.firmware()
    with tempfile.TemporaryDirectory() as folder:
        blob = Path(folder) / "start.bin"
        blob.write_bytes(packed(files or {}, firmware, heap_kb, mpy, program))
        return _output(command(firmware, blob, icount=icount) + list(qemu), timeout_s)


def instructions(
    expression: str, setup: str = "", files: Mapping[str, Content] | None = None, **options: object
) -> int:
    """Instructions that evaluating `expression` takes on the device, after `setup` has run there.

    The second evaluation counts: the first one fills caches and grows what grows once. `options` are
    those of `run`; the number is the same in every run.
    """
    program = f"{setup}\nimport counting\n_f = lambda: ({expression})\n_f()\nprint()\n"
    program += "print(counting.instructions(_f))\n"
    return int(run(program, files, **options).split()[-1])  # type: ignore[arg-type]


def command(firmware: build.Firmware, blob: Path | None = None, *, icount: bool = True) -> list[str]:
    """The command line that starts QEMU, its console on standard input and output."""
    line = ["qemu-system-riscv32", "-machine", "virt", "-bios", "none", "-nodefaults", "-display", "none"]
    line += ["-monitor", "none", "-serial", "stdio", "-device", f"loader,file={firmware.elf},cpu-num=0"]
    if blob is not None:
        line += ["-device", f"loader,file={blob},addr={_START_ADDRESS:#x},force-raw=on"]
    if icount:
        line += ["-icount", "shift=0,sleep=off", "-rtc", "base=2026-01-01T00:00:00,clock=vm"]
    return line


def packed(
    files: Mapping[str, Content], firmware: build.Firmware, heap_kb: int, mpy: bool, program: str = ""
) -> bytes:
    """What board/virt.h calls virt_start_t: the heap's size and a ROMFS with the files and the program."""
    content = _flatten(files)
    if mpy:
        content = _compiled(content, firmware.mpy_cross)
    if program:
        content[_PROGRAM] = program.encode()
    romfs = pack_romfs(content)
    return struct.pack("<4I", _START_MAGIC, heap_kb * 1024, len(romfs), 0) + romfs


def _flatten(files: Mapping[str, Content]) -> dict[str, bytes]:
    flat = {}
    for name, content in files.items():
        if isinstance(content, Path) and content.is_dir():
            for path in sorted(content.rglob("*.py")):
                flat[f"{name}/{path.relative_to(content).as_posix()}"] = path.read_bytes()
        elif isinstance(content, Path):
            flat[name] = content.read_bytes()
        else:
            flat[name] = content.encode() if isinstance(content, str) else bytes(content)
    return flat


def _compiled(files: Mapping[str, bytes], mpy_cross: Path) -> dict[str, bytes]:
    """`files` with each .py turned into an .mpy."""
    result = {name: data for name, data in files.items() if not name.endswith(".py")}
    for name in files.keys() - result.keys():
        line = [str(mpy_cross), "-march=rv32imc", "-s", name, "-o", "-", "-"]
        done = subprocess.run(line, input=files[name], capture_output=True)
        if done.returncode:
            raise RigError(f"mpy-cross refuses {name}", text(done.stderr))
        result[name.removesuffix(".py") + ".mpy"] = done.stdout
    return result


def _output(line: list[str], timeout_s: float) -> str:
    try:
        done = subprocess.run(line, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout_s)
    except subprocess.TimeoutExpired as error:
        raise RigError(f"no end after {timeout_s:g} s", text(error.stdout or b"")) from None
    output = text(done.stdout)
    if done.returncode:
        what = "the processor faulted" if done.returncode == _EXIT_FAULT else f"status {done.returncode}"
        raise RigError(what, output + text(done.stderr))
    return output


def text(data: bytes) -> str:
    """What the console said, as text with newlines."""
    return data.decode(errors="backslashreplace").replace("\r\n", "\n")
