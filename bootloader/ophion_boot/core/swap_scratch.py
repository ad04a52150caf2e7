"""Install strategy `swap_scratch`: both images change places through a scratch area of one sector or more.

MCUboot's swap-using-scratch, one sector at a time: slots of equal size do, an update is staged at the
start of the secondary slot, and the scratch sectors take turns so that they wear alike. Going back is
the same exchange once more.
"""

from ophion_boot.core.area import Area
from ophion_boot.core.strategy import StrategyError
from ophion_boot.core.swap_base import SwapBase
from ophion_boot.fmt import trailer

NAME = "swap_scratch"


class SwapScratch(SwapBase):
    """`scratch` is an Area of at least one sector; the other arguments are those of SwapBase."""

    name = NAME
    areas = ("primary", "secondary", "scratch")
    marks_per_sector = 3
    # MCUboot has no TLV sizes in this mode, and its swap_size moves up to their place.
    size_field = trailer.TLV_SIZES

    def __init__(  # type: ignore[no-untyped-def]
        self,
        primary: Area,
        secondary: Area,
        scratch: Area,
        buf: bytearray,
        trials: int = 3,
        feed=None,
        secret=None,
    ) -> None:
        if scratch.sectors < 1:
            raise StrategyError("the scratch area has no sector")
        SwapBase.__init__(self, primary, secondary, buf, trials, feed, secret)
        self._scratch = scratch

    def _swap_in(self, old: int, new: int) -> None:
        self._exchange(old, new)
        if old == 0 and not self.secondary.sector_blank(0):
            # Nothing was swapped out: what is left of the update must not pass for a way back.
            self.secondary.area.erase(0)

    def _swap_back(self, new: int, old: int) -> None:
        self._exchange(new, old)

    def _exchange(self, old: int, new: int) -> None:
        """Exchange from the last sector down; where only one image has a sector, it is moved."""
        pri, sec, scratch = self.primary.area, self.secondary.area, self._scratch
        for i in range(max(old, new) - 1, -1, -1):
            turn = i % scratch.sectors
            if i < old and i < new:
                self._step(3 * i, sec, i, scratch, turn)
                self._step(3 * i + 1, pri, i, sec, i)
                self._step(3 * i + 2, scratch, turn, pri, i)
            elif i < old:
                self._step(3 * i, pri, i, sec, i)
            else:
                self._step(3 * i, sec, i, pri, i)
