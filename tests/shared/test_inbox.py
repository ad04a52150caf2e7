"""The inbox: fragments in, whole requests out; what does not fit is dropped and does no harm."""

from ophion_boot.core.inbox import Inbox
from ophion_boot.core.verify import hash_into
from support import SECTOR, ram_flash, without_heap


def request(size, fill=0xAA):
    """A packet of `size` bytes, header included."""
    length = size - 8
    return bytes((0x0A, 0, length >> 8, length & 255, 0, 1, 7, 1)) + bytes((fill,)) * length


def test_fragments_become_requests_in_order():
    inbox = Inbox(2, 64)
    one, two = request(50, 1), request(8, 2)
    assert not inbox.put(one[:20], 5)
    assert inbox.partial() and inbox.take() is None
    assert not inbox.put(one[20:40], 5)
    assert inbox.put(one[40:], 5)
    assert inbox.put(two, 6)
    assert bytes(inbox.take()) == one and inbox.tag() == 5
    inbox.release()
    assert bytes(inbox.take()) == two and inbox.tag() == 6
    inbox.release()
    assert inbox.take() is None and not inbox.partial()


def test_a_request_of_exactly_the_buffer_fits_and_one_more_byte_does_not():
    inbox = Inbox(1, 64)
    assert inbox.put(request(64))
    inbox.release()
    big = request(65)
    assert not inbox.put(big[:40]) and not inbox.put(big[40:])
    assert inbox.dropped == 1
    assert inbox.put(request(64)), "what follows a dropped request is taken again"


def test_full_slots_drop_and_count():
    inbox = Inbox(2, 32)
    assert inbox.put(request(32, 1)) and inbox.put(request(32, 2))
    assert not inbox.put(request(32, 3)[:20]) and not inbox.put(request(32, 3)[20:])
    assert inbox.dropped == 1
    assert bytes(inbox.take()) == request(32, 1)
    inbox.release()
    assert inbox.put(request(32, 4))


def test_a_short_first_fragment_and_an_overrun_are_dropped():
    inbox = Inbox(1, 64)
    assert not inbox.put(b"\x0a\0\0") and inbox.dropped == 1
    assert not inbox.put(request(40)[:30])
    assert not inbox.put(b"x" * 11) and inbox.dropped == 2
    assert not inbox.partial()
    assert inbox.put(request(8))


def parts(data, size):
    return [data[at : at + size] for at in range(0, len(data), size)]


def test_whichever_fragment_is_lost_the_requests_around_it_arrive():
    sent = [request(95, fill) for fill in (1, 2, 3, 4)]
    for lost in range(4):
        inbox = Inbox(4, 100)
        for number in range(4):
            for i, part in enumerate(parts(sent[number], 30)):
                if (number, i) != (1, lost):
                    inbox.put(part)
        arrived = []
        while inbox.waiting():
            arrived.append(bytes(inbox.take()))
            inbox.release()
        assert arrived == [sent[0], sent[2], sent[3]], lost
        assert inbox.dropped and not inbox.partial()


def test_fragments_may_grow_but_only_the_last_one_is_shorter():
    inbox = Inbox(1, 100)
    whole = request(90)
    assert not inbox.put(whole[:8]) and not inbox.put(whole[8:40])
    assert not inbox.put(whole[40:72]) and inbox.put(whole[72:])
    assert bytes(inbox.take()) == whole and inbox.dropped == 0


def test_what_is_no_request_is_passed_over_and_takes_nothing_with_it():
    inbox = Inbox(1, 64)
    for noise in (b"\xff" * 20, bytes(20), bytes((0x0A, 0, 0, 1)) + bytes(30)):
        assert not inbox.put(noise) and not inbox.partial()
    assert inbox.dropped == 3
    assert inbox.put(request(20))


def test_silence_and_disconnect_forget_a_half_request():
    inbox = Inbox(1, 64)
    inbox.put(request(40)[:30])
    inbox.reset_partial()
    assert inbox.put(request(12, 9)) and bytes(inbox.take()) == request(12, 9)


def test_receiving_a_chunk_into_its_buffer_allocates_nothing():
    inbox = Inbox(2, 2475)
    packet = request(2475)
    pieces = [packet[i : i + 512] for i in range(0, len(packet), 512)]
    done = [False]

    def receive():
        for piece in pieces:
            done[0] = inbox.put(piece, 1)

    without_heap(receive)
    assert done[0] and bytes(inbox.take()) == packet
    inbox.release()
    receive()
    assert bytes(inbox.take()) == packet
    inbox.release()

    def lend():
        receive()
        inbox.take()
        inbox.release()

    without_heap(lend)


def test_hashing_a_sector_allocates_nothing():
    import hashlib

    from ophion_boot.core.area import Area

    flash = ram_flash(4, content=b"some bytes")
    area = Area(flash, 0, 4 * SECTOR)
    buf = memoryview(bytearray(SECTOR))
    sha = hashlib.sha256()
    without_heap(lambda: hash_into(sha, area, 3 * SECTOR, buf))
    expected = hashlib.sha256(b"some bytes" + b"\xff" * (3 * SECTOR - 10)).digest()
    assert sha.digest() == expected
