"""Persistent cells, the event log and the cell of the boot: kept, and safe when torn or garbage."""

from nor import SHAPES, PowerCut
from ophion_boot.core import bootmode
from ophion_boot.core.area import Area
from ophion_boot.core.eventlog import EVENTS_MAX, REFUSALS_MAX, EventLog
from ophion_boot.port.flash_cells import FlashCells
from support import SECTOR, Cells, raises, ram_flash


def cells_of(flash):
    return FlashCells(Area(flash, 0, 2 * SECTOR))


def test_values_survive_and_the_newest_counts():
    flash = ram_flash(2)
    cells = cells_of(flash)
    assert cells.load("a") is None
    for n in range(200):
        cells.store("a", b"value %d" % n)
        cells.store("b", bytes(n % 50))
    again = cells_of(flash)
    assert again.load("a") == b"value 199" and again.load("b") == bytes(49)
    assert flash.erases > 4, "both sectors were used"


def test_a_cut_loses_at_most_the_record_being_written():
    for before in (1, 60, 61, 62, 63, 64):
        for op in (1, 2):
            for shape in SHAPES:
                flash = ram_flash(2)
                cells = cells_of(flash)
                for n in range(before):
                    cells.store("a", b"old value %3d" % n + bytes(30))
                flash.arm_cut(op, shape, seed=before)
                try:
                    cells.store("a", b"new value")
                except PowerCut:
                    pass
                flash.disarm()
                got = bytes(cells_of(flash).load("a"))
                assert got[:9] in (b"new value", b"old value"), (before, op, shape)
                if got != b"new value":
                    assert got[:13] == b"old value %3d" % (before - 1)
                after = cells_of(flash)
                after.store("a", b"third")
                assert cells_of(flash).load("a") == b"third", (before, op, shape)


def test_garbage_is_empty():
    flash = ram_flash(2, content=b"OPHC" + bytes(range(200)))
    cells = cells_of(flash)
    assert cells.load("a") is None
    cells.store("a", b"1")
    assert cells_of(flash).load("a") == b"1"
    assert "do not fit" in raises(ValueError, cells.store, "b", bytes(SECTOR))


def test_records_that_fill_a_sector_take_turns_and_survive_cuts():
    for op in (1, 2):
        for shape in SHAPES:
            flash = ram_flash(2)
            cells = cells_of(flash)
            for n in range(5):
                cells.store("a", bytes((n,)) * 3900)
            assert flash.erases >= 4
            flash.arm_cut(op, shape, seed=op)
            try:
                cells.store("a", bytes((5,)) * 3900)
            except PowerCut:
                pass
            flash.disarm()
            assert cells_of(flash).load("a")[0] in (4, 5), (op, shape)


def test_the_mark_is_kept_beside_the_cells_and_costs_few_erases():
    for write_size in (1, 4, 32):
        flash = ram_flash(2, write_size)

        def again(flash=flash, write_size=write_size):
            return FlashCells(Area(flash, 0, 2 * SECTOR, SECTOR, write_size))

        cells = again()
        assert cells.mark() == 0
        cells.store("a", bytes(1000))
        erases = flash.erases
        for n in range(1, 400):
            cells.mark(n)
            if n % 50 == 0:
                cells.store("b", b"%d" % n)
            assert again().mark() == cells.mark() == n
        assert flash.erases - erases <= (8 if write_size == 32 else 5), flash.erases
        found = again()
        assert found.load("a") == bytes(1000) and found.load("b") == b"350"
        cells.mark(0)
        assert again().mark() == 0


def test_a_cut_loses_at_most_the_mark_being_written():
    for before in (0, 1, 2, 335, 336, 337, 338):
        for op in (1, 2):
            for shape in SHAPES:
                flash = ram_flash(2)
                cells = cells_of(flash)
                cells.store("a", b"value")
                for n in range(1, before + 1):
                    cells.mark(n << 10)
                flash.arm_cut(op, shape, seed=before)
                try:
                    cells.mark((before + 1) << 10)
                except PowerCut:
                    pass
                flash.disarm()
                found = cells_of(flash)
                assert found.mark() in (before << 10, (before + 1) << 10), (before, op, shape)
                assert found.load("a") == b"value"
                found.mark(7)
                found.store("b", b"1")
                third = cells_of(flash)
                assert (third.mark(), third.load("a"), third.load("b")) == (7, b"value", b"1")


