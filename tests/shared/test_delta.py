"""Delta patches on a device: a real pair in any chunks, going on after a reset, and what is refused."""

import hashlib

from ophion_boot.core import delta, delta_plain
from ophion_boot.core.delta import CONSTANTS, Decoder, DeltaError
from ophion_boot.fmt import FormatError
from ophion_boot.fmt.delta import HEADER_BYTES, MAGIC, Header, make_header
from support import ROOT, raises


def read(name):
    with open(ROOT + "/tests/vectors/delta/" + name, "rb") as f:
        return f.read()


OLD = read("old.bin")
NEW = read("new.bin")


class Device:
    """An old image that is read inside only, and what was written, which never gets too long."""

    def __init__(self, patch, old=OLD, position=(HEADER_BYTES, 0)):
        self.old = old
        self.out = bytearray()
        self.sizes = set()
        self.header = Header(patch)
        self.most = self.header.new_size - position[1]
        self.decoder = Decoder(self.header, self.read, self.write, position)

    def read(self, at, buf):
        assert at >= 0 and at + len(buf) <= len(self.old) and len(buf)
        buf[:] = self.old[at : at + len(buf)]

    def write(self, data):
        self.sizes.add(len(data))
        self.out.extend(data)
        assert len(self.out) <= self.most

    def feed(self, data, step):
        for at in range(0, len(data), step):
            self.decoder.feed(memoryview(data)[at : at + step])

    def same(self, new, start=0):
        self.decoder.finish()
        assert self.decoder.done()
        assert bytes(self.out) == new[start:]


def xorshift(seed):
    """Pseudo-random 32-bit numbers, the same on both runtimes."""
    while True:
        seed ^= seed << 13 & 0xFFFFFFFF
        seed ^= seed >> 17
        seed ^= seed << 5 & 0xFFFFFFFF
        yield seed


def test_a_patch_in_one_piece():
    patch = read("plain.patch")
    assert len(patch) * 5 < len(NEW)
    device = Device(patch)
    device.feed(patch[HEADER_BYTES:], len(patch))
    device.same(NEW)
    device.header.check_result(hashlib.sha256(device.out).digest())
    # 1 KiB at a time, so that whole write units and sectors come in order; the rest at the end.
    assert device.sizes == {1024, len(NEW) % 1024}


def test_a_patch_byte_by_byte():
    patch = read("plain.patch")
    device = Device(patch)
    device.feed(patch[HEADER_BYTES:], 1)
    device.same(NEW)


def test_a_patch_in_the_pieces_of_a_radio():
    patch = read("small.patch")
    device = Device(patch)
    device.feed(patch[HEADER_BYTES:], 244)
    device.same(NEW)


def test_the_beginning_of_the_image_comes_with_the_beginning_of_the_patch():
    patch = read("plain.patch")
    device = Device(patch)
    device.feed(patch[HEADER_BYTES:1000], 500)
    assert len(device.out) >= 1024 and NEW.startswith(bytes(device.out))


def test_going_on_at_the_beginning_of_every_segment():
    patch = read("segments.patch")
    device = Device(patch)
    places = []
    for at in range(HEADER_BYTES, len(patch)):
        device.decoder.feed(patch[at : at + 1])
        if device.decoder.restart not in places:
            places.append(device.decoder.restart)
    device.same(NEW)
    assert len(places) == 3 and places[0] == (HEADER_BYTES, 0)
    for patch_at, image_at in places[1:]:
        assert image_at % 4096 == 0
        device = Device(patch, position=(patch_at, image_at))
        device.feed(patch[patch_at:], 1000)
        device.same(NEW, image_at)


def test_a_decoder_that_pauses_makes_the_same_and_no_more_than_asked_for():
    for name, step, chunk in (
        ("plain.patch", 4096, 3000),
        ("segments.patch", 1, 500),
        ("small.patch", 9, 70),
    ):
        patch = read(name)
        device = Device(patch)
        decoder = device.decoder
        decoder.pause = 0
        at, waited = HEADER_BYTES, 0
        while not decoder.done():
            decoder.pause += step
            at += decoder.feed(memoryview(patch)[at : at + chunk])
            # A step ends with the buffer of 1 KiB that it writes to.
            assert len(device.out) < decoder.pause + 1024
            waited += decoder.waits
        device.same(NEW)
        assert waited


