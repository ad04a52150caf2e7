"""The simulated board: MicroPython's Unix port with the simulator's flash, reset and radio."""

import ophion_sim

from ophion_boot.core.area import Area
from ophion_boot.port.chip import Chip
from ophion_boot.port.flash_cells import FlashCells
from ophion_boot.port.part import Part


class Board(Chip):
    """Hardware by name: areas of the flash, cells, RTC memory, watchdog, radio, reset."""

    def __init__(self, layout: dict) -> None:
        super().__init__(layout)
        self._bdev = ophion_sim.flash()
        self.cells = FlashCells(self.area("state"))

    def area(self, name: str) -> Area:
        """The Area that the layout calls `name`."""
        offset, size = self._layout["areas"][name]
        return Area(self._bdev, offset, size, self._layout["sector"], self._layout["write_size"])

    def map(self, area: Area, size: int) -> bytearray:
        """The first `size` bytes of `area` as a buffer; a chip maps its flash, the simulator reads it."""
        data = bytearray(size)
        area.read(0, data)
        return data

    def block_device(self, name: str) -> Part:
        """The part of the flash called `name` for a file system."""
        return Part(self._bdev, *self._layout["areas"][name])
