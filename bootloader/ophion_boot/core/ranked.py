"""Slots that are chosen by rank and not by moving images: strategy `ab` and the runtime's slots.

A slot's trailer has record sectors (a record with a sequence number, the marks of boots on trial) and,
in sectors of their own, flags. The slot with the highest number that is not rejected ranks first. A
record is one write with a CRC: it is there or not. It is erased before its flags, so that no torn erase
leaves a record without them.
"""

from ophion_boot.compat import const
from ophion_boot.core.journal import TRIALS_MAX, Journal
from ophion_boot.core.slot import Slot
from ophion_boot.fmt import trailer

_RECORD_BYTES = const(32)
# A flag below MCUboot's fields: the image in this slot is not to run.
REJECTED = 6


def record_bytes(unit: int) -> int:
    """Bytes of a record and its marks, for flags of `unit` bytes."""
    return _RECORD_BYTES + TRIALS_MAX * unit


def flag_bytes(unit: int) -> int:
    """Bytes of the flags, the place of MCUboot's magic included."""
    return REJECTED * unit + max(trailer.MAGIC_BYTES, unit)


def number(record: Journal) -> int:
    """The sequence number of a slot: 0 without a whole record."""
    found = record.read()
    return found[1] if found else 0


def rejected(slot: Slot) -> bool:
    """The image in `slot` is not to run."""
    return slot.flag(REJECTED) != trailer.UNSET


def rank(slot: Slot, record: Journal) -> int:
    """-1 when rejected, else the sequence number."""
    return -1 if rejected(slot) else number(record)


def clear(slot: Slot) -> None:
    """Erase the trailer of `slot`, record before flags; sectors that are blank are left alone."""
    for sector in range(slot.trailer_sector, slot.area.sectors):
        if not slot.sector_blank(sector):
            slot.area.erase(sector)
