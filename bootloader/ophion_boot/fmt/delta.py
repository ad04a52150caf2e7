"""The header of a delta patch (SPEC.md 12): which image it needs, which image it makes."""

import struct

from ophion_boot.compat import const
from ophion_boot.fmt import FormatError

MAGIC = b"OPHD"
HEADER_BYTES = 30
VERSION = 1
# The decoder's table has 2 << bits bytes; without an old image a window of 1 << bits.
TABLE_BITS = (12, 13)
SECTOR = 4096
# Coded bytes of a segment without an old image.
PACKED_MAX = 8192

_FORMAT = "<4sBBI8sI8s"
_HASH_BYTES = const(8)
_SIZE_MAX = const(0xFFFFFF)


class Header:
    """A parsed header. `old_size`, `new_size` in bytes, `old_hash`, `new_hash` the first 8 bytes of SHA-256.

    Raises FormatError for anything but a header of this version.
    """

    def __init__(self, data: bytes | bytearray | memoryview) -> None:
        if len(data) < HEADER_BYTES:
            raise FormatError("patch header has %d bytes, not %d" % (len(data), HEADER_BYTES))
        magic, version, self.table_bits, self.old_size, self.old_hash, self.new_size, self.new_hash = (
            struct.unpack(_FORMAT, bytes(data[:HEADER_BYTES]))
        )
        if magic != MAGIC:
            raise FormatError("not a delta patch: magic %s" % magic.hex())
        if version != VERSION:
            raise FormatError("patch format %d is not supported" % version)
        if self.table_bits not in TABLE_BITS:
            raise FormatError("patch wants a table of 2^%d entries" % self.table_bits)
        if self.old_size > _SIZE_MAX or not 0 < self.new_size <= _SIZE_MAX:
            raise FormatError("patch is from %d bytes to %d" % (self.old_size, self.new_size))

    def pack(self) -> bytes:
        """The bytes that this was parsed from."""
        fields = (self.table_bits, self.old_size, self.old_hash, self.new_size, self.new_hash)
        return struct.pack(_FORMAT, MAGIC, VERSION, *fields)

    def check_base(self, size: int, digest: bytes) -> None:
        """Raise FormatError unless the patch is for an image of `size` bytes with this SHA-256."""
        if size != self.old_size or digest[:_HASH_BYTES] != self.old_hash:
            raise FormatError(
                "patch is for the image %s of %d bytes, here is %s of %d"
                % (self.old_hash.hex(), self.old_size, digest[:_HASH_BYTES].hex(), size)
            )

    def check_result(self, digest: bytes) -> None:
        """Raise FormatError unless what was made has the right SHA-256."""
        if digest[:_HASH_BYTES] != self.new_hash:
            raise FormatError(
                "patch made %s, it promised %s" % (digest[:_HASH_BYTES].hex(), self.new_hash.hex())
            )


def make_header(table_bits: int, old_size: int, old: bytes, new_size: int, new: bytes) -> Header:
    """The header of a patch; `old` and `new` are SHA-256 digests. Raises FormatError for impossible sizes."""
    fields = (table_bits, old_size, old[:_HASH_BYTES], new_size, new[:_HASH_BYTES])
    return Header(struct.pack(_FORMAT, MAGIC, VERSION, *fields))
