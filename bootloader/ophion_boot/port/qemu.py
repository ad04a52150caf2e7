"""QEMU's RISC-V machine `virt`: MicroPython on an emulated chip with a NOR flash, for tests and counts."""

import time

import machine
import vfs
import virt

from ophion_boot.compat import const
from ophion_boot.core.area import Area
from ophion_boot.port.cfi import CfiFlash
from ophion_boot.port.flash_cells import FlashCells
from ophion_boot.port.part import Part

_FLASH = const(0x22000000)


class Board:
    """Hardware by name: areas of the flash, cells, RTC memory, watchdog, reset. There is no radio.

    Raises ValueError when the layout's sectors are not the flash's.
    """

    frozen = (".frozen",)

    def __init__(self, layout: dict) -> None:
        self._layout = layout
        self._bdev = CfiFlash(_FLASH)
        if layout["sector"] != self._bdev.sector:
            raise ValueError(
                "the layout has sectors of %#x bytes, the flash of %#x"
                % (layout["sector"], self._bdev.sector)
            )
        self.cells = FlashCells(self.area("state"))

    def area(self, name: str) -> Area:
        """The Area that the layout calls `name`."""
        offset, size = self._layout["areas"][name]
        return Area(self._bdev, offset, size, self._layout["sector"], self._layout["write_size"])

    def map(self, area: Area, size: int) -> memoryview:
        """The first `size` bytes of `area` where they lie: this flash is in the address space."""
        return self._bdev.memory[area.offset : area.offset + size]

    def payload(self, area, at: int, size: int):  # type: ignore[no-untyped-def]
        """The verified payload, `size` bytes at `at` of `area`, as a file system to mount."""
        return vfs.VfsRom(self.map(area, at + size)[at:])  # type: ignore[attr-defined]

    def block_device(self, name: str) -> Part:
        """The part of the flash called `name` for a file system."""
        return Part(self._bdev, *self._layout["areas"][name])

    def rtc_memory(self, data: bytes | None = None) -> bytes | None:
        """Read or write the bytes that survive a reset but not an end of QEMU."""
        return virt.memory(data) if data is not None else virt.memory()

    def reset_cause(self) -> int:
        """Why the machine started, as `machine.reset_cause()` tells it (core/sanity.py has the numbers)."""
        return machine.reset_cause()

    def random(self) -> int:
        """A number that differs from start to start, or not: there is no source of noise here."""
        return time.ticks_us()  # type: ignore[return-value]

    def entropy(self, count: int) -> bytes:
        """Nothing that nobody can guess comes from here: raises OSError (layouts with tokens are refused)."""
        raise OSError("this machine has no random numbers")

    def uid(self) -> bytes:
        """None: every machine is like the other."""
        return b""

    def button(self) -> bool:
        """Never held: there is none."""
        return False

    def led(self, on: bool) -> None:
        """There is none."""

    def clock(self, value: tuple | None = None) -> tuple:
        """Date and time: this machine has no clock that goes on. Raises OSError."""
        raise OSError("this board has no clock")

    def watchdog(self, timeout_ms: int) -> machine.WDT:
        """Arm the watchdog; returns the object whose `feed()` keeps it quiet."""
        return machine.WDT(timeout=timeout_ms)

    def server(self, name: str, inbox, session, restart, notify, bonds=None):  # type: ignore[no-untyped-def]
        """The road that updates come on: SMP over the console, not started. Nothing is notified."""
        from ophion_boot.port.console import ConsoleServer

        return ConsoleServer(inbox, session, restart)

    def reset(self) -> None:
        """Reset the machine; does not return."""
        machine.reset()

    def idle(self) -> None:
        """Wait for the next event, briefly."""
        machine.idle()
