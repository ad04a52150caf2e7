"""An image whose payload lies at the first byte of its slot: the same image again through the envelope."""

from ophion_boot.core.area import Area, AreaError
from ophion_boot.core.envelope import EnvelopedArea
from support import SECTOR, image, raises, ram_flash

SECTORS, ENVELOPE = 6, 4


def area(write_size=4):
    flash = ram_flash(SECTORS, write_size)
    return Area(flash, 0, SECTORS * SECTOR, SECTOR, write_size)


def stored(name, write_size=4, step=256):
    """`name` written through the view in pieces, as an upload does; returns (area, view)."""
    raw = area(write_size)
    view = EnvelopedArea(raw, ENVELOPE)
    data = image(name)
    data += b"\xff" * (-len(data) % write_size)
    for at in range(0, len(data), step):
        view.program(at, data[at : at + step])
    return raw, view


def read(area, at, length):
    out = bytearray(length)
    area.read(at, out)
    return bytes(out)


def test_the_payload_is_at_the_first_byte_and_the_image_reads_as_it_was():
    for name in ("rt1", "rt2", "rt3"):
        for write_size in (1, 4, 8, 16, 32):
            raw, view = stored(name, write_size)
            data = image(name)
            size = int.from_bytes(data[12:16], "little")
            assert read(raw, 0, size) == data[32 : 32 + size]
            at = ENVELOPE * SECTOR
            assert read(raw, at, 32) == data[:32]
            assert read(raw, at + 32, len(data) - 32 - size) == data[32 + size :]
            for start, length in ((0, len(data)), (1, 40), (31, 2), (size, 64), (size + 32, 20)):
                view = EnvelopedArea(raw, ENVELOPE)
                assert read(view, start, length) == data[start : start + length], (name, start)


def test_erasing_the_first_sector_takes_the_envelope_first():
    raw, view = stored("rt1")
    order = []
    raw._bdev.on_op = lambda kind, at, length: order.append(at // SECTOR)
    view.erase(0)
    assert order == [ENVELOPE, 0]
    assert view.blank(0) and read(view, 0, 32) == b"\xff" * 32
    raw, view = stored("rt1")
    raw.erase(0)
    assert not view.blank(0), "the envelope is still there"


def test_sectors_behind_the_payload_are_not_touched():
    raw, view = stored("rt1")
    ops = raw._bdev.ops
    view.erase(ENVELOPE)
    assert raw._bdev.ops == ops and view.blank(ENVELOPE)


def test_what_does_not_fit_is_refused():
    view = EnvelopedArea(area(), ENVELOPE)
    assert raises(AreaError, view.program, 64, bytes(32)) == "no header: the envelope is written first"
    head = bytearray(image("rt1")[:32])
    head[12:16] = (ENVELOPE * SECTOR + 32).to_bytes(4, "little")
    view.program(0, head)
    said = "payload of %d bytes does not fit in %d" % (ENVELOPE * SECTOR + 32, ENVELOPE * SECTOR)
    assert raises(AreaError, view.program, 32, bytes(32)) == said
    assert raises(AreaError, view.part, 0, SECTOR) == "an enveloped image has no parts"


def test_tlvs_that_run_over_the_envelope_are_refused():
    _, view = stored("rt1")
    end = 32 + int.from_bytes(image("rt1")[12:16], "little")
    said = "header and TLVs do not fit in a sector of 4096 bytes"
    assert raises(AreaError, view.read, end + SECTOR - 32, bytearray(4)) == said


def test_a_payload_that_is_not_in_write_units_is_refused():
    head = bytearray(image("rt1")[:32])
    head[12:16] = (20).to_bytes(4, "little")
    view = EnvelopedArea(area(32), ENVELOPE)
    assert raises(AreaError, view.program, 0, head) == "payload of 20 bytes is not in write units of 32"