def test_the_log_keeps_the_last_events_in_order():
    store = Cells()
    log = EventLog(store)
    for n in range(EVENTS_MAX + 5):
        log.add("installed", "1.0.%d" % n, "r" * 200)
    events = EventLog(store).read()
    assert len(events) == EVENTS_MAX
    assert events[-1]["n"] == EVENTS_MAX + 5 and events[-1]["version"] == "1.0.20"
    assert events[0]["n"] == 6 and len(events[0]["reason"]) == 60
    for garbage in (b"\xff", b"\xa1\x63log\x05", b"\xa1\x63log\x81\x01"):
        store.store("log", garbage)
        assert EventLog(store).read() == []
    log.add("installed")
    assert len(log.read()) == 1


def test_a_log_that_cannot_be_written_stops_nothing():
    flash = ram_flash(2)
    cells = cells_of(flash)
    cells.store("other", bytes(SECTOR // 2))
    log = EventLog(cells)
    for _ in range(EVENTS_MAX + 4):
        log.add("crashed", "1.0.0", "\u0436" * 200)
    events = EventLog(cells_of(flash)).read()
    assert 8 <= len(events) < EVENTS_MAX and events[-1]["n"] == EVENTS_MAX + 4, "the oldest make room"

    class Worn:
        def load(self, name):
            return None

        def store(self, name, data):
            raise OSError(5)

    EventLog(Worn()).add("installed")


def test_a_flood_of_refusals_wears_no_flash_out():
    flash = ram_flash(2)
    log = EventLog(cells_of(flash))
    log.add("installed", "1.0.0")
    for _ in range(REFUSALS_MAX):
        log.add("refused", "", "first")
    ops, erases = flash.ops, flash.erases
    for n in range(500):
        log.add("refused", "", "flood %d" % n)
    assert (flash.ops, flash.erases) == (ops, erases)
    assert log.read()[-1]["reason"] == "flood 499" and log.totals()["refused"] == REFUSALS_MAX + 500
    after = EventLog(cells_of(flash))
    assert after.read()[-1]["reason"] == "first" and len(after.read()) == REFUSALS_MAX + 1
    log.add("confirmed", "1.0.0")
    after = EventLog(cells_of(flash))
    assert [entry["reason"] for entry in after.read()[-2:]] == ["flood 499", ""]
    assert after.totals() == {"installed": 1, "confirmed": 1, "refused": REFUSALS_MAX + 500}
    after.add("refused", "", "after a reset it counts anew")
    assert EventLog(cells_of(flash)).read()[-1]["reason"].startswith("after a reset")


def test_cells_that_cannot_be_read_are_empty():
    class Unreadable:
        sector, write_size, size = SECTOR, 4, 2 * SECTOR

        def read(self, at, buf):
            raise OSError(5)

    assert FlashCells(Unreadable()).load("log") is None


def test_the_log_fits_into_the_cells_with_its_longest_texts():
    flash = ram_flash(2)
    log = EventLog(cells_of(flash))
    for _ in range(EVENTS_MAX + 2):
        log.add("installed", "255.255.65535.4294967295", "r" * 200)
    assert len(EventLog(cells_of(flash)).read()) == EVENTS_MAX


def test_the_cell_of_the_boot_needs_every_bit():
    left = bootmode.Cell(bootmode.RECOVERY, True, 7, 2, b"\x80abc")
    data = left.pack()
    found = bootmode.parse(data)
    assert (found.mode, found.flag, found.warm, found.misses, found.tag) == (1, True, 7, 2, b"\x80abc")
    for bit in range(8 * len(data)):
        bad = bytearray(data)
        bad[bit >> 3] ^= 1 << (bit & 7)
        assert bootmode.parse(bad) is None, bit
    for other in (None, b"", data[:-1], data + b"\0", bytes(16), b"\xff" * 16):
        assert bootmode.parse(other) is None
    assert bootmode.parse(bootmode.Cell(4).pack()) is None, "a mode that nobody knows"
    many = bootmode.parse(bootmode.Cell(warm=1000, misses=300).pack())
    assert (many.warm, many.misses) == (255, 255)
