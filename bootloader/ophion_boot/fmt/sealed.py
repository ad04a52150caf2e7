"""Sealed patches (SPEC.md 12.7): a delta patch that only an image's recipients can read.

A prefix in the clear says who can, then come blocks: ciphertext of the patch, and a tag that only somebody
with the content keys can make.
"""

import struct

from ophion_boot.compat import const
from ophion_boot.fmt import FormatError
from ophion_boot.fmt.wrapped import PARTS, RECIPIENTS, RECIPIENTS_MAX, blob_bytes

MAGIC = b"OPHS"
VERSION = 1
# The prefix up to the wrapped keys.
FIXED_BYTES = 26
# Bytes of the patch in each block but the last, and of the tag behind them.
BLOCK_BYTES = 1024
TAG_BYTES = 16

_FORMAT = "<4sBB8sIIHH"
_HEADER_BYTES = const(32)
_PATCH_HEADER_BYTES = const(30)
# The longest entry of a list of recipients: key id, kind, wrapped key.
_ENTRY_MAX = const(138)


class Prefix:
    """A parsed prefix, of which `data` holds the first FIXED_BYTES at least; raises FormatError.

    `key_size` is that of the content key in bytes, `counter` the first counter block of the patch. Bytes
    `start` to `start` + `payload` of the new image are encrypted. `kind` and `length` are those of the TLV
    with the wrapped keys; the prefix has `size` bytes.
    """

    def __init__(self, data: bytes | bytearray | memoryview) -> None:
        if len(data) < FIXED_BYTES:
            raise FormatError("prefix of a sealed patch has %d bytes, not %d" % (len(data), FIXED_BYTES))
        magic, version, self.key_size, nonce, self.start, self.payload, self.kind, self.length = (
            struct.unpack(_FORMAT, bytes(data[:FIXED_BYTES]))
        )
        if magic != MAGIC or version != VERSION:
            raise FormatError("sealed patch format %d is not supported" % version)
        if self.key_size not in (16, 32) or nonce == bytes(8):
            raise FormatError("sealed patch with a key of %d bytes, nonce %s" % (self.key_size, nonce.hex()))
        if self.start < _HEADER_BYTES or not self.payload:
            raise FormatError("sealed patch for %d bytes from %d on" % (self.payload, self.start))
        if self.kind == RECIPIENTS:
            good = self.length <= RECIPIENTS_MAX * _ENTRY_MAX
        else:
            good = self.kind in PARTS and self.length == blob_bytes(self.kind, self.key_size)
        if not good:
            raise FormatError("sealed patch with %d bytes of wrapped key %#06x" % (self.length, self.kind))
        self.counter = nonce + bytes(8)
        self.size = FIXED_BYTES + self.length

    def block(self, number: int, total: int) -> tuple[int, int]:
        """Where block `number` begins and ends in a sealed patch of `total` bytes."""
        start = self.size + number * (BLOCK_BYTES + TAG_BYTES)
        return start, min(start + BLOCK_BYTES + TAG_BYTES, total)

    def inner(self, total: int) -> int:
        """The bytes of the patch in a sealed one of `total` bytes; raises FormatError when that cannot be."""
        whole, rest = divmod(total - self.size, BLOCK_BYTES + TAG_BYTES)
        if total < self.size + TAG_BYTES + _PATCH_HEADER_BYTES or 0 < rest <= TAG_BYTES:
            raise FormatError("sealed patch of %d bytes" % total)
        return whole * BLOCK_BYTES + max(rest - TAG_BYTES, 0)


def make_prefix(key_size: int, nonce: bytes, start: int, payload: int, kind: int, value: bytes) -> bytes:
    """The bytes of a prefix; `value` is that of the TLV `kind`. Raises FormatError."""
    data = struct.pack(_FORMAT, MAGIC, VERSION, key_size, nonce, start, payload, kind, len(value)) + value
    Prefix(data)
    return data


def block_text(prefix_digest: bytes, number: int, block: bytes | memoryview) -> bytes:
    """What the tag of a block is computed over; `block` is ciphertext, the digest SHA-256 of the prefix."""
    return prefix_digest + struct.pack("<I", number) + bytes(block)
