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
_CHOSEN = 3
_SURE = 32
"""So many equal bytes on the cheapest diagonal end the search until they are over."""
_QUIET = 8
_NEAR_GRAM = 4
_NEAR = 32
_CHAIN_MAX = 24
_FOLLOWED_MAX = 96
_THOROUGH = 8
"""So many states and places for each byte of the new image; what comes then is searched with a quarter."""
_LOOKED_AT = (8, 12, 18, 28, 42, 64)
"""Of places with the same few bytes those count for which so many are the same."""
_COMPARED = 64
_COMPARED_MOST = 1024

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
    step = _COMPARED
    while count < most:
        some = min(step, most - count)
        a = old[i + count : i + count + some]
        b = new[j + count : j + count + some]
        if a == b:
            count += some
            step *= 4
        elif some <= _COMPARED_MOST:
            return count + _same(a, b)
        else:
            step = max(_COMPARED_MOST, some // 4)
    return count


def _same(a: bytes, b: bytes) -> int:
    """How many bytes at the beginning of both are the same."""
    bits = int.from_bytes(a, "little") ^ int.from_bytes(b, "little")
    least = min(len(a), len(b))
    return min(((bits & -bits).bit_length() - 1) >> 3, least) if bits else least


def find_path(old: bytes, new: bytes) -> list[Piece]:
    """Pieces that make up `new`, in order and without gaps."""
    search = _Search(old, new)
    at = 0
    while at < len(new):
        at = search.step(at)
    return search.path()


def residue(old: bytes, new: bytes, path: list[Piece]) -> bytes:
    """`new`, less (modulo 256) what `path` takes from `old`: 0 where that is the same."""
    left = bytearray(new)
    for start, end, diagonal in path:
        if diagonal is not None:
            taken = old[start + diagonal : end + diagonal]
            left[start:end] = bytes([a - b & 255 for a, b in zip(new[start:end], taken, strict=True)])
    return bytes(left)


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

    def places(self, gram: bytes, most: int) -> list[int]:
        found: list[int] = []
        at = self._last.get(gram, -1)
        while at >= 0 and len(found) < most:
            found.append(at)
            at = self._before[at]
        return found


class _Search:
    """`step` takes one byte of the new image, or many equal ones; `path` is the result at its end."""

    def __init__(self, old: bytes, new: bytes) -> None:
        self._old = old
        self._new = new
        self._index: _Index | None = None
        self._effort = _THOROUGH * len(new)
        self._chain_max, self._followed_max = _CHAIN_MAX, _FOLLOWED_MAX
        # What following costs, by 256 * byte of the new image + byte of the old one.
        self._prices = [_SUBSTITUTE] * 0x10000
        self._prices[::257] = [_SAME] * 256
        # Diagonal -> cost, part. Literal: cost, part, place in the old image. One of them is the cheapest.
        self._followed: dict[int, tuple[float, _Part]] = {}
        self._literal: tuple[float, _Part, int] | None = None
        self._cheapest: int | None = None
        if old:
            self._followed[0] = (0.0, _Part(0, 0, None, 0))
            self._cheapest = 0
        else:
            self._literal = (_INSERT, _Part(0, None, None, 0), 0)

    def step(self, at: int) -> int:
        """Take the byte `at`; returns where to go on."""
        cost, part, pointer = self._best(at)
        left = min(len(self._old) - pointer, len(self._new) - at)
        same = 0
        if part.diagonal is not None and left > 0 and self._old[pointer] == self._new[at]:
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
        if self._cheapest is None:
            assert self._literal is not None
            return self._literal
        cost, part = self._followed[self._cheapest]
        return cost, part, at + self._cheapest

    def _candidates(self, at: int, pointer: int, way_back: int, same: int) -> set[int]:
        """Places in the old image where the next bytes are, too."""
        old, new = self._old, self._new
        found = set()
        if at + _GRAM <= len(new):
            if self._index is None:
                self._index = _Index(old)
            places = self._index.places(new[at : at + _GRAM], self._chain_max)
            self._effort -= len(places)
            if len(places) > 2 * _CHOSEN:
                places.sort(key=lambda place: abs(place - pointer))
                places = places[:_CHOSEN] + self._longest(places, at)
            found.update(places)
        if same < _NEAR_GRAM:
            gram = new[at : at + _NEAR_GRAM]
            found.add(old.find(gram, pointer, pointer + 300))
            found.add(old.find(gram, max(0, way_back - 16), way_back + 64))
            found.add(old.rfind(gram, max(0, pointer - _NEAR), pointer + 3))
            found.discard(-1)
        return found

    def _longest(self, places: list[int], at: int) -> list[int]:
        """The places where most bytes are the same as from `at` on; of equal ones the first."""
        old = self._old
        for count in _LOOKED_AT:
            wanted = self._new[at : at + count]
            some = [place for place in places if old.startswith(wanted, place)]
            if len(some) < _CHOSEN:
                break
            places = some
        same = [_same(wanted, old[place : place + len(wanted)]) for place in places]
        order = sorted(range(len(places)), key=same.__getitem__, reverse=True)
        return [places[i] for i in order[:_CHOSEN]]

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
        old, prices, row = self._old, self._prices, self._new[at] << 8
        literal = None
        if self._literal is not None:
            literal = (self._literal[0] + _LITERAL, self._literal[1], self._literal[2])
        if part.diagonal is not None:
            begun = cost + _INSERT + _LITERAL
            if literal is None or begun < literal[0]:
                literal = (begun, _Part(at, None, part, part.way_back), pointer)
            if 0 <= pointer < len(old) and old[pointer] << 8 != row:
                pair = row | old[pointer]
                prices[pair] = max(_SUBSTITUTE_LEAST, prices[pair] - _SUBSTITUTE_LEARNT)
        assert literal is not None
        followed = {}
        least = most = literal[0]
        cheapest = None
        size = len(old)
        for diagonal, (spent, piece) in self._followed.items():
            i = at + diagonal
            if 0 <= i < size:
                spent += prices[row | old[i]]
                followed[diagonal] = (spent, piece)
                if spent < least:
                    least, cheapest = spent, diagonal
                elif spent > most:
                    most = spent
        least += _HOPELESS
        if most >= least:
            followed = {diagonal: state for diagonal, state in followed.items() if state[0] < least}
        if len(followed) > self._followed_max:
            by_cost = sorted(followed.items(), key=lambda item: item[1][0])
            followed = dict(by_cost[: self._followed_max // 2])
        self._effort -= len(followed)
        if self._effort < 0:
            self._chain_max, self._followed_max = _CHAIN_MAX // 4, _FOLLOWED_MAX // 4
        self._followed = followed
        self._literal = literal if literal[0] < least else None
        self._cheapest = cheapest


def _move_cost(distance: int) -> float:
    if distance == 0:
        return 0.0
    return (_MOVE_NEAR if 0 < distance < 64 else _MOVE) + abs(distance).bit_length() * _DISTANCE_BIT
