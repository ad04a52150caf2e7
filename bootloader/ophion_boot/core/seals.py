"""The wrapped keys of both images of a swap, behind the marks of its journal (SPEC.md 9.5).

After the first copied sector no TLV can be trusted to lie where it was, so a swap that goes on reads these.
"""

from ophion_boot.compat import const
from ophion_boot.core.area import Area
from ophion_boot.fmt import FormatError
from ophion_boot.fmt.wrapped import RECORD_BYTES, Seal, pack_record, parse_record

_IMAGES = const(2)


class Seals:
    """Two records in `area`, at byte `at`: the primary's image and the secondary's."""

    def __init__(self, area: Area, at: int) -> None:
        self._area = area
        self._at = at

    def write(self, seals: tuple) -> None:
        """Write both: Seals, None for a plain image."""
        for n in range(_IMAGES):
            self._area.program(self._at + n * RECORD_BYTES, pack_record(seals[n]))

    def read(self) -> list[Seal | None] | None:
        """What `write` wrote, or None when a record is not whole."""
        data = bytearray(RECORD_BYTES)
        found: list[Seal | None] = []
        for n in range(_IMAGES):
            self._area.read(self._at + n * RECORD_BYTES, data)
            try:
                found.append(parse_record(data))
            except FormatError:
                return None
        return found
