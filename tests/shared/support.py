"""Helpers of the tests that run on both CPython and MicroPython."""

import binascii
import hashlib
import io
import json
import os

from nor import NorFlash

try:
    import cryptolib
except ImportError:
    import cryptolib_double as cryptolib

aes = cryptolib.aes
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


def patch(name):
    """A patch of tests/vectors/delta."""
    with open(ROOT + "/tests/vectors/delta/" + name + ".patch", "rb") as f:
        return f.read()


def secret_keys():
    """The private keys of a device that the encrypted images are for: [(key id, type, 32 bytes)]."""
    found = []
    for name, kind, at in (("key-x25519", 0x33, 16), ("key-enc-p256", 0x32, 36)):
        public, private = (_pem(read_file(name + end)) for end in ("-pub.pem", ".pem"))
        found.append((hashlib.sha256(public).digest()[:8], kind, private[at : at + 32]))
    return found


def _pem(data):
    return binascii.a2b_base64(b"".join(data.split(b"-----")[2].split()))


def sealed(name):
    """The encrypted image with the payload of `image(name)`, as it is uploaded."""
    return image("enc-" + name)


def clear(name):
    """The same image where it runs: the payload of `image(name)` between its own header and TLVs."""
    data = sealed(name)
    size = int.from_bytes(data[12:16], "little")
    plain = image(name)
    payload = plain[32 : 32 + min(size, int.from_bytes(plain[12:16], "little"))]
    return data[:32] + payload + bytes(size - len(payload)) + data[32 + size :]


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
        self.number = 0

    def load(self, name):
        return self.values.get(name)

    def mark(self, value=None):
        if value is not None:
            self.number = value
        return self.number

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
