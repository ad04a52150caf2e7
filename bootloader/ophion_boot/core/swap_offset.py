"""Install strategy `swap_offset`: both images change places, sector by sector, without a scratch area.

MCUboot's swap-using-offset (its docs/design.md): an update is staged one sector into the secondary
slot; each step copies one sector to the other side, and its source stays whole until a mark says
that the copy is. SPEC.md 4 has the steps, DESIGN.md why no cut of power can lose an image.
"""

from ophion_boot.core.area import Area
from ophion_boot.core.swap_base import SwapBase
from ophion_boot.fmt.image import header_magic

NAME = "swap_offset"


class SwapOffset(SwapBase):
    """The secondary slot should have one sector more than the primary one."""

    name = NAME
    header_sectors = (0, 1)

    @staticmethod
    def image_sectors(primary: int, secondary: int) -> int:
        """Sectors that an image may have: the secondary slot keeps one free for the offset."""
        return min(primary, secondary - 1)

    def other(self) -> Area:
        """The area of the other image: an update one sector in, a swapped-out image at the start."""
        head = bytearray(4)
        self.secondary.area.read(0, head)
        return self.secondary.area.part(0 if header_magic(head) else self._sector, self.max_image_size)

    def staged(self) -> Area:
        """The area where an update lies."""
        return self.secondary.area.part(self._sector, self.max_image_size)

    def swapped_out(self) -> Area:
        """The area where the image lies that a swap took out of the primary slot."""
        return self.secondary.area.part(0, self.max_image_size)

    def _swap_in(self, old: int, new: int) -> None:
        """Old to the secondary slot, new to the primary one; from the first sector up."""
        pri, sec = self.primary.area, self.secondary.area
        for i in range(max(old, new)):
            if i < old:
                self._step(2 * i, pri, i, sec, i)
            if i < new:
                self._step(2 * i + 1, sec, i + 1, pri, i)

    def _swap_back(self, new: int, old: int) -> None:
        """The mirror of `_swap_in`: from the last sector down, so that no source is overwritten."""
        pri, sec = self.primary.area, self.secondary.area
        for i in range(max(old, new) - 1, -1, -1):
            if i < new:
                self._step(2 * i, pri, i, sec, i + 1)
            if i < old:
                self._step(2 * i + 1, sec, i, pri, i)
        if not self.secondary.sector_blank(0):
            sec.erase(0)
