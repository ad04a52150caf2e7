"""What is done to a packet in place: the viper functions, where there are any, do what the plain ones do."""

import array

from ophion_boot.fmt import quick_plain
from ophion_boot.fmt.cbor import decode_map, encode
from ophion_boot.fmt.chunk import Chunk, OffsetResponse
from ophion_boot.fmt.smp import HEADER_BYTES, Request, may_be_request, pack_request
from support import read_json, without_heap

try:
    from ophion_boot.fmt import quick_viper

    KINDS = (quick_plain, quick_viper)
except ImportError:
    KINDS = (quick_plain,)


OTHERS = ((False, 1, 1), (True, 1, 0), (True, 0, 1), (True, 257, 1), (True, 64, 1))


def numbers(count, seed):
    """`count` numbers below 2**24, the same on both runtimes."""
    state = seed
    out = []
    for _ in range(count):
        state = state * 48271 % 0x7FFFFFFF
        out.append(state >> 7)
    return out


def find(kind, packet):
    """(offset, data) as find_chunk sees them, None when it does not."""
    found = array.array("i", [-7, -7, -7])
    if not kind.find_chunk(packet, len(packet), found):
        return None
    return found[0], bytes(packet[found[1] : found[1] + found[2]])


def chunk(payload):
    return pack_request(1, True, 1, 7, 1, payload)


def test_micropython_has_the_viper_functions():
    import sys

    assert (sys.implementation.name == "micropython") == (len(KINDS) == 2)


def test_copies_of_every_alignment_and_length():
    source = bytes([i * 7 & 255 for i in range(64)])
    for kind in KINDS:
        for at, start in ((0, 0), (4, 8), (1, 2), (3, 3), (0, 1), (5, 4)):
            for size in range(41):
                to = bytearray(b"\xaa" * 64)
                kind.copy(to, memoryview(source), at, start, size)
                expected = bytearray(b"\xaa" * 64)
                expected[at : at + size] = source[start : start + size]
                assert to == expected, (at, start, size)


def test_one_bit_of_a_blank_buffer_is_seen_wherever_it_is():
    for kind in KINDS:
        for size in (4, 32, 36, 256):
            assert kind.blank(bytearray(b"\xff" * size + b"\0"), size)
            for at in range(size):
                for bit in (0, 7):
                    buf = bytearray(b"\xff" * size)
                    buf[at] ^= 1 << bit
                    assert not kind.blank(buf, size), (size, at, bit)


def test_a_plain_chunk_is_found_whatever_its_order_and_lengths():
    for offset in (0, 1, 23, 24, 255, 256, 65535, 65536, 1 << 29):
        for length in (0, 1, 23, 24, 255, 256, 2400):
            data = bytes(length)
            for payload in (
                encode({"off": offset, "data": data}),
                encode({"data": data, "off": offset}),
                b"\xbf" + encode({"data": data, "off": offset})[1:] + b"\xff",
            ):
                for kind in KINDS:
                    assert find(kind, chunk(payload)) == (offset, data), (offset, length)


def test_what_is_more_or_less_than_a_plain_chunk_is_left_to_the_decoder():
    rows = (
        b"",
        b"\xa0",
        encode({"off": 5}),
        encode({"data": b"xyz"}),
        encode({"off": 5, "data": b"x", "image": 0}),
        encode({"off": 5, "len": 9}),
        encode({"off": -5, "data": b"x"}),
        encode({"off": "5", "data": b"x"}),
        encode({"off": 5, "data": "x"}),
        encode({"off": 1 << 30, "data": b"x"}),
        encode({"off": 1 << 31, "data": b"x"}),
        encode({"off": 1 << 40, "data": b"x"}),
        encode({"off": 5, "datb": b"x"}),
        encode({"ofg": 5, "data": b"x"}),
        encode({"off": 5, "data": b"x"}) + b"\0",
        encode({"off": 5, "data": b"x"})[:-1],
        b"\xa2" + encode({"off": 5})[1:] * 2,
        b"\xa2" + encode({"data": b"x"})[1:] * 2,
        b"\xbf" + encode({"off": 5, "data": b"x"})[1:],
        b"\xbf" + encode({"off": 5, "data": b"x"})[1:] + b"\xfe",
        b"\xbf" + encode({"off": 5, "data": b"x"})[1:] + b"\xff\xff",
        b"\xa2\x63off\x05\x64data\x5a\xff\xff\xff\xff",
        b"\xa2\x63off\x05\x64data\x5b\0\0\0\0\0\0\0\x01x",
        b"\xa2\x63off\x05\x64data\x5f\x41x\xff",
        b"\xa2\x63off\x1f\x64data\x41x",
    )
    for payload in rows:
        for kind in KINDS:
            assert find(kind, chunk(payload)) is None, payload
    body = encode({"off": 5, "data": b"x"})
    good = chunk(body)
    others = [pack_request(1, write, group, 7, command, body) for write, group, command in OTHERS]
    others += [good + b"\0", b"\x0b" + good[1:], b"\x12" + good[1:], b"\x2a" + good[1:]]
    for packet in others:
        for kind in KINDS:
            assert find(kind, packet) is None, packet


