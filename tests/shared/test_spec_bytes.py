"""The bytes of SPEC.md 2 and 5, spelled out: trailers, journal, record of `ab`, cells, log, boot cell."""

import binascii
import hashlib
import struct

from ophion_boot.core import bootmode
from ophion_boot.core.area import Area
from ophion_boot.core.eventlog import EventLog
from ophion_boot.core.journal import Journal
from ophion_boot.core.progress import Progress
from ophion_boot.core.sanity import Memory
from ophion_boot.core.slot import Slot
from ophion_boot.fmt import FormatError, trailer
from ophion_boot.port.flash_cells import FlashCells
from rig import PRI, Rig, on_swaps
from rig_ab import SLOT, ABRig
from rig_release import OTA_AT, ReleaseRig
from support import SECTOR, Cells, image, raises, ram_flash

# SPEC.md 2.1: a unit -> the 16 bytes of the magic, and where the flags lie, from the slot's end.
MAGIC = {
    8: "77c295f360d2ef7f3552500f2cb67980",
    16: "10002de15d29410b8d77679c110f1f8a",
    32: "20002de15d29410b8d77679c110f1f8a",
}
FLAGS_AT = {
    8: (-24, -32, -40, -48, -56),
    16: (-32, -48, -64, -80, -96),
    32: (-64, -96, -128, -160, -192),
}
NAMED = (trailer.IMAGE_OK, trailer.COPY_DONE, trailer.SWAP_INFO, trailer.TLV_SIZES, trailer.SWAP_SIZE)


def slot_of(write_size, sectors=2):
    flash = ram_flash(sectors, write_size)
    return flash, Slot(Area(flash, 0, sectors * SECTOR, SECTOR, write_size), 1)


def content(flash, at, length):
    out = bytearray(length)
    flash.readblocks(0, out, at)
    return bytes(out)


def journal_body(swap_type, first, second):
    """The record of SPEC.md 2.3, 32 bytes."""
    body = b"OPHJ\x01" + bytes((swap_type, 0, 0)) + struct.pack("<II", first, second)
    return body + struct.pack("<I", binascii.crc32(body)) + b"\xff" * 12


def test_where_the_trailer_has_its_fields():
    for write_size, unit in ((1, 8), (2, 8), (4, 8), (8, 8), (16, 16), (32, 32)):
        for number, at in zip(NAMED, FLAGS_AT[unit]):
            flash, slot = slot_of(write_size)
            assert slot.flag(number) == trailer.UNSET
            slot.write_flag(number)
            expected = b"\xff" * (2 * SECTOR + at) + b"\x01" + b"\xff" * (-at - 1)
            assert content(flash, 0, 2 * SECTOR) == expected, (write_size, number)
            assert slot.flag(number) == trailer.SET
        flash, slot = slot_of(write_size)
        assert slot.magic() == trailer.UNSET
        slot.write_magic()
        assert content(flash, 0, 2 * SECTOR) == b"\xff" * (2 * SECTOR - 16) + bytes.fromhex(MAGIC[unit])
        assert slot.magic() == trailer.GOOD
    assert "write size 64" in raises(FormatError, trailer.unit_bytes, 64)


def test_a_magic_is_unset_or_good_or_bad():
    for unit, text in MAGIC.items():
        good = bytes.fromhex(text)
        assert trailer.classify_magic(good, unit) == trailer.GOOD
        assert trailer.classify_magic(b"\xff" * 16, unit) == trailer.UNSET
        for bit in range(128):
            torn = bytearray(good)
            torn[bit >> 3] ^= 1 << (bit & 7)
            assert trailer.classify_magic(bytes(torn), unit) == trailer.BAD, (unit, bit)
        for other in MAGIC:
            if other != unit:
                assert trailer.classify_magic(good, other) == trailer.BAD


def test_a_flag_is_unset_only_when_all_its_bytes_are_erased():
    for unit in MAGIC:
        assert trailer.classify_flag(b"\xff" * unit) == trailer.UNSET
        for at in range(unit):
            for value in (0, 1, 0x7F, 0xFE):
                data = bytearray(b"\xff" * unit)
                data[at] = value
                assert trailer.classify_flag(data) != trailer.UNSET, (unit, at, value)


