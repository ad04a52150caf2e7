"""Finding out how the new image came from the old one: the cheapest path that the search meets.

A *diagonal* is an offset: old[i + diagonal] stands beside new[i]. The search keeps a handful of diagonals
with what following them has cost so far (estimated bits), and "literal", for bytes that are spelled out.
Where the best one goes on for a while without a difference, it is taken as it is.
"""

from __future__ import annotations

from array import array
from typing import NamedTuple

_GRAM = 6
"""Bytes that must be the same for a place elsewhere in the old image to be looked at."""
_CHAIN_MAX = 24
_CHOSEN = 3
_SURE = 32
"""So many equal bytes on the cheapest diagonal end the search until they are over."""
_QUIET = 8
_NEAR_GRAM = 4
_NEAR = 32

# Estimated costs in bits.
_SAME = 0.06
_SUBSTITUTE = 9.5
_SUBSTITUTE_LEAST = 3.0
_SUBSTITUTE_LEARNT = 2.5
_INSERT = 9.0
_LITERAL = 5.6
_MOVE = 11.0
_MOVE_NEAR = 7.0
_DISTANCE_BIT = 0.7
_HOPELESS = 30.0


class Piece(NamedTuple):
    """Bytes `start` to `end` of the new image come from the old one at + `diagonal`; None: spelled out."""

    start: int
    end: int
    diagonal: int | None


class _Part(NamedTuple):
    """A piece in the making: `before` is the one before it, `way_back` where that one would have gone on."""

    start: int
    diagonal: int | None
    before: _Part | None
    way_back: int


