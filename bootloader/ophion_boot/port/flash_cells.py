"""Persistent cells on two flash sectors, for targets without NVS: one CBOR map, written as a log.

A record goes behind the last one of the current sector; when the sector is full, the other one is
erased and takes the next record. The newest whole record counts, so a cut of power costs at most the
record being written. Beside them there is one number that changes often, the mark: 12 bytes each time.
SPEC.md 5 has the bytes.
"""

import binascii
import struct

from ophion_boot.core.area import Area
from ophion_boot.fmt import FormatError
from ophion_boot.fmt.cbor import decode_map, encode

_MAGIC = b"OPHC"
_HEAD = "<4sIHHI"
_HEAD_BYTES = 16
_MARK_MAGIC = b"OPHU"
_MARK = "<4sII"
_MARK_BYTES = 12
# Number and check make this sum. A torn program has too many bits set, in either: then the sum is larger.
_MARK_SUM = 0x3FFFFFFF
# Where a record's map has the mark: no cell is named by a number.
_MARK_KEY = 0


class FlashCells:
    """Named byte strings in `area` (two sectors); all of them together must fit in one sector."""

    def __init__(self, area: Area) -> None:
        self._area = area
        self._sector = area.sector
        self._values: dict = {}
        self._mark = 0
        self._mark_record = bytearray(b"\xff" * self._padded(_MARK_BYTES))
        self._number = 0
        self._at = 0
        self._end = 0
        for sector in range(2):
            self._scan(sector)

    def load(self, name: str) -> bytes | None:
        """The bytes stored under `name`, or None."""
        value = self._values.get(name)
        return None if value is None else bytes(value)

    def store(self, name: str, data: bytes) -> None:
        """Store `data` (bytes) under `name`; raises ValueError when the cells would not fit."""
        values = dict(self._values)
        values[name] = bytes(data)
        self._write(values)

    def mark(self, value: int | None = None) -> int:
        """Read the mark, 0 at first, or set it to `value` (0 to 2**30 - 1)."""
        if value is None:
            return self._mark
        at, step = self._at, len(self._mark_record)
        if self._number == 0 or at + step > self._end:
            before, self._mark = self._mark, value
            try:
                self._write(self._values)
            except (OSError, ValueError):
                self._mark = before
                raise
            return value
        struct.pack_into(_MARK, self._mark_record, 0, _MARK_MAGIC, value, _MARK_SUM - value)
        self._at = at + step
        self._area.program(at, self._mark_record)
        self._mark = value
        return value

    def _write(self, values: dict) -> None:
        body = encode(values)
        if self._mark:
            body = encode(dict(list(values.items()) + [(_MARK_KEY, self._mark)]))
        size = self._padded(_HEAD_BYTES + len(body))
        if size > self._sector:
            raise ValueError("cells of %d bytes do not fit in %d" % (size, self._sector))
        if self._number == 0 or self._at + size > self._end:
            self._next_sector()
        number = self._number + 1
        head = struct.pack("<4sIHH", _MAGIC, number, len(body), 0)
        head += struct.pack("<I", binascii.crc32(body, binascii.crc32(head)))
        record = head + body
        self._area.program(self._at, record + b"\xff" * (size - len(record)))
        self._at += size
        self._number = number
        self._values = values

    def _next_sector(self) -> None:
        sector = 0 if self._number == 0 or self._end == 2 * self._sector else 1
        self._area.erase(sector)
        self._at = sector * self._sector
        self._end = self._at + self._sector

    def _scan(self, sector: int) -> None:
        """Take the newest record of `sector`, if it is newer than what is known."""
        data = bytearray(self._sector)
        try:
            self._area.read(sector * self._sector, data)
        except OSError:
            return  # what cannot be read is lost; the boot goes on
        at = 0
        while at + _HEAD_BYTES <= self._sector:
            magic, number, size, _, crc = struct.unpack_from(_HEAD, data, at)
            if magic == _MARK_MAGIC:
                number, check = struct.unpack_from("<II", data, at + 4)
                if number + check != _MARK_SUM:
                    break
                if self._end == (sector + 1) * self._sector:
                    self._mark = number
                at += len(self._mark_record)
                continue
            end = at + _HEAD_BYTES + size
            if magic != _MAGIC or end > self._sector:
                break
            body = bytes(data[at + _HEAD_BYTES : end])
            if (
                crc == binascii.crc32(body, binascii.crc32(bytes(data[at : at + 12])))
                and number > self._number
            ):
                self._take(sector, number, body)
            at += self._padded(_HEAD_BYTES + size)
        if self._end == (sector + 1) * self._sector:
            self._at = self._first_blank(data, at, sector)

    def _take(self, sector: int, number: int, body: bytes) -> None:
        try:
            self._values = decode_map(body)
        except FormatError:
            return
        mark = self._values.pop(_MARK_KEY, 0)
        self._mark = mark if isinstance(mark, int) else 0
        self._number = number
        self._end = (sector + 1) * self._sector

    def _first_blank(self, data: bytearray, at: int, sector: int) -> int:
        """Where the next record may go: after a torn record nowhere in this sector."""
        blank = memoryview(data)[at:] == b"\xff" * (self._sector - at)
        return sector * self._sector + (at if blank else self._sector)

    def _padded(self, size: int) -> int:
        unit = self._area.write_size
        return (size + unit - 1) // unit * unit