def test_places_where_nothing_can_go_on():
    header = Header(read("plain.patch"))
    for position in ((29, 0), (30, 1), (30, 4095), (30, len(NEW)), (30, -4096), (30, 1 << 20)):
        assert "no place to go on" in raises(DeltaError, Decoder, header, None, None, position)


def test_the_bytes_of_a_header():
    made = make_header(13, 0x010203, b"o" * 32, 0x040506, b"n" * 32)
    data = MAGIC + b"\x01\x0d\x03\x02\x01\x00" + b"o" * 8 + b"\x06\x05\x04\x00" + b"n" * 8
    assert made.pack() == data and len(data) == HEADER_BYTES
    parsed = Header(memoryview(data + b"more"))
    assert (parsed.table_bits, parsed.old_size, parsed.new_size) == (13, 0x010203, 0x040506)
    assert parsed.old_hash == b"o" * 8 and parsed.new_hash == b"n" * 8
    for at, value, reason in (
        (0, 0x3D, "not a delta patch: magic 3d504844"),
        (4, 2, "patch format 2 is not supported"),
        (5, 11, "wants a table of 2^11 entries"),
        (5, 14, "wants a table of 2^14 entries"),
        (9, 1, "patch is from 16843267 bytes to 263430"),
        (21, 1, "patch is from 66051 bytes to 17040646"),
    ):
        bad = bytearray(data)
        bad[at] = value
        assert reason in raises(FormatError, Header, bad)
    assert "has 29 bytes, not 30" in raises(FormatError, Header, data[:29])
    assert "from 1 bytes to 0" in raises(FormatError, make_header, 12, 1, b"o" * 8, 0, b"n" * 8)


def test_another_base_is_refused_by_the_header():
    header = Header(read("plain.patch"))
    digest = hashlib.sha256(OLD).digest()
    header.check_base(len(OLD), digest)
    reason = raises(FormatError, header.check_base, len(OLD), bytes(32))
    assert digest[:8].hex() in reason and "0000000000000000 of 16116" in reason
    assert "of 16116 bytes, here is" in raises(FormatError, header.check_base, len(OLD) - 1, digest)
    assert "it promised" in raises(FormatError, header.check_result, digest)


def test_a_patch_that_ends_early():
    patch = read("segments.patch")
    for end in (HEADER_BYTES, 31, 33, 34, 35, 98, 700, 2000, len(patch) - 1):
        device = Device(patch)
        device.feed(patch[HEADER_BYTES:end], 300)
        assert not device.decoder.done() and NEW.startswith(bytes(device.out))
        reason = raises(DeltaError, device.decoder.finish)
        assert "patch ends early: byte %d of the patch" % end in reason, reason


def test_a_patch_that_goes_on_behind_its_end():
    patch = read("plain.patch")
    device = Device(patch)
    device.feed(patch[HEADER_BYTES:], 5000)
    assert "goes on behind its end" in raises(DeltaError, device.decoder.feed, b"\0")


def test_a_segment_that_is_longer_or_shorter_than_it_says():
    patch = read("plain.patch")
    size = len(patch) - HEADER_BYTES - 4
    for change, reason in ((9, "segment goes on behind its output"), (-9, "segment ends early")):
        body = bytes(((size + change) & 255, (size + change) >> 8)) + patch[HEADER_BYTES + 2 :]
        device = Device(patch)
        assert reason in raises(DeltaError, device.feed, body + b"\xff" * 9, 300)


def test_the_head_of_a_segment():
    patch = read("plain.patch")
    sectors = (len(NEW) + 4095) // 4096
    for head in (b"\0\0\0\0", b"\x01\0" + bytes((sectors, 0)), b"\x01\0\xff\xff"):
        device = Device(patch)
        assert "byte 34 of the patch, 0 of the image" in raises(DeltaError, device.feed, head, 4)


def damaged(patch, body, old, new, step):
    """Apply `body`; True when the decoder refuses it, or the hash of the result does."""
    device = Device(patch, old)
    try:
        device.feed(body, step)
        device.decoder.finish()
        device.header.check_result(hashlib.sha256(device.out).digest())
    except (DeltaError, FormatError):
        return True
    assert bytes(device.out) == new
    return False


