"""SMP over console: recorded lines of a real client, and lines that are wrong."""

import binascii

from ophion_boot.fmt import FormatError
from ophion_boot.fmt.console import Reassembly, crc16, lines
from support import raises, read_json


def recorded():
    """(packet, lines) of every request that was recorded on both roads."""
    vectors = read_json("smp_vectors.json")
    for name, value in vectors.items():
        if name.startswith("serial_"):
            key = name[len("serial_") :]
            yield bytes.fromhex(vectors.get(key, vectors.get(key + "_v2"))), [bytes.fromhex(x) for x in value]


def feed(reassembly, pieces):
    found = [reassembly.line(piece) for piece in pieces]
    assert all(packet is None for packet in found[:-1])
    return found[-1]


def test_crc_of_the_check_string():
    assert crc16(b"123456789") == 0x31C3  # CRC-16/XMODEM's check value
    assert crc16(b"") == 0


def test_recorded_lines_give_their_packets():
    count = 0
    reassembly = Reassembly(2475)
    for packet, pieces in recorded():
        assert bytes(feed(reassembly, pieces)) == packet
        # Clients cut lines as they like; the text is the same.
        assert b"".join(x[2:-1] for x in lines(packet)) == b"".join(x[2:-1] for x in pieces)
        count += 1
    assert count >= 2


def test_every_length_comes_back():
    reassembly = Reassembly(300)
    for size in (0, 1, 88, 89, 90, 91, 92, 181, 182, 183, 299, 300):
        packet = bytes(i * 7 & 255 for i in range(size))
        pieces = lines(packet)
        assert all(len(piece) <= 127 for piece in pieces)
        assert bytes(feed(reassembly, pieces)) == packet


def test_a_view_goes_out_as_its_bytes_do_and_packets_of_one_length_come_in_the_same_view():
    packet = bytes(range(120))
    assert lines(memoryview(packet)) == lines(packet)
    reassembly = Reassembly(300)
    first = feed(reassembly, lines(packet))
    second = feed(reassembly, lines(bytes(reversed(packet))))
    assert first is second and bytes(second) == bytes(reversed(packet))
    assert bytes(feed(reassembly, lines(packet[:50]))) == packet[:50]


def test_other_text_between_the_lines_is_passed_over():
    packet = bytes(200)
    first, second, third = lines(packet)
    reassembly = Reassembly(200)
    text = [first, b"ophion: hello\n", b"\n", second, b"\x06", third]
    assert bytes(feed(reassembly, text)) == packet


def test_a_new_first_line_starts_again():
    old, new = lines(bytes(200)), lines(b"\x01" * 200)
    reassembly = Reassembly(200)
    assert bytes(feed(reassembly, old[:2] + new)) == b"\x01" * 200


def test_damage_is_refused_and_the_next_packet_is_whole():
    packet = bytes(range(100))
    good = lines(packet)
    text = bytearray(good[0])
    text[20] ^= 1
    long = b"\x06\x09" + binascii.b2a_base64(b"\x00\x40" + bytes(80))
    bad = (
        ([bytes(text), good[1]], "CRC"),
        ([b"\x06\x09" + binascii.b2a_base64(b"\x00")], "no length"),
        ([b"\x06\x09" + binascii.b2a_base64(b"\x00\x01ab")], "1 bytes"),
        ([b"\x06\x09" + binascii.b2a_base64(b"\xff\xff" + bytes(20))], "65535"),
        ([long], "more bytes"),
        ([good[0], good[0].replace(b"\x06\x09", b"\x04\x14")], "more bytes"),
    )
    for pieces, why in bad:
        reassembly = Reassembly(100)
        for piece in pieces[:-1]:
            assert reassembly.line(piece) is None
        assert why in raises(FormatError, reassembly.line, pieces[-1])
        assert reassembly.line(good[1]) is None, "a line of nothing"
        assert bytes(feed(reassembly, good)) == packet


def test_a_packet_of_more_than_the_buffer_is_refused():
    pieces = lines(bytes(101))
    assert "103 bytes" in raises(FormatError, Reassembly(100).line, pieces[0])


def test_a_view_goes_out_as_its_bytes_do():
    packet = bytes(range(200))
    assert lines(memoryview(packet)) == lines(packet)
