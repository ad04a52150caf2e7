"""The strategies of the campaign, one row each: how flash is laid out and where images are to be seen.

To add one, put a Target into TARGETS; a strategy that says `areas` and `room` needs no more than a row.
Runs on MicroPython, too.
"""

from ophion_boot.core.ab import AB
from ophion_boot.core.area import Area
from ophion_boot.core.golden import Golden
from ophion_boot.core.runtime import room as runtime_room
from ophion_boot.core.swap_offset import SwapOffset
from ophion_boot.core.swap_scratch import SwapScratch

IMAGE_SECTORS = 5
RUNTIME_SECTORS = 3
_OTADATA_SECTORS = 2


class Target:
    """Strategy `kind` on a flash of `sector` and `write_size` bytes, for images of up to IMAGE_SECTORS.

    `more` is how many sectors the second slot has over the first, `third` those of a third area, `stage_at`
    the sector of the second slot where an update begins, `back` the image that runs when a trial fails,
    `switches` tells that the slots change roles and no image moves.
    """

    def __init__(self, kind, more=0, third=0, stage_at=0, back="old", switches=False) -> None:
        self.kind = kind
        self.back = back
        self._more = more
        self._third = (third,) if third else ()
        self._stage_at = stage_at
        self._switches = switches

    def on(self, sector: int, write_size: int, two: bool = False, sealed: bool = False) -> "Layout":
        """The target on a flash of these units; with `two` components, app partitions behind it; `sealed`:
        for encrypted images."""
        count = 1
        while True:
            slot = IMAGE_SECTORS + count
            sizes = (slot, slot + self._more) + self._third  # noqa: RUF005 (MicroPython has no other way)
            if self.kind.room(sizes, sector, write_size, sealed) >= IMAGE_SECTORS * sector:
                return (TwoLayout if two else Layout)(self, sizes, count, sector, write_size)
            count += 1

    def staged(self, layout: "Layout", running_at: int) -> int:
        """Byte of flash where an update is put while an image runs at byte `running_at`."""
        if self._switches and running_at:
            return 0
        return (layout.sizes[0] + self._stage_at) * layout.sector


class Layout:
    """A target on a flash: `sizes` are the sectors of its areas, which follow each other from byte 0."""

    def __init__(self, target: Target, sizes, trailer_sectors: int, sector: int, write_size: int) -> None:
        self.target = target
        self.sizes = sizes
        self.sector = sector
        self.write_size = write_size
        self.size = sum(sizes) * sector
        self._trailer_sectors = trailer_sectors

    two = False

    def third_at(self) -> int:
        """Byte of flash where the third area begins."""
        return sum(self.sizes[:2]) * self.sector

    def decides(self, at: int) -> bool:
        """Byte `at` of flash lies where decisions are kept: in a slot's trailer."""
        ends = (self.sizes[0], sum(self.sizes[:2]))
        return any(end - self._trailer_sectors <= at // self.sector < end for end in ends)

    def staged_at(self, running_at: int) -> int:
        """Byte of flash where an update is put."""
        return self.target.staged(self, running_at)

    def strategy(self, flash, trials: int, kind: type | None = None, secret=None):
        """A fresh strategy on `flash`, as after a reset; `kind` may be a mutant, `secret` a Secret."""
        areas = []
        at = 0
        for sectors in self.sizes:
            areas.append(Area(flash, at, sectors * self.sector, self.sector, self.write_size))
            at += sectors * self.sector
        # Not every strategy takes encrypted images.
        more = (None, secret) if secret else ()
        return (kind or self.target.kind)(*areas, bytearray(self.sector), trials, *more)


class TwoLayout(Layout):
    """A Layout with otadata and two app partitions behind it: `apps` are their first bytes."""

    two = True

    def __init__(self, target: Target, sizes, trailer_sectors: int, sector: int, write_size: int) -> None:
        Layout.__init__(self, target, sizes, trailer_sectors, sector, write_size)
        self.app_sectors = RUNTIME_SECTORS
        while runtime_room(self.app_sectors * sector, sector, write_size) < RUNTIME_SECTORS * sector:
            self.app_sectors += 1
        self.otadata = self.size
        first = self.otadata + _OTADATA_SECTORS * sector
        self.apps = (first, first + self.app_sectors * sector)
        self.size = first + 2 * self.app_sectors * sector

    def decides(self, at: int) -> bool:
        """The same, or in otadata, or behind a runtime's payload."""
        if at < self.otadata:
            return Layout.decides(self, at)
        if at < self.apps[0]:
            return True
        return (at - self.apps[0]) // self.sector % self.app_sectors >= RUNTIME_SECTORS


TARGETS = {
    "swap_offset": Target(SwapOffset, more=1, stage_at=1),
    "swap_scratch": Target(SwapScratch, third=2),
    "golden": Target(Golden, third=IMAGE_SECTORS, back="gold"),
    "ab": Target(AB, switches=True),
}
