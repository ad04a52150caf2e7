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


def encode(
    old: bytes, new: bytes, path: list[Piece], table_bits: int, segment_bytes: int = SEGMENT_BYTES
) -> bytes:
    """The segments of a patch, one after the other, each of about `segment_bytes` at most."""
    writer = Writer(old, new, table_bits)
    whole = writer.segment(path, len(new))
    if len(whole) <= segment_bytes * 3 // 2:
        return framed(whole, 0)
    ends = _segment_ends(writer.progress, len(whole), segment_bytes)
    parts = []
    for start, end in zip([0, *ends], [*ends, len(new)], strict=True):
        pieces = [
            Piece(max(piece.start, start), min(piece.end, end), piece.diagonal)
            for piece in path
            if piece.start < end and piece.end > start
        ]
        parts.append(framed(writer.segment(pieces, end), 0 if end == len(new) else end // SECTOR))
    return b"".join(parts)


def framed(data: bytes, sectors: int) -> bytes:
    """A segment: its head, then `data`."""
    return len(data).to_bytes(2, "little") + sectors.to_bytes(2, "little") + data


def _segment_ends(progress: list[tuple[int, int]], size: int, segment_bytes: int) -> list[int]:
    """Where in the image to begin anew, so that the segments are about equally long; whole sectors."""
    step = size / (size // segment_bytes + 1)
    ends: list[int] = []
    for made, coded in progress:
        end = made // SECTOR * SECTOR
        if coded >= step * (len(ends) + 1) and end > (ends[-1] if ends else 0):
            ends.append(end)
    return ends


class Writer:
    """Writes segments one after the other. `progress` are (bytes of the image, bytes of the segment)."""

    def __init__(self, old: bytes, new: bytes, table_bits: int) -> None:
        self._old = old
        self._new = new
        # The contexts are of the byte at the pointer and the one before it, 0 outside of the image.
        self._framed = b"\0" + old + b"\0"
        self.coder = Coder(table_bits)

    def segment(self, pieces: list[Piece], end: int) -> bytes:
        """The segment of `pieces`, which end at byte `end` of the image."""
        self.progress: list[tuple[int, int]] = []
        self._start = self._made = pieces[0].start
        self._end = end
        self._pointer = min(self._made, len(self._old))
        self._since = self._seen = self._last = self._substitute = 0
        for piece in pieces:
            if piece.diagonal is None:
                self._insert(piece)
            else:
                self._follow(piece, piece.diagonal)
        return self.coder.finish()

    def _note(self) -> None:
        """Remember how far the segment is, now and then."""
        if not self.progress or self._made // SECTOR > self.progress[-1][0] // SECTOR:
            self.progress.append((self._made, self.coder.size))

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
        while self._made < piece.end:
            self._keep(equal_bytes(self._old, self._pointer, self._new, self._made, piece.end - self._made))
            if self._made < piece.end:
                self._event(_SUBSTITUTE)
                here, before = self._beside()
                value = self._new[self._made] - here & 255
                self.coder.symbol(_SUBSTITUTED, 8, value, self._substitute, here, before)
                self._substitute = value
                self._pass(1)
            self._note()

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
                count -= self._pass(1)
        # A run is read as soon as it can be, though none of its bytes stays.
        if self._since == _STEP and self._made < self._end:
            self._run(0)

    def _run(self, count: int) -> int:
        """As many of `count` bytes as a number of steps can say; the last one may be cut short."""
        room = min(len(self._old) - self._pointer, self._end - self._made)
        steps = (count + _STEP - 1 if count == room else count) // _STEP
        self._number(_RUN, steps)
        self._since, self._seen = _STEP + 1, _KEPT
        return self._pass(min(steps * _STEP, count))

    def _pass(self, count: int) -> int:
        self._pointer += count
        self._made += count
        return count

    def _flag(self, bit: int) -> None:
        here, before = self._beside()
        since = self._since if self._since < 16 else 15 if self._since <= _STEP else 16
        seen = self._seen
        self.coder.symbol(
            _FLAG, 1, bit, since | self._last << 5, here | (seen & 3) << 8, before | (seen & 1) << 8
        )

    def _event(self, event: int) -> None:
        self._flag(1)
        self.coder.symbol(_EVENT, 2, event, 0, self._beside()[1], self._last << 4 | self._seen & 15)
        self._since, self._seen, self._last = 0, self._seen << 1 & 255, event

    def _number(self, kind: int, value: int) -> None:
        """A number of up to 28 bits, 7 at a time, the highest first."""
        count = max(1, (value.bit_length() + 6) // 7)
        before = 0
        for i in range(count):
            part = value >> 7 * (count - 1 - i) & 127
            more = 0 if i == count - 1 else 128
            self.coder.symbol(kind, 8, part | more, i, self._last, before | i << 7)
            before = part

    def _insert(self, piece: Piece) -> None:
        """Bytes that are spelled out."""
        self._event(_INSERT)
        new, start = self._new, self._start
        for at in range(piece.start, piece.end):
            if at > piece.start:
                self._flag(0)
            last = new[at - 1] if at > start else 0
            self.coder.symbol(_LITERAL, 8, new[at], 0, last, new[at - 2] if at > start + 1 else 0)
            self._made = at + 1
            self._note()
