"""Install strategy `ab`: two slots of one size, mounted where they lie; an update is a change of pointer.

Nothing is copied and nothing is erased at boot. The slot that ranks first runs (`core/ranked.py`).
"""

from ophion_boot.core import ranked
from ophion_boot.core.area import Area
from ophion_boot.core.decide import Facts
from ophion_boot.core.journal import Journal
from ophion_boot.core.slot import Slot
from ophion_boot.core.strategy import StrategyError
from ophion_boot.core.swap_base import SwapBase
from ophion_boot.fmt import trailer

NAME = "ab"


class AB(SwapBase):
    """The arguments are those of SwapBase: `primary` is slot A, `secondary` slot B.

    `self.primary` is the slot that runs and `self.secondary` the other one. Which is which is chosen
    when the object is made and changes only when the bootloader installs, goes back or repairs.
    """

    name = NAME
    # An image runs where it lies.
    takes_encrypted = False

    def __init__(self, primary: Area, secondary: Area, buf: bytearray, trials: int = 3, feed=None) -> None:  # type: ignore[no-untyped-def]
        if primary.size != secondary.size:
            raise StrategyError(
                "slots of %d and %d sectors are not equal" % (primary.sectors, secondary.sectors)
            )
        SwapBase.__init__(self, primary, secondary, buf, trials, feed)
        if _readable(ranked.rank, self.secondary, self._note) > _readable(
            ranked.rank, self.primary, self._journal
        ):
            self._switch()
        if _readable(_asked, self.primary, self._journal) == 1:
            self._switch()

    @classmethod
    def _trailer_sectors(cls, primary: int, sector: int, write_size: int, sealed: bool = False) -> int:
        unit = trailer.unit_bytes(write_size)
        return -(-ranked.record_bytes(unit) // sector) - (-ranked.flag_bytes(unit) // sector)

    def _installed(self) -> bool:
        recorded = self._journal.read() is not None
        return recorded and self.primary.flag(trailer.COPY_DONE) != trailer.UNSET

    def ways_back(self) -> tuple[tuple[Area, bool, str], ...]:
        """What may run when a trial is over: the other image, unless that was rejected too."""
        if ranked.rejected(self.secondary):
            return ()
        return ((self.swapped_out(), True, ""),)

    def spares(self) -> tuple[tuple[Area, bool, str], ...]:
        """What may run when the active image is damaged: the same."""
        return self.ways_back()

    def facts(self) -> Facts:
        """What the trailers say, as the table of the swaps knows it; there is no note and no half-done swap.

        A magic stands for a record that counts, the other slot's only while it asks to be installed.
        """
        run, other = self.primary, self.secondary
        asked = _asked(other, self._note) and ranked.rank(other, self._note) > ranked.rank(run, self._journal)
        recorded = self._journal.read() is not None
        return Facts(
            False,
            trailer.GOOD if asked else trailer.UNSET,
            other.flag(trailer.IMAGE_OK),
            trailer.UNSET,
            trailer.GOOD if recorded else trailer.UNSET,
            run.flag(trailer.IMAGE_OK),
            run.flag(trailer.COPY_DONE),
            recorded and self._journal.trials_used() < self._trials,
        )

    def discard(self) -> None:
        """Forget what the other slot holds: its record, its flags, its header."""
        self._clear_other()
        if not self.secondary.sector_blank(0):
            self.secondary.area.erase(0)

    def install(self, swap_type: int, old_size: int, new_size: int, seals: tuple = (None, None)) -> None:
        """Run the other slot, which was asked for."""
        self.secondary.write_flag(trailer.COPY_DONE)
        self._switch()

    def revert(self, new_size: int, old_size: int, seals: tuple = (None, None)) -> None:
        """Run the other slot; this one is rejected.

        A slot that takes no mark (its flash fails) is left behind without one: every boot finds out anew.
        """
        try:
            self.primary.write_flag(ranked.REJECTED)
        except OSError:
            pass
        self._switch()

    def interrupted(self) -> bool:
        """Never: see `resume`."""
        return False

    def resume(self) -> None:
        """Nothing: there is no step that can be half done."""

    def keep(self) -> None:
        """End a trial whose way back is lost: the image that runs stays."""
        self.primary.write_flag(trailer.IMAGE_OK)

    def _switch(self) -> None:
        self.primary, self.secondary = self.secondary, self.primary
        self._journal, self._note = self._note, self._journal

    def _request(self, permanent: bool) -> None:
        """Make the other slot the one with the highest number: flags first, then the record."""
        self._clear_other()
        if permanent:
            self.secondary.write_flag(trailer.IMAGE_OK)
        number = ranked.number(self._journal) + 1
        self._note.write(trailer.PERM if permanent else trailer.TEST, number, 0)

    def _clear_other(self) -> None:
        """Erase the other slot's trailer, record before flags; the slot that runs has a record by then.

        Without that record a slot with a blank trailer could be as good as the one that runs.
        """
        self._settle()
        ranked.clear(self.secondary)

    def _settle(self) -> None:
        """Give the slot that runs a record, if it came without one (from the factory)."""
        if self._journal.read() is not None:
            return
        slot = self.primary
        # A record that is torn, and marks that no record vouches for.
        for sector in range(slot.trailer_sector, slot.area.sectors - self._flag_sectors()):
            if not slot.sector_blank(sector):
                slot.area.erase(sector)
        slot.write_flag(trailer.IMAGE_OK)
        slot.write_flag(trailer.COPY_DONE)
        self._journal.write(trailer.PERM, ranked.number(self._note) + 1, 0)

    def _flag_sectors(self) -> int:
        size = self.primary.area.size
        return -(-(size - trailer.field_at(size, self.primary.unit, ranked.REJECTED)) // self._sector)


def _readable(question, slot: Slot, record: Journal) -> int:  # type: ignore[no-untyped-def]
    """The answer to `question` as a number; less than any for a slot that cannot be read."""
    try:
        return int(question(slot, record))
    except OSError:
        return -2


def _asked(slot: Slot, record: Journal) -> bool:
    """True while the slot waits for its first boot: a record, and no mark of an installation."""
    if ranked.rejected(slot) or record.read() is None:
        return False
    return slot.flag(trailer.COPY_DONE) == trailer.UNSET
