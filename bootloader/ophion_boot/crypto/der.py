"""Strict DER (X.690, 10 and 11): just the readers that keys and ECDSA signatures need."""

from ophion_boot.compat import const
from ophion_boot.crypto import CryptoError

SEQUENCE = 0x30
BIT_STRING = 0x03
_INTEGER = const(0x02)


def element(der: bytes, tag: int, at: int, end: int) -> tuple[int, int]:
    """(start, end) of the content of the element with `tag` at `at`, which must end by `end`.

    Raises CryptoError for another tag, a length that is not the shortest form, and a length beyond `end`.
    """
    if at + 2 > end or der[at] != tag:
        raise CryptoError("DER: no element 0x%02x at byte %d" % (tag, at))
    size = der[at + 1]
    at += 2
    if size >= 0x80:
        count = size & 0x7F
        if not 1 <= count <= 2 or at + count > end:
            raise CryptoError("DER: bad length at byte %d" % (at - 1))
        size = int.from_bytes(der[at : at + count], "big")
        if size < 0x80 or size >> 8 * (count - 1) == 0:
            raise CryptoError("DER: length at byte %d is not in its shortest form" % (at - 1))
        at += count
    if at + size > end:
        raise CryptoError("DER: element at byte %d is cut short" % at)
    return at, at + size


def whole(der: bytes, tag: int) -> tuple[int, int]:
    """(start, end) of the content of the one element that `der` is."""
    start, end = element(der, tag, 0, len(der))
    if end != len(der):
        raise CryptoError("DER: %d bytes after the end" % (len(der) - end))
    return start, end


def integers(der: bytes, at: int, end: int) -> list[int]:
    """The INTEGERs that fill `at` ... `end`; CryptoError when one is negative or not in its shortest form."""
    found = []
    while at < end:
        start, at = element(der, _INTEGER, at, end)
        if start == at or der[start] & 0x80:
            raise CryptoError("DER: integer at byte %d is empty or negative" % start)
        if der[start] == 0 and at - start > 1 and not der[start + 1] & 0x80:
            raise CryptoError("DER: integer at byte %d is not in its shortest form" % start)
        found.append(int.from_bytes(der[start:at], "big"))
    return found