@on_swaps
def test_what_a_swap_leaves_in_the_trailers(kind):
    rig = Rig(2, kind=kind)
    rig.flash_primary(image("four"))
    rig.stage(image("six"))
    sec_at = sum(rig.sectors["secondary"]) * SECTOR
    assert rig.bytes_at(sec_at - 40, 1)[0] & 15 == 2, "asked for a test"
    rig.boot()
    end = PRI * SECTOR
    start = rig.bytes_at(end - SECTOR, 96)
    assert start[:32] == journal_body(2, len(image("four")), len(image("six")))
    assert start[32:48] == b"\x01" + b"\xff" * 15, "one boot on trial"
    per_sector = 3 if kind == "swap_scratch" else 2
    marks = rig.bytes_at(end - SECTOR + 96, 4 * per_sector * PRI)
    assert b"\xff" * 4 in marks and marks.replace(b"\xff", b"").replace(b"\0", b"") == b"", (
        "4 bytes 0, or erased"
    )
    assert rig.bytes_at(end - 40, 1)[0] & 15 == 2
    size_at = -48 if kind == "swap_scratch" else -56
    assert struct.unpack("<I", rig.bytes_at(end + size_at, 4))[0] == len(image("six")), "the larger one"
    # The revert note is such a record, of type 4, where the secondary slot's trailer sectors begin.
    noted = []
    rig.boot()
    rig.flash.on_op = lambda what, at, length: noted.append((what, at, length))
    rig.boot()
    assert ("program", sec_at - SECTOR, 32) in noted
    assert rig.bytes_at(end - SECTOR, 32) == journal_body(4, len(image("six")), len(image("four")))
    assert rig.bytes_at(end - 40, 1)[0] & 15 == 4


def test_a_record_counts_when_it_is_whole():
    for write_size in (4, 8, 16, 32):
        flash, slot = slot_of(write_size)
        journal = Journal(slot)
        assert journal.read() is None
        journal.write(3, 70000, 12)
        assert content(flash, SECTOR, 32) == journal_body(3, 70000, 12)
        assert Journal(slot).read() == (3, 70000, 12)
        for bit in range(8 * 20):
            torn = bytearray(journal_body(3, 70000, 12))
            torn[bit >> 3] ^= 1 << (bit & 7)
            other = ram_flash(2, write_size, b"\xff" * SECTOR + bytes(torn))
            assert Journal(Slot(Area(other, 0, 2 * SECTOR, SECTOR, write_size), 1)).read() is None, bit


def test_a_record_of_another_version_does_not_count():
    for at, value in ((4, 1), (4, 2), (0, 0x4E)):
        body = bytearray(journal_body(2, 5, 6)[:16])
        body[at] = value
        record = bytes(body) + struct.pack("<I", binascii.crc32(bytes(body)))
        flash = ram_flash(2, 4, b"\xff" * SECTOR + record)
        found = Journal(Slot(Area(flash, 0, 2 * SECTOR), 1)).read()
        assert found == ((2, 5, 6) if value == 1 else None), (at, value)


def test_where_the_marks_are():
    for write_size, unit in ((4, 8), (8, 8), (16, 16), (32, 32)):
        flash, slot = slot_of(write_size)
        journal = Journal(slot)
        for boot in range(8):
            assert journal.trials_used() == boot
            journal.count_trial()
            assert content(flash, SECTOR + 32 + boot * unit, unit) == b"\x01" + b"\xff" * (unit - 1)
        before = flash.ops
        journal.count_trial()
        assert flash.ops == before and journal.trials_used() == 8
        marks_at = SECTOR + 32 + 8 * unit
        for step in (0, 1, 7):
            assert not journal.done(step)
            journal.mark(step)
            assert journal.done(step)
            assert content(flash, marks_at + step * write_size, write_size) == bytes(write_size)
        # Any bit that is not erased makes a mark.
        for at in range(write_size):
            torn = bytearray(b"\xff" * write_size)
            torn[at] = 0x7F
            other = ram_flash(2, write_size, b"\xff" * marks_at + bytes(torn))
            assert Journal(Slot(Area(other, 0, 2 * SECTOR, SECTOR, write_size), 1)).done(0), (write_size, at)


