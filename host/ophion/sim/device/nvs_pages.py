"""Where the simulated chip's NVS keeps its blobs: two pages with all of them, or the next two.

Such a half: u32 sequence, u32 length, JSON of {name: hex}, CRC-32 of all that. A write erases the half that
does not count and programs it, so a cut of power leaves what was there before.
"""

import binascii
import json
import struct

_PAGE = 4096
_HALF = 2
_HEAD = "<II"


class Pages:
    """The blobs in the Partition `part`; sizes of pages in bytes."""

    def __init__(self, part):
        self._part = part
        found = [self._read(half) for half in range(2)]
        best = max(range(2), key=lambda half: found[half][0])
        self._sequence, self._blobs = found[best]
        self._next = 1 - best

    def load(self, name):
        value = self._blobs.get(name)
        return None if value is None else binascii.unhexlify(value)

    def store(self, name, data):
        blobs = dict(self._blobs)
        blobs[name] = binascii.hexlify(data).decode()
        body = json.dumps(blobs).encode()
        body = struct.pack(_HEAD, self._sequence + 1, len(body)) + body
        body += struct.pack("<I", binascii.crc32(body))
        if len(body) > _HALF * _PAGE:
            raise ValueError("no room")
        first = self._next * _HALF
        for page in range(first, first + _HALF):
            self._part.ioctl(6, page)
        self._part.writeblocks(first, body + b"\xff" * (-len(body) % 4), 0)

    def _read(self, half):
        """(sequence, blobs) of a half; (0, {}) when nothing whole is there."""
        data = bytearray(_HALF * _PAGE)
        self._part.readblocks(half * _HALF, data, 0)
        sequence, size = struct.unpack_from(_HEAD, data, 0)
        end = struct.calcsize(_HEAD) + size
        if end + 4 > len(data) or struct.unpack_from("<I", data, end)[0] != binascii.crc32(bytes(data[:end])):
            return 0, {}
        return sequence, json.loads(bytes(data[end - size : end]))
