"""From a path through the old image (`ophion.delta.matching`) to the bytes of a patch."""

from __future__ import annotations

from ophion_boot.fmt.delta import SECTOR

from ophion.delta.coder import Coder
from ophion.delta.matching import Piece, equal_bytes

SEGMENT_BYTES = 16 * 1024
"""About as long as a segment gets: so much has to be read again after a reset."""

_FLAG, _EVENT, _SUBSTITUTED, _LITERAL, _RUN, _DISTANCE = range(6)
_SUBSTITUTE, _INSERT, _MOVE, _INSERTED = range(4)
_STEP = 32
_KEPT = 255
_SEGMENT_MAX = 0xFFFF


def encode(
    old: bytes, new: bytes, path: list[Piece], table_bits: int, segment_bytes: int = SEGMENT_BYTES
) -> bytes:
    """The segments of a patch, one after the other, each of about `segment_bytes`."""
    writer = Writer(old, new, table_bits)
    whole = writer.segment(path, segment_bytes * 3 // 2)
    if writer.made == len(new):
        return framed(whole, 0)
    parts = []
    start = 0
    while start < len(new):
        pieces = [piece._replace(start=max(piece.start, start)) for piece in path if piece.end > start]
        data = writer.segment(pieces, segment_bytes)
        start = writer.made
        parts.append(framed(data, 0 if start == len(new) else start // SECTOR))
    return b"".join(parts)


def framed(data: bytes, sectors: int) -> bytes:
    """A segment: its head, then `data`."""
    return len(data).to_bytes(2, "little") + sectors.to_bytes(2, "little") + data


class Writer:
    """Writes segments one after the other. `made` are the bytes of the image that there are so far."""

    def __init__(self, old: bytes, new: bytes, table_bits: int) -> None:
        self._old = old
        self._new = new
        # The contexts are of the byte at the pointer and the one before it, 0 outside of the image.
        self._framed = b"\0" + old + b"\0"
        self.coder = Coder(table_bits)
        self._symbol = self.coder.symbol

    def segment(self, pieces: list[Piece], most: int) -> bytes:
        """The segment of `pieces`; once it has `most` bytes it ends with the sector, perhaps before them."""
        self._start = self.made = pieces[0].start
        self._end = pieces[-1].end
        self._most = most
        self._pointer = min(self.made, len(self._old))
        self._since = self._seen = self._last = self._substitute = 0
        for piece in pieces:
            if piece.start >= self._end:
                break
            if piece.diagonal is None:
                self._insert(piece)
            else:
                self._follow(piece, piece.diagonal)
        return self.coder.finish()

    def _check_size(self) -> None:
        """Bring the end closer when the segment is long enough."""
        if self.coder.size >= self._most:
            self._end = min(self._end, (self.made // SECTOR + 1) * SECTOR)
            self._most = _SEGMENT_MAX

    def _follow(self, piece: Piece, diagonal: int) -> None:
        """Bytes of the old image, some of them substituted."""
        if self._last == _INSERT:
            self._flag(1)
            self._last = _INSERTED
        distance = piece.start + diagonal - self._pointer
        if distance:
            self._event(_MOVE)
            self._number(_DISTANCE, 2 * distance - 2 if distance > 0 else -2 * distance - 1)
            self._pointer += distance
        while self.made < (end := min(piece.end, self._end)):
            self._keep(equal_bytes(self._old, self._pointer, self._new, self.made, end - self.made))
            if self.made < end:
                self._event(_SUBSTITUTE)
                here, before = self._beside()
                value = self._new[self.made] - here & 255
                self._symbol(_SUBSTITUTED, 8, value, self._substitute, here, before)
                self._substitute = value
                self._pass(1)
            self._check_size()

    def _beside(self) -> tuple[int, int]:
        return self._framed[self._pointer + 1], self._framed[self._pointer]

    def _keep(self, count: int) -> None:
        """`count` bytes stay as they are."""
        while count:
            if self._since == _STEP:
                count -= self._run(count)
            else:
                self._flag(0)
                self._since += 1
                self._seen = self._seen << 1 & 255 | 1
                self._pointer += 1
                self.made += 1
                count -= 1
        # A run is read as soon as it can be, though none of its bytes stays.
        if self._since == _STEP and self.made < self._end:
            self._run(0)

    def _run(self, count: int) -> int:
        """As many of `count` bytes as a number of steps can say; the last one may be cut short."""
        room = min(len(self._old) - self._pointer, self._end - self.made)
        steps = (count + _STEP - 1 if count == room else count) // _STEP
        self._number(_RUN, steps)
        self._since, self._seen = _STEP + 1, _KEPT
        return self._pass(min(steps * _STEP, count))

    def _pass(self, count: int) -> int:
        self._pointer += count
        self.made += count
        return count

    def _flag(self, bit: int) -> None:
        pointer, since, seen = self._pointer, self._since, self._seen
        self._symbol(
            _FLAG,
            1,
            bit,
            (since if since < 16 else 15 if since <= _STEP else 16) | self._last << 5,
            self._framed[pointer + 1] | (seen & 3) << 8,
            self._framed[pointer] | (seen & 1) << 8,
        )

    def _event(self, event: int) -> None:
        self._flag(1)
        self._symbol(_EVENT, 2, event, 0, self._beside()[1], self._last << 4 | self._seen & 15)
        self._since, self._seen, self._last = 0, self._seen << 1 & 255, event

    def _number(self, kind: int, value: int) -> None:
        """A number of up to 28 bits, 7 at a time, the highest first."""
        count = max(1, (value.bit_length() + 6) // 7)
        before = 0
        for i in range(count):
            part = value >> 7 * (count - 1 - i) & 127
            more = 0 if i == count - 1 else 128
            self._symbol(kind, 8, part | more, i, self._last, before | i << 7)
            before = part

    def _insert(self, piece: Piece) -> None:
        """Bytes that are spelled out."""
        self._event(_INSERT)
        new, start = self._new, self._start
        while self.made < min(piece.end, self._end):
            at = self.made
            if at > piece.start:
                self._flag(0)
            last = new[at - 1] if at > start else 0
            self._symbol(_LITERAL, 8, new[at], 0, last, new[at - 2] if at > start + 1 else 0)
            self.made = at + 1
            self._check_size()
