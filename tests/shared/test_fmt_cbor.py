"""CBOR: the vectors of RFC 8949 appendix A that SMP can meet, and hostile input."""

from ophion_boot.fmt import FormatError
from ophion_boot.fmt.cbor import decode_map, encode
from support import raises, read_json

# RFC 8949 appendix A: value, encoding; each is wrapped into a map {"v": value} to be decoded.
RFC = (
    (0, "00"), (23, "17"), (24, "1818"), (1000, "1903e8"), (1000000, "1a000f4240"),
    (18446744073709551615, "1bffffffffffffffff"), (-1, "20"), (-1000, "3903e7"),
    (False, "f4"), (True, "f5"), (None, "f6"), ("", "60"), ("IETF", "6449455446"),
    ("\u00fc", "62c3bc"), ([], "80"), ([1, [2, 3], [4, 5]], "8301820203820405"),
    ({}, "a0"), ({"a": 1, "b": [2, 3]}, "a26161016162820203"),
)  # fmt: skip

HOSTILE = (
    "a1", "a16161", "bf", "bf6161", "a1616100ff", "00", "80", "ff", "a161ff00", "a1ff00",
    "a26161006161 01", "a1617659ffff00", "a1617b9bffffffffffffffff", "a161765bffffffffffffffff",
    "a1617664ffffffff", "a1f600", "a1800000", "a1a00000", "a1617b1c", "a161761f", "bfff00",
    "a16176" + "81" * 40 + "00", "a161767fff" + "00", "a161765f6161ff", "a161767f4161ff",
    "a16176f8", "a16176f800",
    "bb00000000ffffffff", "9f" * 200,
)  # fmt: skip


def test_rfc_examples_both_ways():
    for value, text in RFC:
        data = b"\xa1\x61v" + bytes.fromhex(text)
        assert decode_map(data) == {"v": value}, text
        assert encode({"v": value}) == data, text


def test_byte_strings_are_slices_of_the_input():
    data = b"\xa1\x61v\x43abc"
    value = decode_map(data)["v"]
    assert isinstance(value, memoryview) and bytes(value) == b"abc"
    assert encode({"v": memoryview(b"abc")}) == data


def test_indefinite_items_and_floats_and_tags():
    assert decode_map(bytes.fromhex("bf6161016162 9f0203ffff".replace(" ", ""))) == {"a": 1, "b": [2, 3]}
    assert bytes(decode_map(bytes.fromhex("a161765f42010243030405ff"))["v"]) == b"\1\2\3\4\5"
    assert decode_map(bytes.fromhex("a161767f6273746161ff"))["v"] == "sta"
    assert decode_map(bytes.fromhex("a16176f93c00"))["v"] == 1.0
    assert decode_map(bytes.fromhex("a16176f9c400"))["v"] == -4.0
    assert decode_map(bytes.fromhex("a16176fa47c35000"))["v"] == 100000.0
    assert decode_map(bytes.fromhex("a16176fb3ff199999999999a"))["v"] == 1.1
    assert decode_map(bytes.fromhex("a16176c11a514b67b0"))["v"] == 1363896240
    assert decode_map(b"") == {}


def test_hostile_input_is_refused():
    for text in HOSTILE:
        data = bytes.fromhex(text.replace(" ", ""))
        assert raises(FormatError, decode_map, data).startswith("CBOR: "), text


def test_every_truncation_of_a_request_is_refused():
    data = bytes.fromhex(read_json("smp_vectors.json")["req_upload_first"])[8:]
    assert decode_map(data)["off"] == 0
    for cut in range(1, len(data)):
        raises(FormatError, decode_map, data[:cut])


def test_random_bytes_raise_nothing_but_format_error():
    state = 12345
    refused = 0
    for _ in range(3000):
        size = state % 40 + 1
        out = bytearray()
        for _ in range(size):
            state = state * 48271 % 0x7FFFFFFF
            out.append(state >> 7 & 0xFF)
        out[0] = 0xA0 | out[0] & 3
        try:
            decode_map(out)
        except FormatError:
            refused += 1
    assert refused > 2000
