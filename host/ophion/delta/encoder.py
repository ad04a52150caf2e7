"""From a path through the old image (`ophion.delta.matching`) to the bytes of a patch."""

from __future__ import annotations

from ophion_boot.core import delta_model as codes
from ophion_boot.fmt.delta import SECTOR

from ophion.delta.coder import Coder
from ophion.delta.matching import BACK_MAX, NEAR, Piece, equal_bytes

SEGMENT_BYTES = 16 * 1024
"""About as long as a segment gets: so much has to be read again after a reset."""

_CHUNK = 1024


def encode(
    old: bytes, new: bytes, path: list[Piece], table_bits: int, segment_bytes: int = SEGMENT_BYTES
) -> bytes:
    """The segments of a patch, one after the other, each of about `segment_bytes` at most."""
    writer = _Writer(old, new, table_bits)
    whole = writer.segment(path, len(new))
    if len(whole) <= segment_bytes * 3 // 2:
        return _framed(whole, 0)
    ends = _segment_ends(writer.progress, len(whole), segment_bytes)
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


def _segment_ends(progress: list[tuple[int, int]], size: int, segment_bytes: int) -> list[int]:
    """Where in the image to begin anew, so that the segments are about equally long; whole sectors."""
    step = size / (size // segment_bytes + 1)
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
        self._framed = bytearray(b"\0" + old + b"\0")
        self._out = bytearray(len(new))
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
        if self._out[self._start : end] != self._new[self._start : end]:
            raise AssertionError("the model makes another image")
        return self._coder.finish()

    def _follow(self, piece: Piece, diagonal: int) -> None:
        """Bytes of the old image, some of them substituted."""
        if piece.start + diagonal != self._pointer:
            self._move(piece.start + diagonal)
        while self._made < piece.end:
            self._keep(equal_bytes(self._old, self._pointer, self._new, self._made, piece.end - self._made))
            if self._made < piece.end:
                self._coder.want(1, 1)
                self._coder.want(codes.SUBSTITUTE, 2)
                self._coder.want(self._new[self._made] - self._old[self._pointer] & 255, 8)
                self._take(1, 1)
            self._note()

    def _note(self) -> None:
        """Remember how far the segment is, now and then."""
        if not self.progress or self._made // SECTOR > self.progress[-1][0] // SECTOR:
            self.progress.append((self._made, self._coder.size))

    def _take(self, count: int, room: int) -> None:
        """Let the model take `count` bytes, or the event that it wants."""
        st = self._model.st
        st[codes.OLD] = self._pointer + 1
        st[codes.OUT] = self._made
        self._model.follow(self._framed, self._out, count, room)
        self._pointer = st[codes.OLD] - 1
        self._made = st[codes.OUT]

    def _room(self) -> int:
        return min(len(self._old) - self._pointer, self._end - self._made)

    def _keep(self, count: int) -> None:
        """`count` bytes stay as they are; then an event, or the end of what there is room for."""
        st = self._model.st
        while True:
            room = self._room()
            may_run = not st[codes.TAIL] and room >= codes.STEP
            if may_run and st[codes.SINCE] == codes.STEP:
                count -= self._run(count, room)
            elif not count:
                return
            else:
                some = min(count, codes.STEP - st[codes.SINCE]) if may_run else count
                self._coder.wanted.extend([0] * some)
                self._take(some, room if may_run else 1)
                count -= some

    def _run(self, count: int, room: int) -> int:
        steps = (count + codes.STEP - 1 if count == room else count) // codes.STEP
        self._number(codes.RUN, steps)
        self._model.keep()
        some = min(steps * codes.STEP, count)
        self._out[self._made : self._made + some] = self._old[self._pointer : self._pointer + some]
        self._pointer += some
        self._made += some
        return some

    def _event(self, kind: int) -> None:
        """An event at the pointer, but for a substitute."""
        room = self._room()
        if room:
            self._coder.want(1, 1)
        self._coder.want(kind, 2)
        self._take(1, min(room, 1))

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
        for start in range(piece.start, piece.end, _CHUNK):
            chunk = self._new[start : min(piece.end, start + _CHUNK)]
            for byte in chunk:
                self._coder.want(byte, 8)
            st[codes.OLD] = self._pointer + 1
            st[codes.OUT] = self._made
            self._model.literals(self._framed, self._out, len(chunk))
            self._made += len(chunk)
            self._note()

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
