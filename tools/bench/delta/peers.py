"""Other encoders, each from its package on PyPI, with the settings that make its patches small."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable

import bsdiff4
import detools
import hdiffpatch
from openmv_ota.ota import delta as ocdl

Encoder = Callable[[bytes, bytes], int]
"""Old and new image -> bytes of the patch."""


def _detools(compression: str) -> Encoder:
    def size(old: bytes, new: bytes) -> int:
        out = io.BytesIO()
        detools.create_patch(io.BytesIO(old), io.BytesIO(new), out, compression=compression)
        return len(out.getvalue())

    return size


def _hdiffpatch(compression: str) -> Encoder:
    return lambda old, new: len(hdiffpatch.diff(old, new, compression=compression))


def _lite(old: bytes, new: bytes) -> int:
    return len(hdiffpatch.diff_lite(old, new, compression="tuz"))


PEERS: dict[str, Encoder] = {
    "bsdiff4": lambda old, new: len(bsdiff4.diff(old, new)),
    "detools lzma": _detools("lzma"),
    "detools heatshrink": _detools("heatshrink"),
    "hdiffpatch zlib": _hdiffpatch("zlib"),
    "hdiffpatch lzma2": _hdiffpatch("lzma2"),
    "hdiffpatch zstd": _hdiffpatch("zstd"),
    "hdiffpatch brotli": _hdiffpatch("brotli"),
    "HPatchLite tuz": _lite,
    "openmv-ota": lambda old, new: len(gzip.compress(ocdl.make_delta(old, new), 9, mtime=0)),
}
