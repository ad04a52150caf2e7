"""A device in QEMU: the bootloader frozen into the firmware, and a flash that is a file."""

from __future__ import annotations

import contextlib
import hashlib
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ophion.build.boards import board_layout
from ophion.build.frozen import frozen_files, linked
from ophion.build.layout import load_layout
from ophion.sim.device.nor import NorFlash
from ophion_boot.core.area import Area
from ophion_boot.core.receive import Upload
from ophion_boot.core.strategies import make
from ophion_boot.fmt.trailer import NONE

from qemu import build, rig

_HEAP_KB = 2048
"""The bootloader borrows a buffer of one sector, and sectors are 256 KiB here."""


def firmware(
    keys: Sequence[bytes],
    extra: Mapping[str, bytes] | None = None,
    roots: bytes = b"",
    link: bool = True,
    key_tables: bool = False,
    name: str = "",
    users: Sequence[bytes] = (),
) -> build.Firmware:
    """MicroPython with the bootloader and the layout of the board `qemu` frozen in, as for a chip.

    `keys` are raw public keys, `roots` is a chain file with a root set, `extra` are more frozen modules, or
    others instead. With `link` False the bootloader's modules stay what they are. With `key_tables` the keys
    have their tables. Sources in `users` find what they name of the bootloader. One firmware is kept for each
    `name`, by default for each kind. Raises build.BuildError.
    """
    layout = replace(load_layout(board_layout("qemu")), key_tables=key_tables)
    frozen = frozen_files(layout, layout.name, list(keys), roots=roots)
    if link:
        frozen = linked(frozen, users).files
    kind = ("boot" if link else "parts") + ("-tables" if key_tables else "")
    return build.firmware({**frozen, **(extra or {})}, name or kind)


class Device:
    """The board `qemu` in a directory: `flash` is its flash, `start` switches it on, `stop` off.

    A context manager that switches off at its end.
    """

    def __init__(self, directory: Path, firmware: build.Firmware, image: bytes = b"") -> None:
        self.flash = directory / "flash.bin"
        self.layout = load_layout(board_layout("qemu"))
        self._firmware = firmware
        self._start = directory / "start.bin"
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: threading.Thread | None = None
        self._printed = threading.Condition()
        self.console = ""
        self.port = ""
        self._written = 0
        self._start.write_bytes(rig.packed({}, firmware, _HEAP_KB, mpy=False))
        self.flash.write_bytes(b"\xff" * self.layout.flash_size)
        self.put("primary", image)

    def put(self, area: str, image: bytes) -> None:
        """Write `image` to the start of the area called `area`. Only while the device is off."""
        self._write(self.layout.areas[area].offset, image)

    def stage(self, image: bytes, permanent: bool = False) -> None:
        """Put `image` where an update lies, and ask for it: what a finished upload leaves behind.

        Only while the device is off. Raises StrategyError when the slot is not free.
        """
        with self._nor() as nor:
            strategy = self._strategy(nor)
            upload = Upload(strategy, bytearray(self.layout.sector))
            done = upload.chunk(0, image, len(image), hashlib.sha256(image).digest())
            if done.get("match") is not True:
                raise RuntimeError("the staged image does not read back")
            strategy.set_pending(permanent)

    def start(self, pty: bool = False, icount: bool = False) -> None:
        """Switch on; what the device prints goes to `console`, from the start again.

        With `pty` the UART is a terminal of its own instead, named `port`. With `icount` instructions
        are counted, and clocks are made of them (rig.run).
        """
        self.stop()
        self.console = ""
        self._written = self.flash.stat().st_mtime_ns
        line = rig.command(self._firmware, self._start, icount=icount)
        line += ["-drive", f"if=pflash,unit=1,format=raw,file={self.flash}"]
        if pty:
            line[line.index("stdio")] = "pty"
        self._process = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._reader = threading.Thread(target=self._read, args=(self._process,), daemon=True)
        self._reader.start()
        if pty:
            said = self.wait_for(" (label")
            self.port = said.partition("redirected to ")[2].partition(" (label")[0]

    def reads(self, area: str, size: int) -> bytes:
        """The first `size` bytes of the area that the layout calls `area`."""
        with self.flash.open("rb") as file:
            file.seek(self.layout.areas[area].offset)
            return file.read(size)

    def interrupted(self) -> bool:
        """True when the flash holds half a swap."""
        with self._nor() as nor:
            return bool(self._strategy(nor).interrupted())

    def pending(self) -> bool:
        """True when the next boot has an update to install or to take back, or the rest of one."""
        with self._nor() as nor:
            strategy = self._strategy(nor)
            return bool(strategy.interrupted() or strategy.decide()[0] != NONE)

    def wait_for_write(self, timeout_s: float = 30) -> None:
        """Wait until the device writes to its flash for the first time since `start`; else rig.RigError."""
        end = time.monotonic() + timeout_s
        while self.flash.stat().st_mtime_ns == self._written:
            if time.monotonic() > end:
                raise rig.RigError(f"no write to the flash in {timeout_s:g} s", self.console)
            time.sleep(0.001)

    def stop(self) -> None:
        """Kill QEMU (SIGKILL): the power is gone."""
        if self._process is not None and self._reader is not None:
            self._process.kill()
            self._process.wait()
            self._reader.join()
            self._process.stdin.close()  # type: ignore[union-attr]
            self._process.stdout.close()  # type: ignore[union-attr]
            self._process = None

    def wait_for(self, text: str, timeout_s: float = 30) -> str:
        """The console once it has `text`; rig.RigError when it does not come."""
        with self._printed:
            if not self._printed.wait_for(lambda: text in self.console, timeout_s):
                raise rig.RigError(f"no {text!r} in {timeout_s:g} s", self.console)
            return self.console

    def __enter__(self) -> Device:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _read(self, process: subprocess.Popen[bytes]) -> None:
        said = b""
        while data := process.stdout.read1():  # type: ignore[union-attr]
            said += data
            with self._printed:
                self.console = rig.text(said)
                self._printed.notify_all()

    @contextlib.contextmanager
    def _nor(self) -> Iterator[NorFlash]:
        with self.flash.open("r+b") as file:
            yield NorFlash(file, self.layout.flash_size, self.layout.sector, self.layout.write_size)

    def _strategy(self, nor: NorFlash):  # type: ignore[no-untyped-def]
        def area(name: str) -> Area:
            spec = self.layout.areas[name]
            return Area(nor, spec.offset, spec.size, self.layout.sector, self.layout.write_size)

        return make(self.layout.strategy, area, bytearray(self.layout.sector), self.layout.trials)

    def _write(self, at: int, data: bytes) -> None:
        with self.flash.open("r+b") as file:
            file.seek(at)
            file.write(data)