def test_the_records_of_ab():
    rig = ABRig("four", trials=2)
    a_end, b_end = SLOT * SECTOR, 2 * SLOT * SECTOR
    rig.put(a_end, image("two"))
    rig.put(b_end - SECTOR, b"\xff" * (SECTOR - 16) + bytes.fromhex(MAGIC[8]))
    assert rig.boot().image.version == "4.0.0" and not rig.events(), "MCUboot's magic asks for nothing"
    rig.stage("six", True)
    assert rig.bytes_at(a_end - 2 * SECTOR, 32) == journal_body(3, 1, 0), "settled"
    assert rig.bytes_at(b_end - 2 * SECTOR, 32) == journal_body(3, 2, 0), "asked for"
    for at in (-24, -32):
        assert rig.bytes_at(a_end + at, 8) == b"\x01" + b"\xff" * 7
    assert rig.bytes_at(b_end - SECTOR, SECTOR) == b"\xff" * (SECTOR - 24) + b"\x01" + b"\xff" * 23
    assert rig.boot().image.version == "6.0.0"
    rig.stage("two")
    assert rig.bytes_at(a_end - 2 * SECTOR, 32) == journal_body(2, 3, 0)
    assert rig.bytes_at(a_end - 16, 16) == b"\xff" * 16, "no magic"
    for _ in range(3):
        rig.boot()
    assert rig.bytes_at(a_end - 64, 8) == b"\x01" + b"\xff" * 7, "rejected"
    assert rig.bytes_at(a_end - 2 * SECTOR + 32, 24) == (b"\x01" + b"\xff" * 7) * 2 + b"\xff" * 8


def cell_record(number, body):
    head = b"OPHC" + struct.pack("<IHH", number, len(body), 0)
    record = head + struct.pack("<I", binascii.crc32(body, binascii.crc32(head))) + body
    return record + b"\xff" * (-len(record) % 4)


