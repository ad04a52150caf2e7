"""The simulated board: MicroPython's Unix port with the simulator's flash, reset and radio."""

import os

import machine
import ophion_sim

from ophion_boot.core.area import Area
from ophion_boot.port.flash_cells import FlashCells
from ophion_boot.port.part import Part


class Board:
    """Hardware by name: areas of the flash, cells, RTC memory, watchdog, radio, reset."""

    frozen = ("/frozen", ".frozen")

    def __init__(self, layout: dict) -> None:
        self._layout = layout
        self._bdev = ophion_sim.flash()
        self.cells = FlashCells(self.area("state"))
        self._led = None if layout["led"] is None else machine.Pin(layout["led"], machine.Pin.OUT)

    def area(self, name: str) -> Area:
        """The Area that the layout calls `name`."""
        offset, size = self._layout["areas"][name]
        return Area(self._bdev, offset, size, self._layout["sector"], self._layout["write_size"])

    def ota(self):  # type: ignore[no-untyped-def]
        """ESP-IDF's app partitions (port/ota.py); asked only on a board that has them."""
        import esp32

        from ophion_boot.port.ota import Ota

        return Ota(
            esp32.Partition, self._layout["runtime"], self._layout["write_size"], self._layout["sector"]
        )

    def map(self, area: Area, size: int) -> bytearray:
        """The first `size` bytes of `area` as a buffer; a chip maps its flash, the simulator reads it."""
        data = bytearray(size)
        area.read(0, data)
        return data

    def block_device(self, name: str) -> Part:
        """The part of the flash called `name` for a file system."""
        return Part(self._bdev, *self._layout["areas"][name])

    def rtc_memory(self, data: bytes | None = None) -> bytes | None:
        """Read or write the bytes that survive a reset but not a power cut."""
        return machine.RTC().memory(data) if data is not None else machine.RTC().memory()

    def reset_cause(self) -> int:
        """Why the chip started, as `machine.reset_cause()` tells it (core/sanity.py has the numbers)."""
        return machine.reset_cause()

    def random(self) -> int:
        """A number that nobody can guess, 0 to 2**24 - 1."""
        return int.from_bytes(os.urandom(3), "little")

    def button(self) -> bool:
        """True while the button of the layout, if there is one, pulls its pin low."""
        pin = self._layout["button"]
        return pin is not None and machine.Pin(pin, machine.Pin.IN, machine.Pin.PULL_UP).value() == 0

    def led(self, on: bool) -> None:
        """Switch the LED of the layout, if there is one."""
        if self._led:
            self._led.value(1 if on else 0)

    def watchdog(self, timeout_ms: int) -> machine.WDT:
        """Arm the watchdog; returns the object whose `feed()` keeps it quiet."""
        return machine.WDT(timeout=timeout_ms)

    def server(self, name: str, inbox, session, restart, notify):  # type: ignore[no-untyped-def]
        """The road that updates come on: SMP over BLE, not started."""
        import bluetooth

        from ophion_boot.port.ble import BleServer

        return BleServer(bluetooth.BLE(), name, inbox, session, restart, notify)

    def reset(self) -> None:
        """Reset the chip; does not return."""
        machine.reset()

    def idle(self) -> None:
        """Wait for the next event, briefly."""
        machine.idle()
