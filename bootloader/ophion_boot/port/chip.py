"""What a chip has beside its flash: pins, clock, watchdog, radio. `esp32` and `unix` build on it."""

import os
import sys

import machine
import vfs

from ophion_boot.compat import const

_RXBUF = const(4096)


class Chip:
    """`layout` is the board's; `ota`, `server` and the rest are what core and main ask of a board.

    `frozen` is where signed firmware is imported from: `.frozen`, and in the simulator what stands for it.
    """

    frozen = tuple([path for path in sys.path if path in (".frozen", "/frozen")])

    def __init__(self, layout: dict) -> None:
        self._layout = layout
        self._led = None if layout["led"] is None else machine.Pin(layout["led"], machine.Pin.OUT)

    def ota(self):  # type: ignore[no-untyped-def]
        """ESP-IDF's app partitions (port/ota.py); asked only on a board that has them."""
        import esp32

        from ophion_boot.port.ota import Ota

        return Ota(
            esp32.Partition, self._layout["runtime"], self._layout["write_size"], self._layout["sector"]
        )

    def payload(self, area, at: int, size: int):  # type: ignore[no-untyped-def]
        """The verified payload, `size` bytes at `at` of `area`, as a file system to mount."""
        return vfs.VfsRom(memoryview(self.map(area, at + size))[at:])  # type: ignore[attr-defined]

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
