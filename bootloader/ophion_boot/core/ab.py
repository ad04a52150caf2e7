"""Install strategy `ab`: two slots of one size, mounted where they lie; an update is a change of pointer.

Nothing is copied and nothing is erased at boot. The trailer of each slot holds a record with a sequence
number; the slot with the highest one that was not rejected runs. A record is one write with a CRC: it is
there or not. It lies in sectors of its own, apart from the flags that belong to it and erased before
them, so that no torn erase leaves a record without its flags.
"""

from ophion_boot.compat import const
from ophion_boot.core.area import Area
from ophion_boot.core.decide import Facts
from ophion_boot.core.journal import TRIALS_MAX, Journal
from ophion_boot.core.slot import Slot
from ophion_boot.core.strategy import StrategyError
from ophion_boot.core.swap_base import SwapBase
from ophion_boot.fmt import trailer

NAME = "ab"
_RECORD_BYTES = const(32)
# A flag below MCUboot's fields: the image in this slot is not to run.
_REJECTED = const(6)


class AB(SwapBase):
    """The arguments are those of SwapBase: `primary` is slot A, `secondary` slot B.

    `self.primary` is the slot that runs and `self.secondary` the other one. Which is which is chosen
    when the object is made and changes only when the bootloader installs, goes back or repairs.
    """

    name = NAME

    def __init__(self, primary: Area, secondary: Area, buf: bytearray, trials: int = 3, feed=None) -> None:  # type: ignore[no-untyped-def]
        if primary.size != secondary.size:
            raise StrategyError(
                "slots of %d and %d sectors are not equal" % (primary.sectors, secondary.sectors)
            )
        SwapBase.__init__(self, primary, secondary, buf, trials, feed)
        if _readable(_rank, self.secondary, self._note) > _readable(_rank, self.primary, self._journal):
            self._switch()
        if _readable(_asked, self.primary, self._journal) == 1:
            self._switch()

    @classmethod
    def _trailer_sectors(cls, primary: int, sector: int, write_size: int) -> int:
        unit = trailer.unit_bytes(write_size)
        flags = _REJECTED * unit + max(trailer.MAGIC_BYTES, unit)
        return -(-(_RECORD_BYTES + TRIALS_MAX * unit) // sector) - (-flags // sector)

    def _installed(self) -> bool:
        recorded = self._journal.read() is not None
        return recorded and self.primary.flag(trailer.COPY_DONE) != trailer.UNSET

    def ways_back(self) -> tuple[tuple[Area, bool, str], ...]:
        """What may run when a trial is over: the other image, unless that was rejected too."""
        if _rejected(self.secondary):
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
        asked = _asked(other, self._note) and _rank(other, self._note) > _rank(run, self._journal)
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

    def install(self, swap_type: int, old_size: int, new_size: int) -> None:
        """Run the other slot, which was asked for."""
        self.secondary.write_flag(trailer.COPY_DONE)
        self._switch()

    def revert(self, new_size: int, old_size: int) -> None:
        """Run the other slot; this one is rejected.

        A slot that takes no mark (its flash fails) is left behind without one: every boot finds out anew.
        """
        try:
            self.primary.write_flag(_REJECTED)
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
        number = _number(self._journal) + 1
        self._note.write(trailer.PERM if permanent else trailer.TEST, number, 0)

    def _clear_other(self) -> None:
        """Erase the other slot's trailer, record before flags; the slot that runs has a record by then.

        Without that record a slot with a blank trailer could be as good as the one that runs.
        """
        self._settle()
        slot = self.secondary
        for sector in range(slot.trailer_sector, slot.area.sectors):
            if not slot.sector_blank(sector):
                slot.area.erase(sector)

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
        self._journal.write(trailer.PERM, _number(self._note) + 1, 0)

    def _flag_sectors(self) -> int:
        size = self.primary.area.size
        return -(-(size - trailer.field_at(size, self.primary.unit, _REJECTED)) // self._sector)


def _number(record: Journal) -> int:
    """The sequence number of a slot: 0 without a whole record."""
    found = record.read()
    return found[1] if found else 0


def _rejected(slot: Slot) -> bool:
    return slot.flag(_REJECTED) != trailer.UNSET


def _rank(slot: Slot, record: Journal) -> int:
    return -1 if _rejected(slot) else _number(record)


def _readable(question, slot: Slot, record: Journal) -> int:  # type: ignore[no-untyped-def]
    """The answer to `question` as a number; less than any for a slot that cannot be read."""
    try:
        return int(question(slot, record))
    except OSError:
        return -2


def _asked(slot: Slot, record: Journal) -> bool:
    """True while the slot waits for its first boot: a record, and no mark of an installation."""
    if _rejected(slot) or record.read() is None:
        return False
    return slot.flag(trailer.COPY_DONE) == trailer.UNSET
