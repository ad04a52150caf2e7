"""The simulated board: MicroPython's Unix port with the simulator's flash, reset and radio."""

import os

import machine
import ophion_sim

from ophion_boot.core.area import Area
from ophion_boot.port.flash_cells import FlashCells
from ophion_boot.port.part import Part

_RXBUF = 4096


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

    def entropy(self, count: int) -> bytes:
        """`count` bytes that nobody can guess."""
        return os.urandom(count)

    def uid(self) -> bytes:
        """What tells this chip from all others."""
        return machine.unique_id()

    def button(self) -> bool:
        """True while the button of the layout, if there is one, pulls its pin low."""
        pin = self._layout["button"]
        return pin is not None and machine.Pin(pin, machine.Pin.IN, machine.Pin.PULL_UP).value() == 0

    def led(self, on: bool) -> None:
        """Switch the LED of the layout, if there is one."""
        if self._led:
            self._led.value(1 if on else 0)

    def clock(self, value: tuple | None = None) -> tuple | None:
        """Date and time as `machine.RTC().datetime` has them: read, or set to `value`."""
        return machine.RTC().datetime(value) if value else machine.RTC().datetime()

    def uart(self, spec: dict):  # type: ignore[no-untyped-def]
        """The UART that the layout's `[serial]` describes."""
        pins = {name: spec[name] for name in ("tx", "rx") if spec[name] is not None}
        return machine.UART(spec["uart"], spec["baud"], timeout=0, rxbuf=_RXBUF, **pins)

    def watchdog(self, timeout_ms: int) -> machine.WDT:
        """Arm the watchdog; returns the object whose `feed()` keeps it quiet."""
        return machine.WDT(timeout=timeout_ms)

    def server(self, name: str, inbox, session, restart, notify, bonds=None):  # type: ignore[no-untyped-def]
        """The road that updates come on: SMP over BLE, not started; with `bonds` for those who paired."""
        import bluetooth

        from ophion_boot.port.ble import BleServer

        pairing = None
        if bonds:
            from ophion_boot.port.pairing import Pairing

            pairing = Pairing(session.access, bonds, self._layout["access"]["passkey"], self.random)
        return BleServer(bluetooth.BLE(), name, inbox, session, restart, notify, pairing)

    def reset(self) -> None:
        """Reset the chip; does not return."""
        machine.reset()

    def idle(self) -> None:
        """Wait for the next event, briefly."""
        machine.idle()