def test_flipped_bits_are_found_and_do_no_harm():
    patch = read("small.patch")
    random = xorshift(1)
    found = 0
    for _ in range(24):
        body = bytearray(patch[HEADER_BYTES:])
        place = next(random) % (8 * 700)
        body[place >> 3] ^= 1 << (place & 7)
        found += damaged(patch, body, OLD, NEW, 500)
    assert found == 24


def test_random_bytes_as_a_patch_do_no_harm():
    random = xorshift(7)
    old = OLD[:3000]
    for n in range(60):
        new_size = 1 + next(random) % 9000
        header = make_header(12 + (n & 1), len(old), bytes(8), new_size, bytes(8)).pack()
        size = 1 + next(random) % 900
        body = bytearray([next(random) & (0xFF if n % 3 else 0x01) for _ in range(size)])
        assert damaged(header, bytes((size & 255, size >> 8, 0, 0)) + body, old, b"", 100 + n)


def test_without_an_old_image():
    patch = read("packed.patch")
    assert len(patch) * 3 < len(NEW) * 2
    for step in (1, 244, len(patch)):
        device = Device(patch, b"")
        device.feed(patch[HEADER_BYTES:], step)
        device.same(NEW)
        assert device.sizes == {1024, len(NEW) % 1024}


def test_segments_without_an_old_image():
    patch = read("packed.patch")
    first = HEADER_BYTES + 4 + (patch[30] | patch[31] << 8)
    made = 4096 * patch[32]
    assert 4096 < made < len(NEW) and patch[first + 2] == 0
    device = Device(patch, b"", (first, made))
    device.decoder.pause = made + 1024
    taken = device.decoder.feed(memoryview(patch)[first:])
    assert taken == len(patch) - first and device.decoder.waits and len(device.out) == 1024
    assert device.decoder.restart == (first, made)
    device.decoder.pause = len(NEW) + 1
    device.decoder.feed(b"")
    device.same(NEW, made)


def test_damage_without_an_old_image():
    patch = read("packed.patch")
    random = xorshift(3)
    found = 0
    for _ in range(40):
        body = bytearray(patch[HEADER_BYTES:])
        place = next(random) % (8 * len(body))
        body[place >> 3] ^= 1 << (place & 7)
        found += damaged(patch, body, b"", NEW, 500)
    # The bits that fill the last byte of a stream mean nothing.
    assert found >= 38
    for n in range(30):
        size = 1 + next(random) % 900
        body = bytearray([next(random) & (0xFF if n % 3 else 0x01) for _ in range(size)])
        assert damaged(patch, bytes((size & 255, size >> 8, 0, 0)) + body, b"", NEW, 100 + n)
    device = Device(patch, b"")
    assert "segment of 8193 bytes" in raises(DeltaError, device.feed, b"\x01\x20\0\0", 4)
    device = Device(patch, b"")
    assert "segment ends early" in raises(DeltaError, device.feed, b"\x02\0\0\0\x03\0", 6)


def test_bytecode_makes_the_same():
    patch = read("plain.patch")
    device = Device(patch)
    device.feed(patch[HEADER_BYTES:2000], 1000)
    functions = delta.clear, delta.counters, delta.decode
    delta.clear, delta.counters, delta.decode = delta_plain.clear, delta_plain.counters, delta_plain.decode
    try:
        other = Device(patch)
        other.feed(patch[HEADER_BYTES:2000], 100)
    finally:
        delta.clear, delta.counters, delta.decode = functions
    assert len(device.out) >= 2048 and device.out == other.out


def test_what_a_decoder_allocates():
    try:
        from gc import collect, mem_alloc
    except ImportError:
        return  # CPython does not say
    for name, most in (("plain.patch", 19 << 10), ("small.patch", 11 << 10), ("packed.patch", 11 << 10)):
        patch = read(name)
        header = Header(patch)
        collect()
        before = mem_alloc()
        decoder = Decoder(header, None, None)
        collect()
        assert mem_alloc() - before < most
        del decoder


def test_the_constants_by_their_definition():
    def squash(x):
        return (64 - x % 32) * 128 >> x // 32

    c = bytearray(128 + 7)
    for i in range(128):
        p = 4 * i + 2 if i < 64 else 128 * (i - 64) + 64
        while c[i] < 255 and squash(c[i] + 1) >= p:
            c[i] += 1
    for n in range(7):
        c[128 + n] = 2560 // (10 * n + 16)
    assert bytes(c) == CONSTANTS
