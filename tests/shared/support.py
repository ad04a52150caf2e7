"""Helpers of the tests that run on both CPython and MicroPython."""

import io
import json
import os

from nor import NorFlash

ROOT = os.getenv("OPHION_ROOT") or "."
VECTORS = ROOT + "/tests/vectors/mcuboot/"
SECTOR = 4096


def read_file(name):
    """The bytes of a vector."""
    with open(VECTORS + name, "rb") as f:
        return f.read()


def read_json(name):
    """A JSON vector."""
    with open(VECTORS + name) as f:
        return json.load(f)


def raises(kind, call, *args):
    """`str` of the `kind` of exception that `call(*args)` raises; fails when it raises none."""
    try:
        call(*args)
    except kind as e:
        return str(e)
    raise AssertionError("%s was not raised" % kind.__name__)


def ram_flash(sectors, write_size=4, content=b""):
    """A NOR flash in memory, erased but for `content` at its start."""
    data = bytearray(b"\xff" * (sectors * SECTOR))
    data[: len(content)] = content
    return NorFlash(io.BytesIO(data), sectors * SECTOR, SECTOR, write_size)


def vector_keys():
    """The trusted keys of the vectors: [(key hash, public key)], Ed25519."""
    spki = read_file("key-ed25519-pub.raw")
    return [(read_file("key-ed25519-keyhash.raw"), spki[-32:])]


def image(name):
    """A signed image of tests/vectors/images: one, two, four, six or full (sectors)."""
    with open(ROOT + "/tests/vectors/images/" + name + ".bin", "rb") as f:
        return f.read()


def gunzip(data):
    """The content of a gzip file."""
    try:
        import deflate
    except ImportError:
        import gzip

        return gzip.decompress(data)
    return deflate.DeflateIO(io.BytesIO(data), deflate.GZIP).read()


class Cells:
    """Persistent cells in memory."""

    def __init__(self):
        self.values = {}

    def load(self, name):
        return self.values.get(name)

    def store(self, name, data):
        self.values[name] = data


def without_heap(call):
    """Call `call()` with MicroPython's heap locked, so that an allocation fails; plainly on CPython."""
    try:
        import micropython
    except ImportError:
        return call()
    micropython.heap_lock()
    try:
        return call()
    finally:
        micropython.heap_unlock()
