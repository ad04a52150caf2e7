"""What is done to lines of a console: the viper functions, where there are any, do what the plain ones do."""

import binascii

from ophion_boot.fmt import lines_plain
from ophion_boot.fmt.console import CRC_TABLE as CRC
from ophion_boot.fmt.console import VALUES

try:
    from ophion_boot.fmt import lines_viper

    KINDS = (lines_plain, lines_viper)
except ImportError:
    KINDS = (lines_plain,)


def test_the_check_value_of_crc16():
    for kind in KINDS:
        assert kind.crc16(b"123456789", 0, 9, CRC) == 0x31C3  # CRC-16/XMODEM in the catalogue of RevEng
        assert kind.crc16(b"x123456789y", 1, 9, CRC) == 0x31C3
        assert kind.crc16(b"", 0, 0, CRC) == 0
        assert kind.crc16(bytes(range(256)), 0, 256, CRC) == lines_plain.crc16(bytes(range(256)), 0, 256, CRC)


def unbase64(kind, text, at=0):
    """What it gives, and the buffer: nothing but what it says is written."""
    out = bytearray(b"." * (at + 3 * len(text) + 3))
    count = kind.unbase64(b"<" + text + b">", 1, len(text), out, at, VALUES)
    return count, bytes(out[at : at + max(0, count)]), bytes(out[:at]) + bytes(out[at + max(0, count) :])


def test_base64_is_decoded_as_it_was_encoded():
    data = bytes([i * 37 + (i >> 3) & 255 for i in range(260)])
    for kind in KINDS:
        for size in list(range(20)) + [90, 91, 92, 93, 260]:
            text = binascii.b2a_base64(data[:size]).strip()
            count, found, rest = unbase64(kind, text, size % 5)
            assert (count, found) == (size, data[:size])
            assert rest == b"." * len(rest)
        assert unbase64(kind, b"+/+/")[1] == b"\xfb\xff\xbf"


def test_what_is_not_base64_is_refused():
    good = b"QUJDREVG"
    for kind in KINDS:
        assert unbase64(kind, good)[0] == 6
        for text in (
            b"Q",
            b"QU",
            b"QUJ",
            b"Q===",
            b"====",
            b"QU==REVG",
            b"QUJ=REVG",
            b"QU=J",
            b"=UJD",
            b"Q=JD",
        ):
            assert unbase64(kind, text)[0] == -1, text
        for char in range(256):
            kept = bytes((char,)).isalpha() or bytes((char,)).isdigit() or char in b"+/"
            for at in range(8):
                text = good[:at] + bytes((char,)) + good[at + 1 :]
                padded = char == 0x3D and at == 7
                assert (unbase64(kind, text)[0] >= 0) == bool((char < 128 and kept) or padded), text
