"""A slot: an area whose last sectors are kept for its trailer, and the trailer's reads and writes."""

from ophion_boot.core.area import Area
from ophion_boot.fmt import trailer


class Slot:
    """`area` with `trailer_sectors` at its end; an image may use what is before them."""

    def __init__(self, area: Area, trailer_sectors: int) -> None:
        self.area = area
        self.unit = trailer.unit_bytes(area.write_size)
        self.trailer_sector = area.sectors - trailer_sectors
        self.trailer_at = self.trailer_sector * area.sector

    def magic(self) -> int:
        """UNSET, GOOD or BAD."""
        return trailer.classify_magic(
            self._read(trailer.magic_at(self.area.size), trailer.MAGIC_BYTES), self.unit
        )

    def flag(self, field: int) -> int:
        """UNSET, SET or BAD for image_ok and copy_done."""
        return trailer.classify_flag(self._read(self._at(field), self.unit))

    def swap_type(self) -> int:
        """The low four bits of swap_info: 15 when erased."""
        return self._read(self._at(trailer.SWAP_INFO), 1)[0] & 15

    def write_magic(self) -> None:
        """The mark that makes the fields below it count: written last."""
        at = trailer.magic_at(self.area.size)
        step = self.area.write_size
        if at % step:
            # A flag unit of 32 bytes: the magic is the second half of the last unit.
            self.area.program(at // step * step, b"\xff" * (at % step) + trailer.magic(self.unit))
        else:
            self.area.program(at, trailer.magic(self.unit))

    def write_field(self, field: int, data: bytes) -> None:
        """Program one field (at most one unit of bytes); it must be erased."""
        self.area.program(self._at(field), data + b"\xff" * (self.unit - len(data)))

    def write_flag(self, field: int) -> None:
        """Set image_ok or copy_done, unless a byte of it was already written."""
        if self.flag(field) == trailer.UNSET:
            self.area.program(self._at(field), trailer.flag(self.unit))

    def erase_trailer(self) -> None:
        """Erase the trailer from its end, so that the magic goes first; nothing if it is blank."""
        for sector in range(self.area.sectors - 1, self.trailer_sector - 1, -1):
            if not self.sector_blank(sector):
                self.area.erase(sector)

    def sector_blank(self, sector: int) -> bool:
        """True when every byte of the sector reads 0xff."""
        return self.area.blank(sector)

    def _at(self, field: int) -> int:
        return trailer.field_at(self.area.size, self.unit, field)

    def _read(self, at: int, length: int) -> bytes:
        buf = bytearray(length)
        self.area.read(at, buf)
        return bytes(buf)
