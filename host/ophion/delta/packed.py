"""Segments of a patch without an old image: `deflate` (RFC 1951), each a stream of its own (SPEC.md 12.6)."""

from __future__ import annotations

import zlib

from ophion_boot.fmt.delta import PACKED_MAX, SECTOR

from ophion.delta.encoder import framed

_BEST = 9


def pack(new: bytes, window_bits: int) -> bytes:
    """The segments of a patch that makes `new` out of nothing: each of as many sectors as it can hold."""
    parts = []
    start = 0
    while start < len(new):
        end, data = _longest(new, start, window_bits)
        parts.append(framed(data, 0 if end == len(new) else end // SECTOR))
        start = end
    return b"".join(parts)


def _longest(new: bytes, start: int, window_bits: int) -> tuple[int, bytes]:
    """Where the longest segment from `start` ends, and its coded bytes."""
    found = start, b""
    end = start
    while end < len(new):
        end = min(end + SECTOR, len(new))
        stream = zlib.compressobj(_BEST, zlib.DEFLATED, -window_bits)
        data = stream.compress(new[start:end]) + stream.flush()
        if len(data) > PACKED_MAX:
            break
        found = end, data
    return found