def test_both_see_the_same_in_damaged_chunks():
    good = chunk(encode({"off": 70000, "data": b"0123456789"}))
    seen = 0
    for cut in range(len(good)):
        assert [find(kind, good[:cut]) for kind in KINDS] == [None] * len(KINDS), cut
    for number in numbers(4000, 5):
        bad = bytearray(good)
        bad[8 + number % (len(good) - 8)] = number >> 8 & 255
        found = [find(kind, bytes(bad)) for kind in KINDS]
        assert found == found[:1] * len(KINDS), bad
        seen += found[0] is not None
    assert 300 < seen < 4000


def test_the_response_with_an_offset_is_what_the_encoder_makes():
    response = OffsetResponse()
    for version in (0, 1):
        packet = pack_request(version, True, 1, 200 + version, 1, b"")
        for offset in (0, 1, 23, 24, 255, 256, 65535, 65536, 1 << 29):
            expected = Request(packet).response(encode({"off": offset}))
            assert bytes(response.fill(packet, offset)) == expected, offset
            assert bytes(without_heap(lambda: response.fill(packet, offset))) == expected  # noqa: B023
            for kind in KINDS:
                out = bytearray(18)
                assert kind.fill_offset(out, packet, offset) == len(expected) - 13
                out[8:13] = expected[8:13]
                assert bytes(out[: len(expected)]) == expected, offset


def test_the_decoder_of_chunks_sees_what_the_decoder_of_everything_sees():
    found = Chunk()
    for i in range(20):
        args = {"off": 1000 * i, "data": bytes(range(100 + i))}
        packet = memoryview(chunk(encode(args)))
        assert found.find(packet) and decode_map(packet[8:]) == args
        assert {"off": found.offset, "data": found.data} == args and isinstance(found.data, memoryview)
        assert not found.find(memoryview(chunk(encode({"off": 5}))))


def test_buffers_that_are_used_again_are_not_cut_again():
    found = Chunk()
    size = len(chunk(encode({"off": 1000, "data": bytes(140)})))
    slots = [memoryview(bytearray(size)) for _ in range(4)]
    seen = []
    for i in range(12):
        packet = slots[i % 4]
        packet[:] = chunk(encode({"off": 1000 + i, "data": bytes([i]) * 140}))
        assert found.find(packet) if i < 8 else without_heap(lambda: found.find(packet))  # noqa: B023
        assert found.offset == 1000 + i and bytes(found.data) == bytes([i]) * 140
        seen.append(found.data)
    assert seen[4] is seen[0] and seen[11] is seen[3]


def test_a_header_is_parsed_into_the_same_object_without_allocating():
    request = Request(bytes(HEADER_BYTES))
    packet = memoryview(pack_request(1, True, 64, 9, 10, b"\xa0"))
    without_heap(lambda: request.parse(packet))
    found = (request.version, request.write, request.length, request.group, request.seq, request.command)
    assert found == (1, True, 1, 64, 9, 10)


def test_what_cannot_be_the_first_fragment_of_a_request():
    for name, text in read_json("smp_vectors.json").items():
        if name.startswith("req_"):
            data = bytes.fromhex(text)
            assert may_be_request(data) and may_be_request(data[:8]), name
            assert not may_be_request(data + b"\0"), name
    good = pack_request(1, True, 1, 0, 1, bytes(30))
    for bad in (good[:7], bytes(20), b"\x0b" + good[1:], b"\x2a" + good[1:], good[:1] + b"\x01" + good[2:]):
        assert not may_be_request(bad), bad
