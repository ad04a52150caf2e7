"""Writing a board: in an order that can be taken up again, and read back at the end."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ophion.errors import VerificationFailed
from ophion.install.cable import Cable
from ophion.install.compose import Region
from ophion.install.firmware import SECTOR

PIECE = 0x40000
"""Bytes that are written, or read, between two steps."""


@dataclass(frozen=True)
class Step:
    """`done` of `total` bytes of what the words say."""

    what: str
    done: int
    total: int


def write(cable: Cable, regions: Sequence[Region]) -> Iterator[Step]:
    """Write `regions` in their order, each piece unless the flash holds it already; then compare all of them.

    Whatever ends it, the same call goes on where it was. Raises LinkLost, VerificationFailed.
    """
    total = sum(len(region.data) for region in regions)
    done = 0
    for region in regions:
        for at in range(0, len(region.data), PIECE):
            piece = region.data[at : at + PIECE]
            yield Step(region.what, done, total)
            if not _holds(cable, region.offset + at, piece):
                cable.write(region.offset + at, piece)
            done += len(piece)
    for region in regions:
        yield Step("read back", done, total)
        if not _holds(cable, region.offset, region.data):
            raise VerificationFailed(f"{region.what} at {region.offset:#x} reads back differently")
    yield Step("done", total, total)


def restoring(flash: bytes, table_at: int) -> list[Region]:
    """The regions that make a flash what it was: all of it, the partition table last."""
    cuts = sorted({0, table_at, table_at + SECTOR, *range(0, len(flash) + 1, PIECE), len(flash)})
    spans = [(first, last) for first, last in itertools.pairwise(cuts) if first != table_at]
    spans.append((table_at, table_at + SECTOR))
    return [Region(first, flash[first:last], "flash as it was") for first, last in spans]


def _holds(cable: Cable, offset: int, data: bytes) -> bool:
    return cable.md5(offset, len(data)) == hashlib.md5(data).hexdigest()