def test_the_bytes_of_the_cells():
    flash = ram_flash(2)
    cells = FlashCells(Area(flash, 0, 2 * SECTOR))
    cells.store("a", b"xyz")
    cells.store("a", b"z")
    expected = cell_record(1, b"\xa1\x61a\x43xyz") + cell_record(2, b"\xa1\x61a\x41z")
    assert content(flash, 0, SECTOR) == expected + b"\xff" * (SECTOR - len(expected))
    # The highest number counts, wherever it lies.
    for first, second, value in ((7, 8, b"y"), (9, 8, b"x")):
        data = cell_record(first, b"\xa1\x61a\x41x")
        data += b"\xff" * (SECTOR - len(data)) + cell_record(second, b"\xa1\x61a\x41y")
        assert FlashCells(Area(ram_flash(2, 4, data), 0, 2 * SECTOR)).load("a") == value
    # A record that does not fit goes to the other sector, which is erased for it.
    erased, count = [], 2
    flash.on_op = lambda kind, at, length: erased.append(at // SECTOR) if kind == "erase" else None
    while not erased:
        cells.store("a", bytes(1000))
        count += 1
    assert erased == [1] and content(flash, SECTOR, 8) == b"OPHC" + struct.pack("<I", count)


def test_the_bytes_of_the_mark_and_of_the_upload_cell():
    flash = ram_flash(2)
    cells = FlashCells(Area(flash, 0, 2 * SECTOR))
    progress = Progress(cells, None)
    sha = bytes(range(32))
    progress.begin(1, 0x12345, sha)
    assert cells.load("upload") == b"\x01\x45\x23\x01\x00" + sha
    at = content(flash, 0, SECTOR).index(b"\xff" * 16)
    at += -at % 4
    progress.mark(1, 0x1400)
    record = b"OPHU" + struct.pack("<II", 0x1400, 0x3FFFFFFF - 0x1400)
    assert content(flash, at, 16) == record + b"\xff" * 4
    assert cells.mark() == 0x1400 and FlashCells(Area(flash, 0, 2 * SECTOR)).mark() == 0x1400
    # In a record of cells it stands under the number 0.
    cells.store("a", b"z")
    body = content(flash, at + 12 + 16, 60)
    assert body[0] == 0xA3 and b"\x00\x19\x14\x00" in body
    # A program that is torn leaves bits set that should not be: no such record counts.
    for cleared in range(96):
        torn = bytearray(record)
        for bit in range(cleared, 96):
            torn[bit >> 3] |= 1 << (bit & 7)
        if bytes(torn) == record:
            continue
        other = ram_flash(2)
        FlashCells(Area(other, 0, 2 * SECTOR)).store("a", b"z")
        end = -(-content(other, 0, SECTOR).index(b"\xff" * 16) // 4) * 4
        other.writeblocks(0, bytes(torn), end)
        assert FlashCells(Area(other, 0, 2 * SECTOR)).mark() == 0, cleared


def test_the_bytes_of_the_log_and_of_the_boot_cell():
    cells = Cells()
    EventLog(cells).add("installed", "1.2.3", "test")
    head, totals = b"\x63log\x81\xa4", b"\x66totals\xa1\x69installed\x01"
    pairs = (b"\x61n\x01", b"\x65event\x69installed", b"\x67version\x651.2.3", b"\x66reason\x64test")
    log = cells.values["log"]
    assert log[0] == 0xA2 and len(log) == 1 + len(head + totals) + sum([len(pair) for pair in pairs])
    for pair in (head, totals) + pairs:  # in any order: a map has none
        assert pair in log
    body = b"OPHB\x01\x01\x05\x02abcd"
    cell = bootmode.Cell(bootmode.RECOVERY, True, 5, 2, b"abcd")
    assert cell.pack() == body + struct.pack("<I", binascii.crc32(body))


def test_the_bytes_of_the_health_cell():
    cells = Cells()
    memory = Memory(lambda data=None: b"", cells, None)
    memory.remember(2, b"abcd", [b"efgh", b"\0\xff\1\2"])
    body = b"\x01\x02\0\0abcdefgh\0\xff\1\2"
    assert cells.values["health"] == body + struct.pack("<I", binascii.crc32(body))
    assert memory.recall() == (2, b"abcd", [b"efgh", b"\0\xff\1\2"])
    memory.remember(0, b"abcd", [])
    body = b"\x01" + bytes(7)
    assert cells.values["health"] == body + struct.pack("<I", binascii.crc32(body))
    for bit in range(8 * 12):
        bad = bytearray(cells.values["health"])
        bad[bit >> 3] ^= 1 << (bit & 7)
        cells.values["health"] = bytes(bad)
        assert memory.recall() == (0, bytes(4), []), bit
        bad[bit >> 3] ^= 1 << (bit & 7)
        cells.values["health"] = bytes(bad)
    long = b"\x01\x02\0\0" + b"abcd" * 6
    cells.values["health"] = long + struct.pack("<I", binascii.crc32(long))
    assert memory.recall() == (0, bytes(4), []), "five images gone back from"


def test_what_a_release_leaves_in_the_partition():
    """SPEC 4.6, from the end of ota_1: flags, record with marks and notes, envelope."""
    rig = ReleaseRig(trials=2)
    rig.boot()
    rig.ask("needs11", "rt2")
    rig.boot()
    at = OTA_AT[1]
    app = image("needs11")
    size = int.from_bytes(app[12:16], "little") + int.from_bytes(app[10:12], "little")
    digest = hashlib.sha256(app[: 32 + size]).digest()
    record = rig.bytes_at(at + 4 * SECTOR, SECTOR)
    body = b"OPHJ" + struct.pack("<BBHII", 1, 2, 0, 1, 0)
    assert record[:20] == body + struct.pack("<I", binascii.crc32(body))
    assert record[32:40] == b"\x01" + b"\xff" * 7 and record[40:48] == b"\xff" * 8, "one boot on trial"
    note = record[32 + 64 : 32 + 64 + 64]
    body = b"OPHM" + digest
    assert note == body + struct.pack("<I", binascii.crc32(body)) + b"\xff" * 24
    assert record[32 + 64 + 64 :] == b"\xff" * (SECTOR - 160)
    assert rig.bytes_at(at + 5 * SECTOR, SECTOR) == b"\xff" * SECTOR, "no flag"
    envelope = rig.bytes_at(at + 3 * SECTOR, SECTOR)
    data = image("rt2")
    payload = int.from_bytes(data[12:16], "little")
    assert envelope[:32] == data[:32] and envelope[32 : len(data) - payload] == data[32 + payload :]
    assert rig.bytes_at(at, payload) == data[32 : 32 + payload]
    rig.boot()
    rig.boot()
    flags = rig.bytes_at(at + 5 * SECTOR, SECTOR)
    assert flags[-16 - 6 * 8] == 1 and flags.count(b"\xff") == SECTOR - 1, "rejected"
