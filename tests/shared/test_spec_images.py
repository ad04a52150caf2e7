"""The rules of SPEC.md 1.1 and 1.2 at their edges, one field at a time."""

import struct

from ophion_boot.core.area import Area
from ophion_boot.core.verify import Verifier, VerifyError
from ophion_boot.fmt import FormatError
from ophion_boot.fmt.image import Header, area_size, parse_tlvs
from support import SECTOR, raises, ram_flash, read_file, vector_keys

UNPROTECTED = (
    0x01,
    0x02,
    0x10,
    0x11,
    0x12,
    0x20,
    0x22,
    0x23,
    0x24,
    0x25,
    0x30,
    0x31,
    0x32,
    0x33,
    0x34,
    0x1A3,
)


def header(magic=0x96F3B83D, load=0, size=32, protected=0, payload=100, flags=0, pad=0):
    return struct.pack("<IIHHIIBBHII", magic, load, size, protected, payload, flags, 1, 2, 3, 4, pad)


def area(kinds, protected=False, value=b"\0"):
    body = b"".join([struct.pack("<HH", kind, len(value)) + value for kind in kinds])
    return struct.pack("<HH", 0x6908 if protected else 0x6907, 4 + len(body)) + body


def refused(data):
    """The reason why `data` is no header, or nothing."""
    try:
        Header(data)
    except FormatError as e:
        return str(e)
    return ""


def test_where_the_header_has_its_fields():
    parsed = Header(header(size=0x120, protected=0x34, payload=0x5678))
    assert (parsed.hdr_size, parsed.protect_size, parsed.img_size) == (0x120, 0x34, 0x5678)
    assert parsed.version == (1, 2, 3, 4) and parsed.version_text() == "1.2.3.4"
    assert parsed.signed_size == 0x120 + 0x34 + 0x5678


def test_the_edges_of_the_header():
    assert "magic" in refused(header(magic=0x96F3B83C))
    assert "header size 31" in refused(header(size=31)) and not refused(header(size=32))
    assert "empty" in refused(header(payload=0)) and not refused(header(payload=1))
    assert not refused(header(load=0xFFFFFFFF)) and not refused(header(pad=0xFFFFFFFF)), "not looked at"
    assert "shorter" in refused(header()[:31])


def test_flags_that_may_be_set():
    allowed = {1 << bit for bit in range(32) if not refused(header(flags=1 << bit))}
    assert allowed == {0x1, 0x2, 0x4, 0x8, 0x20, 0x100}
    assert not refused(header(flags=0x12B)) and "both AES" in refused(header(flags=0x12F))
    sizes = [Header(header(flags=flags)).key_size for flags in (0, 1, 4, 8)]
    assert sizes == [0, 0, 16, 32]


def test_types_that_may_stand_in_an_area():
    for kind in list(range(0x200)) + [0x7FFF, 0x8000, 0xFFFE, 0xFFFF]:
        for protected in (False, True):
            wanted = (kind in UNPROTECTED) != protected and kind not in (0, 0xFFFF)
            data = area([kind], protected)
            if wanted:
                assert parse_tlvs(data, protected) == [(kind, 8, 1)], kind
            else:
                assert "type" in raises(FormatError, parse_tlvs, data, protected), (kind, protected)


def test_no_type_stands_twice_but_the_dependency():
    assert "twice" in raises(FormatError, parse_tlvs, area([0x10, 0x24, 0x10]), False)
    assert "twice" in raises(FormatError, parse_tlvs, area([0xA0, 0x50, 0xA0], True), True)
    assert len(parse_tlvs(area([0x40, 0x50, 0x40, 0x40], True), True)) == 4


def test_how_many_entries_an_area_may_have():
    most = [0xA0 + n for n in range(64)]
    assert len(parse_tlvs(area(most, True), True)) == 64
    assert "more than 64" in raises(FormatError, parse_tlvs, area(most + [0x50], True), True)


def test_the_info_of_an_area():
    for protected, magic in ((False, 0x6907), (True, 0x6908)):
        assert area_size(struct.pack("<HH", magic, 4), protected) == 4, "its own four bytes are counted"
        assert "below" in raises(FormatError, area_size, struct.pack("<HH", magic, 3), protected)
        assert "magic" in raises(FormatError, area_size, struct.pack("<HH", magic ^ 1, 40), protected)


def test_an_image_may_end_at_the_limit_and_no_byte_later():
    for name in ("plain-ed25519.bin", "prot-ed25519.bin"):
        data = read_file(name)
        sectors = len(data) // SECTOR + 1
        slot = Area(ram_flash(sectors, content=data), 0, sectors * SECTOR)
        verifier = Verifier(vector_keys(), bytearray(SECTOR))
        assert verifier.verify(slot, len(data)).total == len(data)
        assert "ends beyond" in raises(VerifyError, verifier.verify, slot, len(data) - 1)
