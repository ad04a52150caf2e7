"""MicroPython's `deflate` on CPython, as far as `delta_packed` needs it."""

import io
import zlib

RAW = 1
_MOST = 1 << 24


def BytesIO(_size: int) -> io.BytesIO:
    """A stream of bytes to write to and read from; there is no need to reserve memory."""
    return io.BytesIO()


def DeflateIO(stream, _form: int, bits: int) -> io.BytesIO:  # type: ignore[no-untyped-def]
    """What the raw `deflate` stream in `stream` unpacks to. Raises OSError when it is damaged."""
    try:
        return io.BytesIO(zlib.decompressobj(-bits).decompress(stream.read(), _MOST))
    except zlib.error as e:
        raise OSError(str(e))
