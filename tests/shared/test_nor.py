"""The flash model: its rules, what a cut leaves, faults, and counters."""

from nor import ERASE_SHAPES, PROGRAM_SHAPES, SHAPES, NorViolation, PowerCut
from support import SECTOR, raises, ram_flash

BLANK = b"\xff" * SECTOR
OLD = bytes((7 * i + 3) & 0x7F for i in range(SECTOR))


def after_cut(shape, seed, kind, write_size=4):
    """What a sector holds after a cut erase of OLD, or a cut program of OLD into a blank one."""
    flash = ram_flash(2, write_size, OLD if kind == "erase" else b"")
    flash.arm_cut(1, shape, seed)
    try:
        if kind == "erase":
            flash.ioctl(6, 0)
        else:
            flash.writeblocks(0, OLD, 0)
        raise AssertionError("no cut")
    except PowerCut:
        pass
    out = bytearray(2 * SECTOR)
    flash.readblocks(0, out)
    assert out[SECTOR:] == BLANK, "the next sector is not touched"
    return bytes(out[:SECTOR])


def differ(seeds, shape, kind):
    return len({after_cut(shape, seed, kind) for seed in range(seeds)}) > 1


def test_before_and_after():
    assert after_cut("before", 1, "erase") == OLD and after_cut("after", 1, "erase") == BLANK
    assert after_cut("before", 1, "program") == BLANK and after_cut("after", 1, "program") == OLD


def test_an_erase_only_raises_bits_whatever_its_shape():
    for shape in ERASE_SHAPES + ("torn",):
        for seed in range(4):
            data = after_cut(shape, seed, "erase")
            assert all(a & b == b for a, b in zip(data, OLD)), shape
        assert differ(4, shape, "erase"), shape


def test_a_program_only_clears_what_it_was_given():
    for shape in PROGRAM_SHAPES + ("torn",):
        for seed in range(4):
            data = after_cut(shape, seed, "program")
            assert all(a & b == b for a, b in zip(data, OLD)), shape
        assert differ(4, shape, "program"), shape


def border(data, first, second):
    """Where `data` stops being like `first` and is `second` from there on; -1 when it is neither."""
    at = 0
    while at < SECTOR and data[at] == first[at]:
        at += 1
    return at if data[at:] == second[at:] else -1


def test_erase_shapes():
    for seed in range(4):
        assert border(after_cut("torn:front", seed, "erase"), OLD, BLANK) >= 0
        assert border(after_cut("torn:behind", seed, "erase"), BLANK, OLD) >= 0
        pages = after_cut("torn:pages", seed, "erase")
        for at in range(0, SECTOR, 8):
            assert pages[at : at + 8] in (OLD[at : at + 8], BLANK[:8])
    risen = after_cut("torn:risen", 1, "erase")
    cleared = sum(bin(byte ^ 0xFF).count("1") for byte in OLD)
    still = sum(bin(byte ^ 0xFF).count("1") for byte in risen)
    assert 0.45 * cleared < still < 0.55 * cleared, "half of the bits have risen"


def test_program_shapes():
    for seed in range(4):
        words = after_cut("torn:subset", seed, "program")
        whole = [words[at : at + 4] == OLD[at : at + 4] for at in range(0, SECTOR, 4)]
        blank = [words[at : at + 4] == BLANK[:4] for at in range(0, SECTOR, 4)]
        assert all(a or b for a, b in zip(whole, blank)) and True in whole and True in blank
        one = after_cut("torn:word", seed, "program")
        assert sum(one[at : at + 4] != BLANK[:4] for at in range(0, SECTOR, 4)) == 1
        prefix = after_cut("torn:prefix", seed, "program")
        at = border(prefix, OLD, BLANK)
        assert at >= 0 or border(prefix[:-4] + BLANK[:4], OLD, BLANK) != 0


def test_a_cut_happens_once_and_by_number():
    flash = ram_flash(1)
    flash.arm_cut(2, "after")
    flash.writeblocks(0, b"\0" * 4, 0)
    assert raises(PowerCut, flash.writeblocks, 0, b"\0" * 4, 4) == "after"
    flash.writeblocks(0, b"\0" * 4, 8)
    flash.arm_cut(1, "torn:soup")
    flash.disarm()
    flash.ioctl(6, 0)
    assert flash.ops == 4
    for shape in ("torn:none", "", "during"):
        assert shape not in SHAPES
        raises(ValueError, flash.arm_cut, 1, shape)


def test_a_unit_of_an_encrypted_flash_is_programmed_once():
    for write_size, allowed in ((4, True), (8, True), (16, False), (32, False)):
        flash = ram_flash(1, write_size)
        flash.writeblocks(0, b"\x7f" * 32, 0)
        if allowed:
            flash.writeblocks(0, b"\x3f" * 32, 0)
        else:
            assert "twice" in raises(NorViolation, flash.writeblocks, 0, b"\x3f" * 32, 0)
            flash.ioctl(6, 0)
            flash.writeblocks(0, b"\x3f" * 32, 0)


def test_reads_fail_or_lie_where_they_are_told_to():
    flash = ram_flash(2, 4, OLD)
    flash.faults = [(100, 104, "flip"), (SECTOR, SECTOR + 1, "fail")]
    data = bytearray(200)
    flash.readblocks(0, data)
    wrong = [at for at in range(200) if data[at] != OLD[at]]
    assert wrong == [100, 101, 102, 103]
    assert all(bin(data[at] ^ OLD[at]).count("1") == 1 for at in wrong)
    assert "failed" in raises(OSError, flash.readblocks, 0, bytearray(2), SECTOR - 1)
    flash.readblocks(0, bytearray(1), SECTOR - 1)
    flash.readblocks(1, bytearray(4), 1)
    flash.faults.clear()
    flash.readblocks(0, data)
    assert data == OLD[:200], "the cells are as they were"


def test_counters():
    flash = ram_flash(3)
    flash.writeblocks(1, OLD)
    flash.ioctl(6, 1)
    flash.ioctl(6, 2)
    flash.writeblocks(0, b"\0" * 8, 0)
    assert (flash.ops, flash.erases, flash.programmed) == (5, 3, SECTOR + 8)
    assert flash.erased == {1: 2, 2: 1}
