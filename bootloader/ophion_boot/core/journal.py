"""The swap journal: what a cut of power must not make the bootloader forget (SPEC.md 2.3).

It lies at the start of the primary slot's trailer: one record with both image sizes, the marks of
boots on trial, and the progress marks of each sector. Sizes are kept here because after the first
copied sector no header can be trusted to tell them (MCUboot's offset swap reads a header then, and
loses an old image that is larger than the new one).
"""

import binascii
import struct

from ophion_boot.compat import const
from ophion_boot.core.slot import Slot
from ophion_boot.fmt import trailer

_MAGIC = b"OPHJ"
_RECORD = "<4sBBHII"
_SEALS_BYTES = const(320)
_RECORD_BYTES = const(32)
_BODY_BYTES = const(16)
TRIALS_MAX = 8


def trailer_bytes(sectors: int, write_size: int, marks: int, sealed: bool = False) -> int:
    """Bytes of trailer that a primary slot of `sectors` sectors needs, with `marks` progress marks each.

    `sealed`: there are records of wrapped keys too.
    """
    unit = trailer.unit_bytes(write_size)
    seals = _SEALS_BYTES if sealed else 0
    return _RECORD_BYTES + TRIALS_MAX * unit + marks * sectors * write_size + seals + 5 * unit + max(16, unit)


class Journal:
    """Reads and writes the journal of `slot` (the primary one)."""

    def __init__(self, slot: Slot) -> None:
        self._area = slot.area
        self._unit = slot.unit
        self._at = slot.trailer_at
        self._trials_at = self._at + _RECORD_BYTES
        self._marks_at = self._trials_at + TRIALS_MAX * slot.unit
        self._mark = bytearray(slot.area.write_size)

    def write(self, swap_type: int, old_size: int, new_size: int) -> None:
        """Write the record: the swap type and the bytes of the primary's and the secondary's image."""
        body = struct.pack(_RECORD, _MAGIC, 1, swap_type, 0, old_size, new_size)
        body += struct.pack("<I", binascii.crc32(body))
        self._area.program(self._at, body + b"\xff" * (_RECORD_BYTES - len(body)))

    def read(self) -> tuple[int, int, int] | None:
        """(swap type, old size, new size), or None when there is no whole record."""
        data = bytearray(_BODY_BYTES + 4)
        self._area.read(self._at, data)
        magic, version, swap_type, _, old_size, new_size = struct.unpack_from(_RECORD, data, 0)
        if magic != _MAGIC or version != 1:
            return None
        if struct.unpack_from("<I", data, _BODY_BYTES)[0] != binascii.crc32(data[:_BODY_BYTES]):
            return None
        return swap_type, old_size, new_size

    def marks_end(self, marks: int) -> int:
        """The byte of the area behind `marks` progress marks."""
        return self._marks_at + marks * len(self._mark)

    def done(self, step: int) -> bool:
        """True when progress mark `step` was written, whole or torn."""
        self._area.read(self._marks_at + step * len(self._mark), self._mark)
        return any(byte != 0xFF for byte in self._mark)

    def mark(self, step: int) -> None:
        """Write progress mark `step`; the work it stands for must be in flash already."""
        self._area.program(self._marks_at + step * len(self._mark), b"\x00" * len(self._mark))

    def trials_used(self) -> int:
        """Boots on trial so far."""
        count = 0
        for n in range(TRIALS_MAX):
            data = bytearray(self._unit)
            self._area.read(self._trials_at + n * self._unit, data)
            count += trailer.classify_flag(data) != trailer.UNSET
        return count

    def count_trial(self) -> None:
        """Write the mark of one more boot on trial; nothing when all are written."""
        used = self.trials_used()
        if used < TRIALS_MAX:
            self._area.program(self._trials_at + used * self._unit, trailer.flag(self._unit))
