"""From a path through the old image (`ophion.delta.matching`) to the bytes of a patch."""

from __future__ import annotations

from ophion_boot.core import delta_model as codes
from ophion_boot.fmt.delta import SECTOR

from ophion.delta.coder import Coder
from ophion.delta.matching import BACK_MAX, NEAR, Piece, equal_bytes

_SEGMENT_BYTES = 16 * 1024
"""About as long as a segment gets: so much has to be read again after a reset, at most."""


def encode(old: bytes, new: bytes, path: list[Piece], table_bits: int) -> bytes:
    """The segments of a patch, one after the other."""
    writer = _Writer(old, new, table_bits)
    whole = writer.segment(path, len(new))
    if len(whole) <= _SEGMENT_BYTES * 3 // 2:
        return _framed(whole, 0)
    ends = _segment_ends(writer.progress, len(whole))
    parts = []
    for start, end in zip([0, *ends], [*ends, len(new)], strict=True):
        pieces = [
            Piece(max(piece.start, start), min(piece.end, end), piece.diagonal)
            for piece in path
            if piece.start < end and piece.end > start
        ]
        parts.append(_framed(writer.segment(pieces, end), 0 if end == len(new) else end // SECTOR))
    return b"".join(parts)


def _framed(data: bytes, sectors: int) -> bytes:
    return len(data).to_bytes(2, "little") + sectors.to_bytes(2, "little") + data


def _segment_ends(progress: list[tuple[int, int]], size: int) -> list[int]:
    """Where in the image to begin anew, so that the segments are about equally long; whole sectors."""
    step = size / (size // _SEGMENT_BYTES + 1)
    ends: list[int] = []
    for made, coded in progress:
        end = made // SECTOR * SECTOR
        if coded >= step * (len(ends) + 1) and end > (ends[-1] if ends else 0):
            ends.append(end)
    return ends


class _Writer:
    """Writes segments one after the other. `progress` are (bytes of the image, bytes of the segment)."""

    def __init__(self, old: bytes, new: bytes, table_bits: int) -> None:
        self._old = old
        self._new = new
        # The model looks at the byte before the first and at the one behind the last.
        self._framed = b"\0" + old + b"\0"
        self._coder = Coder(table_bits)
        self._model = self._coder.model

    def segment(self, pieces: list[Piece], end: int) -> bytes:
        """The segment of `pieces`, which end at byte `end` of the image."""
        self.progress: list[tuple[int, int]] = []
        self._start = self._made = pieces[0].start
        self._end = end
        self._pointer = self._way_back = min(self._made, len(self._old))
        for piece in pieces:
            if piece.diagonal is None:
                self._insert(piece)
            else:
                self._follow(piece, piece.diagonal)
            self.progress.append((self._made, self._coder.size))
        return self._coder.finish()

    def _follow(self, piece: Piece, diagonal: int) -> None:
        """Bytes of the old image, some of them substituted."""
        if piece.start + diagonal != self._pointer:
            self._move(piece.start + diagonal)
        while self._made < piece.end:
            count = equal_bytes(self._old, self._pointer, self._new, self._made, piece.end - self._made)
            self._keep(count)
            if self._made < piece.end:
                here, before = self._event(codes.SUBSTITUTE)
                delta = (self._new[self._made] - here) & 255
                self._coder.want(delta, 8)
                self._model.substitute(here, before)
                self._pointer += 1
                self._made += 1

    def _room(self) -> int:
        return min(len(self._old) - self._pointer, self._end - self._made)

    def _keep(self, count: int) -> None:
        """`count` bytes stay as they are; then an event, or the end of what there is room for."""
        st = self._model.st
        while True:
            room = self._room()
            most = count
            if not st[codes.TAIL] and room >= codes.STEP:
                most = min(count, codes.STEP - st[codes.SINCE])
                if st[codes.SINCE] == codes.STEP:
                    most = self._run(count, room)
                    self._advance(most)
                    count -= most
                    continue
            self._coder.wanted.extend([0] * most)
            if most:
                self._model.flags(self._framed, self._pointer + 1, most)
            self._advance(most)
            count -= most
            if not count and (st[codes.TAIL] or st[codes.SINCE] < codes.STEP or self._room() < codes.STEP):
                return

    def _run(self, count: int, room: int) -> int:
        steps = (count + codes.STEP - 1 if count == room else count) // codes.STEP
        self._number(codes.RUN, steps)
        self._model.keep()
        return min(steps * codes.STEP, count)

    def _advance(self, count: int) -> None:
        self._pointer += count
        self._made += count

    def _event(self, kind: int) -> tuple[int, int]:
        """An event at the pointer; the old byte there and the one before it."""
        if self._room():
            self._coder.want(1, 1)
            self._model.flags(self._framed, self._pointer + 1, 1)
        here, before = self._framed[self._pointer + 1], self._framed[self._pointer]
        self._coder.want(kind, 2)
        self._model.event(here, before)
        return here, before

    def _number(self, kind: int, value: int) -> None:
        self._coder.want_number(value)
        self._model.number(kind)

    def _insert(self, piece: Piece) -> None:
        """Bytes that are spelled out."""
        self._event(codes.INSERT)
        count = piece.end - piece.start
        self._number(codes.LENGTH, count - 1)
        st = self._model.st
        st[codes.LAST] = self._new[self._made - 1] if self._made > self._start else 0
        st[codes.SECOND] = self._new[self._made - 2] if self._made > self._start + 1 else 0
        for byte in self._new[piece.start : piece.end]:
            self._coder.want(byte, 8)
        here = self._framed[self._pointer + 1 : self._pointer + 2]
        self._model.literals(here, bytearray(count), 0, count)
        self._made += count

    def _move(self, target: int) -> None:
        distance = target - self._pointer
        back = target - self._way_back
        if abs(back) <= BACK_MAX and 2 * abs(back) < abs(distance):
            self._event(codes.BACK)
            self._number(codes.WAY_BACK, 2 * back if back >= 0 else -2 * back - 1)
            self._way_back = self._pointer
        else:
            self._event(codes.MOVE)
            self._number(codes.DISTANCE, 2 * distance - 2 if distance > 0 else -2 * distance - 1)
            if not 0 < distance <= NEAR:
                self._way_back = self._pointer
        self._pointer = target
