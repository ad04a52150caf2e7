"""SMP packets on a UART of their own: nothing but their headers says where they end."""

from ophion_boot.fmt.smp import pack_request
from ophion_boot.fmt.stream import Stream
from support import without_heap


def packets(stream, data):
    found = []
    for byte in data:
        packet = stream.take(byte)
        if packet is not None:
            found.append(bytes(packet))
    return found


ONE = pack_request(1, True, 0, 1, 0, b"\xa1\x61d\x62hi")
TWO = pack_request(0, False, 0, 255, 6, b"")
LONG = pack_request(1, True, 1, 3, 1, bytes(100 - 8))


def test_packets_follow_each_other():
    stream = Stream(100)
    assert packets(stream, ONE + TWO + LONG + TWO) == [ONE, TWO, LONG, TWO]
    assert stream.dropped == 0 and not stream.partial()


def test_what_cannot_be_a_request_is_passed_over():
    for noise in (
        b"\xff",
        b"\x01\x03\x05",
        b"login: ",
        b"\r\n" * 5,
        b"\x18" * 9,
        ONE[:8].replace(b"\x0a", b"\x0b"),
    ):
        stream = Stream(100)
        assert packets(stream, noise + ONE) == [ONE], noise
        assert stream.dropped == len(noise)


def test_a_packet_that_is_too_long_is_passed_over():
    stream = Stream(100)
    longer = pack_request(1, True, 1, 3, 1, b"\xff" * (101 - 8))
    assert packets(stream, longer) == []
    assert packets(stream, ONE) == [ONE]
    assert stream.dropped == len(longer)


def test_half_a_packet_is_forgotten():
    stream = Stream(100)
    assert packets(stream, LONG[:50]) == [] and stream.partial()
    stream.reset()
    assert stream.dropped == 50 and not stream.partial()
    assert packets(stream, TWO) == [TWO]


def test_it_finds_the_next_packet_after_any_cut():
    for cut in range(len(ONE)):
        stream = Stream(100)
        packets(stream, ONE[cut:])
        stream.reset()
        assert packets(stream, TWO + ONE) == [TWO, ONE], cut


def test_bytes_of_a_packet_allocate_nothing():
    stream = Stream(100)
    take = stream.take
    data = LONG[:-1]

    def feed():
        for byte in data:
            take(byte)

    without_heap(feed)
    assert bytes(take(LONG[-1])) == LONG
