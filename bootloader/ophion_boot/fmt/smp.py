"""The 8 byte header of SMP, the Simple Management Protocol (Zephyr, "SMP Protocol Specification")."""

import struct

from ophion_boot.compat import const
from ophion_boot.fmt import FormatError

HEADER_BYTES = 8
_FORMAT = ">BBHHBB"
_VERSION_MAX = const(1)


def payload_length(data: bytes | bytearray | memoryview) -> int:
    """Bytes of payload that the header at the start of `data` (at least 8 bytes) announces."""
    return data[2] << 8 | data[3]


def is_request(data: bytes | bytearray | memoryview) -> bool:
    """True when `data` (at least two bytes) can be the start of a request's header: its flags are 0, too."""
    return not data[0] & 0xF5 and not data[1]


def may_be_request(fragment: bytes | memoryview) -> bool:
    """False for what cannot be the first fragment of a request: a header, and no more than it announces."""
    count = len(fragment)
    if count < HEADER_BYTES or not is_request(fragment):
        return False
    return count <= HEADER_BYTES + payload_length(fragment)


class Request:
    """A request header: `version` 0 or 1, `op` 0 read or 2 write (`write`), `group`, `seq`, `command`."""

    def __init__(self, data: bytes | memoryview) -> None:
        """Parse `data`, as `parse` does."""
        self.parse(data)

    def parse(self, data: bytes | memoryview) -> None:
        """Become the header at the start of `data`; raise FormatError for what is not a request."""
        if len(data) < HEADER_BYTES:
            raise FormatError("SMP: %d bytes are less than a header" % len(data))
        # Byte by byte: `struct` would allocate.
        first = data[0]
        op = first & 7
        version = first >> 3 & 3
        if op & 5:
            raise FormatError("SMP: op %d is not a request" % op)
        if version > _VERSION_MAX:
            raise FormatError("SMP: version %d is not known" % version)
        self.op = op
        self.write = op == 2
        self.version = version
        self.length = data[2] << 8 | data[3]
        self.group = data[4] << 8 | data[5]
        self.seq = data[6]
        self.command = data[7]

    def response(self, payload: bytes) -> bytes:
        """The whole response to this request with `payload` (bytes)."""
        first = self.version << 3 | self.op + 1
        return struct.pack(_FORMAT, first, 0, len(payload), self.group, self.seq, self.command) + payload


def pack_request(version: int, write: bool, group: int, seq: int, command: int, payload: bytes) -> bytes:
    """The bytes of a request (hosts and tests)."""
    first = version << 3 | (2 if write else 0)
    return struct.pack(_FORMAT, first, 0, len(payload), group, seq, command) + payload