def equal_bytes(old: bytes, i: int, new: bytes, j: int, most: int) -> int:
    """How many bytes of `old` from `i` and of `new` from `j` on are the same, `most` at most."""
    count = 0
    step = 64
    while count < most:
        some = min(step, most - count)
        if old[i + count : i + count + some] == new[j + count : j + count + some]:
            count += some
            step *= 4
        elif some <= 8:
            while old[i + count] == new[j + count]:
                count += 1
            return count
        else:
            step = max(8, some // 4)
    return count


def find_path(old: bytes, new: bytes) -> list[Piece]:
    """Pieces that make up `new`, in order and without gaps."""
    search = _Search(old, new)
    at = 0
    while at < len(new):
        at = search.step(at)
    return search.path()


class _Index:
    """Where in the old image the same few bytes are."""

    def __init__(self, old: bytes) -> None:
        self._last: dict[bytes, int] = {}
        self._before = array("i", [-1]) * len(old)
        last, before = self._last, self._before
        for i in range(len(old) - _GRAM + 1):
            gram = old[i : i + _GRAM]
            before[i] = last.get(gram, -1)
            last[gram] = i

    def places(self, gram: bytes) -> list[int]:
        found: list[int] = []
        at = self._last.get(gram, -1)
        while at >= 0 and len(found) < _CHAIN_MAX:
            found.append(at)
            at = self._before[at]
        return found


class _Search:
    """`step` takes one byte of the new image, or many equal ones; `path` is the result at its end."""

    def __init__(self, old: bytes, new: bytes) -> None:
        self._old = old
        self._new = new
        self._index: _Index | None = None
        self._pairs: dict[tuple[int, int], float] = {}
        # Diagonal -> cost, part. Literal: cost, part, place in the old image.
        self._followed: dict[int, tuple[float, _Part]] = {}
        self._literal: tuple[float, _Part, int] | None = None
        if old:
            self._followed[0] = (0.0, _Part(0, 0, None, 0))
        else:
            self._literal = (_INSERT, _Part(0, None, None, 0), 0)

    def step(self, at: int) -> int:
        """Take the byte `at`; returns where to go on."""
        cost, part, pointer = self._best(at)
        left = min(len(self._old) - pointer, len(self._new) - at)
        same = 0
        if part.diagonal is not None and left > 0:
            same = equal_bytes(self._old, pointer, self._new, at, min(left, _SURE))
            if same == _SURE:
                self._followed = {part.diagonal: (cost, part)}
                self._literal = None
                return at + equal_bytes(self._old, pointer, self._new, at, left)
        if same < _QUIET:
            for place in self._candidates(at, pointer, part.way_back, same):
                self._consider(at, place, cost, part, pointer)
        self._take(at, cost, part, pointer)
        return at + 1

    def path(self) -> list[Piece]:
        """The pieces of the cheapest way to the end."""
        end = len(self._new)
        part: _Part | None = self._best(end)[1]
        pieces = []
        while part is not None:
            if end > part.start:
                pieces.append(Piece(part.start, end, part.diagonal))
            end, part = part.start, part.before
        return pieces[::-1]

    def _best(self, at: int) -> tuple[float, _Part, int]:
        """The cheapest state: cost, part, place in the old image."""
        best = self._literal
        for diagonal, (cost, part) in self._followed.items():
            if best is None or cost < best[0]:
                best = (cost, part, at + diagonal)
        assert best is not None
        return best

    def _candidates(self, at: int, pointer: int, way_back: int, same: int) -> set[int]:
        """Places in the old image where the next bytes are, too."""
        old, new = self._old, self._new
        found = set()
        if at + _GRAM <= len(new):
            if self._index is None:
                self._index = _Index(old)
            places = self._index.places(new[at : at + _GRAM])
            if len(places) > 2 * _CHOSEN:
                places.sort(key=lambda place: abs(place - pointer))
                longest = sorted(places, key=lambda place: -self._match(place, at))
                places = places[:_CHOSEN] + longest[:_CHOSEN]
            found.update(places)
        if same < _NEAR_GRAM:
            gram = new[at : at + _NEAR_GRAM]
            found.add(old.find(gram, pointer, pointer + 300))
            found.add(old.find(gram, max(0, way_back - 16), way_back + 64))
            found.add(old.rfind(gram, max(0, pointer - _NEAR), pointer + 3))
            found.discard(-1)
        return found

    def _match(self, place: int, at: int) -> int:
        most = min(len(self._old) - place, len(self._new) - at, 64)
        return equal_bytes(self._old, place, self._new, at, most)

    def _consider(self, at: int, place: int, cost: float, part: _Part, pointer: int) -> None:
        """Follow the diagonal through `place`, when that is cheaper than what is known of it."""
        diagonal = place - at
        if diagonal == part.diagonal:
            return
        cost += _move_cost(place - pointer)
        known = self._followed.get(diagonal)
        if known is None or cost < known[0]:
            way_back = part.way_back if 0 < place - pointer <= _NEAR else pointer
            self._followed[diagonal] = (cost, _Part(at, diagonal, part, way_back))

    def _take(self, at: int, cost: float, part: _Part, pointer: int) -> None:
        """Go one byte on in all states; forget those that cost far more than the cheapest."""
        old, byte, pairs = self._old, self._new[at], self._pairs
        literal = None
        if self._literal is not None:
            literal = (self._literal[0] + _LITERAL, self._literal[1], self._literal[2])
        if part.diagonal is not None:
            begun = cost + _INSERT + _LITERAL
            if literal is None or begun < literal[0]:
                literal = (begun, _Part(at, None, part, part.way_back), pointer)
            if 0 <= pointer < len(old) and old[pointer] != byte:
                pair = (old[pointer], byte)
                known = pairs.get(pair, _SUBSTITUTE)
                pairs[pair] = max(_SUBSTITUTE_LEAST, known - _SUBSTITUTE_LEARNT)
        followed = {}
        assert literal is not None
        least = literal[0]
        for diagonal, (spent, piece) in self._followed.items():
            i = at + diagonal
            if 0 <= i < len(old):
                spent += _SAME if old[i] == byte else pairs.get((old[i], byte), _SUBSTITUTE)
                followed[diagonal] = (spent, piece)
                least = min(least, spent)
        least += _HOPELESS
        self._followed = {diagonal: state for diagonal, state in followed.items() if state[0] < least}
        self._literal = literal if literal[0] < least else None


def _move_cost(distance: int) -> float:
    if distance == 0:
        return 0.0
    return (_MOVE_NEAR if 0 < distance < 64 else _MOVE) + abs(distance).bit_length() * _DISTANCE_BIT
