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
    first = data[0]
    return first & 5 == 0 and first >> 3 <= _VERSION_MAX and data[1] == 0


class Request:
    """A request header: `version` 0 or 1, `op` 0 read or 2 write, `group`, `seq`, `command`."""

    def __init__(self, data: bytes | memoryview) -> None:
        """Parse `data` (at least 8 bytes); raise FormatError for what is not a request."""
        if len(data) < HEADER_BYTES:
            raise FormatError("SMP: %d bytes are less than a header" % len(data))
        first, _, self.length, self.group, self.seq, self.command = struct.unpack_from(_FORMAT, data, 0)
        self.version = first >> 3 & 3
        self.op = first & 7
        if self.op not in (0, 2):
            raise FormatError("SMP: op %d is not a request" % self.op)
        if self.version > _VERSION_MAX:
            raise FormatError("SMP: version %d is not known" % self.version)

    @property
    def write(self) -> bool:
        return self.op == 2

    def response(self, payload: bytes) -> bytes:
        """The whole response to this request with `payload` (bytes)."""
        first = self.version << 3 | self.op + 1
        return struct.pack(_FORMAT, first, 0, len(payload), self.group, self.seq, self.command) + payload


def pack_request(version: int, write: bool, group: int, seq: int, command: int, payload: bytes) -> bytes:
    """The bytes of a request (hosts and tests)."""
    first = version << 3 | (2 if write else 0)
    return struct.pack(_FORMAT, first, 0, len(payload), group, seq, command) + payload
