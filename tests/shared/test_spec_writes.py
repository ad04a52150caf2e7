"""What the strategies write, in which order: the tables "writes, in this order" of SPEC.md 4, row by row.

Every flash operation of an action is named by where it lies, from the numbers of SPEC.md 2 and 4 and not from
the bootloader's: `pri 3` is sector 3 of the primary slot, `sec magic` a field of the secondary's trailer.
"""

from nor import PowerCut
from rig import PRI, SWAPS, Rig
from rig_ab import SLOT, ABRig
from rig_golden import GoldenRig
from support import SECTOR, image, ram_flash

# SPEC.md 2.1, for a unit of 8: bytes from the slot's end. swap_size lies at -56, or at -48.
FIELDS = {-16: "magic", -24: "image_ok", -32: "copy_done", -40: "swap_info", -48: "-48", -56: "-56"}
AB_FIELDS = {-24: "image_ok", -32: "copy_done", -64: "rejected"}


class Watch:
    """Names the operations on slots {name: (first sector, sectors, trailer sectors)}, one name for a copy."""

    def __init__(self, flash, slots, fields):
        self.seen = []
        self._flash = flash
        self._slots = slots
        self._fields = fields
        flash.on_op = self._note

    def taken(self):
        """What was done since the last call."""
        seen, self.seen = self.seen, []
        return seen

    def _note(self, kind, addr, length):
        for name, (first, count, trailer) in self._slots.items():
            if first <= addr // SECTOR < first + count:
                at = addr - first * SECTOR
                self._name(kind, name, at, count * SECTOR, trailer, length)
                return
        raise AssertionError("%s outside the slots" % kind)

    def _name(self, kind, name, at, size, trailer, length):
        sector = at // SECTOR
        inside = sector - (size // SECTOR - trailer)
        if inside < 0:
            what = "%s %d" % (name, sector)
            if kind == "erase":
                self.seen.append("erase " + what)
            elif self.seen[-1] == "erase " + what:
                self.seen[-1] = "copy to " + what
            else:
                raise AssertionError("%s is written without an erase" % what)
        elif kind == "erase":
            self.seen.append("erase %s trailer" % name + (" %d" % inside if trailer > 1 else ""))
        elif at - size in self._fields:
            self.seen.append("%s %s" % (name, self._fields[at - size]))
        else:
            self.seen.append("%s %s" % (name, self._record(at - (size - trailer * SECTOR), length)))

    @staticmethod
    def _record(at, length):
        """SPEC.md 2.3: the record, 8 trial marks of a unit, progress marks of a write unit (4 here)."""
        if at == 0 and length == 32:
            return "record"
        if 32 <= at < 96 and at % 8 == 0 and length == 8:
            return "trial %d" % ((at - 32) // 8)
        assert at >= 96 and length == 4 and at % 4 == 0, (at, length)
        return "mark %d" % ((at - 96) // 4)


def swap(kind, old, new, permanent=False, pending=True):
    """A Rig with `old` installed and `new` staged, and the Watch over it."""
    rig = Rig(2, kind=kind)
    rig.flash_primary(image(old))
    rig.put_staged(image(new))
    if pending:
        rig.strategy.set_pending(permanent)
    slots = {}
    for short, name in (("pri", "primary"), ("sec", "secondary"), ("scratch", "scratch")):
        first, count = rig.sectors[name]
        slots[short] = first, count, 0 if short == "scratch" else 1
    return rig, Watch(rig.flash, slots, FIELDS)


BEGIN = {
    "swap_offset": ["pri record", "pri swap_info", "pri -56", "pri magic", "erase sec trailer"],
    "swap_scratch": ["pri record", "pri swap_info", "pri -48", "pri magic", "erase sec trailer"],
}
# old: 2 sectors, new: 1.
SWAP_IN = {
    "swap_offset": [
        "copy to sec 0",
        "pri mark 0",
        "copy to pri 0",
        "pri mark 1",
        "copy to sec 1",
        "pri mark 2",
    ],
    "swap_scratch": [
        "copy to sec 1",
        "pri mark 3",
        "copy to scratch 0",
        "pri mark 0",
        "copy to sec 0",
        "pri mark 1",
        "copy to pri 0",
        "pri mark 2",
    ],
}
SWAP_BACK = {
    "swap_offset": [
        "copy to pri 1",
        "pri mark 3",
        "copy to sec 1",
        "pri mark 0",
        "copy to pri 0",
        "pri mark 1",
        "erase sec 0",
    ],
    "swap_scratch": [
        "copy to pri 1",
        "pri mark 3",
        "copy to scratch 0",
        "pri mark 0",
        "copy to sec 0",
        "pri mark 1",
        "copy to pri 0",
        "pri mark 2",
    ],
}


def test_what_both_swaps_write_to_ask_and_to_confirm():
    for kind in BEGIN:
        rig, watch = swap(kind, "two", "one", pending=False)
        rig.strategy.set_pending(False)
        assert watch.taken() == ["sec swap_info", "sec magic"]
        rig.strategy.set_pending(True)
        assert watch.taken() == ["erase sec trailer", "sec swap_info", "sec image_ok", "sec magic"]
        rig, watch = swap(kind, "two", "one")
        rig.boot()
        watch.taken()
        rig.strategy.confirm()
        assert watch.taken() == ["pri image_ok"]


def test_what_both_swaps_write_to_swap_in_and_back():
    for kind, begin in BEGIN.items():
        rig, watch = swap(kind, "two", "one")
        rig.boot()
        # The primary trailer is blank at first, and what is blank is not erased.
        assert watch.taken() == begin + SWAP_IN[kind] + ["pri copy_done", "pri trial 0"], kind
        rig.boot()
        assert watch.taken() == ["pri trial 1"]
        rig.boot()
        expected = ["sec record", "erase pri trailer"] + begin + SWAP_BACK[kind]
        assert watch.taken() == expected + ["pri image_ok", "pri copy_done"], kind
        rig.boot()
        assert watch.taken() == []


def test_what_both_swaps_write_for_a_permanent_update():
    for kind, begin in BEGIN.items():
        rig, watch = swap(kind, "two", "one", permanent=True)
        rig.boot()
        assert watch.taken() == begin + SWAP_IN[kind] + ["pri image_ok", "pri copy_done"], kind


def test_where_only_the_secondary_has_a_sector():
    rig, watch = swap("swap_scratch", "one", "two")
    rig.boot()
    assert watch.taken()[5:7] == ["copy to pri 1", "pri mark 3"]
    rig, watch = swap("swap_offset", "one", "two")
    rig.boot()
    expected = ["copy to sec 0", "pri mark 0", "copy to pri 0", "pri mark 1", "copy to pri 1", "pri mark 3"]
    assert watch.taken()[5:-2] == expected
    # There was no old image: what is left of the update must not pass for a way back.
    rig, watch = swap("swap_scratch", "one", "two")
    rig.put(0, b"\0" * SECTOR)
    rig.boot()
    assert watch.taken()[5:-2] == [
        "copy to pri 1",
        "pri mark 3",
        "copy to pri 0",
        "pri mark 0",
        "erase sec 0",
    ]


def test_scratch_sectors_take_turns():
    rig = Rig(kind="swap_scratch", scratch=2)
    rig.flash_primary(image("four"))
    rig.stage(image("four"))
    slots = {"pri": (0, PRI, 1), "sec": (PRI, PRI, 1), "scratch": (2 * PRI, 2, 0)}
    watch = Watch(rig.flash, slots, FIELDS)
    rig.boot()
    assert [what for what in watch.taken() if "scratch" in what] == [
        "copy to scratch %d" % (sector % 2) for sector in (3, 2, 1, 0)
    ]


def test_what_is_discarded():
    # An update that does not verify (SPEC.md 3): its trailer, then the sectors where a header may lie.
    for kind, sectors in (("swap_offset", ["erase sec 1"]), ("swap_scratch", ["erase sec 0"])):
        rig, watch = swap(kind, "two", "one")
        damaged = bytearray(image("one"))
        damaged[100] ^= 1
        rig.put_staged(bytes(damaged))
        rig.boot()
        assert watch.taken() == ["erase sec trailer"] + sectors, kind
    rig, watch = swap("swap_offset", "two", "one")
    rig.put(PRI * SECTOR, b"\0" * SECTOR)
    rig.strategy.discard()
    assert watch.taken() == ["erase sec trailer", "erase sec 0", "erase sec 1"]


def test_what_a_trial_without_a_way_back_writes():
    for kind in SWAPS:
        rig, watch = swap(kind, "two", "one")
        rig.boot()
        rig.boot()
        rig.put(PRI * SECTOR, b"\0" * SECTOR)
        watch.taken()
        rig.boot()
        assert watch.taken() == ["pri image_ok"], kind


def test_when_a_swap_is_interrupted():
    for kind in SWAPS:
        rig, _ = swap(kind, "two", "one")
        rig.flash.arm_cut(8, "after")
        try:
            rig.boot()
            raise AssertionError("nothing was cut")
        except PowerCut:
            rig.off_and_on()
        half = rig.bytes_at(0, rig.flash.size)

        def again(change, kind=kind, half=half):
            rig = Rig(2, ram_flash(len(half) // SECTOR, content=half), kind=kind)
            change(rig.strategy)
            return rig.strategy.interrupted()

        assert again(lambda strategy: None), kind
        assert not again(lambda strategy: strategy.secondary.write_magic()), "a request stands"
        assert not again(lambda strategy: strategy._note.write(4, 1, 1)), "a revert is noted"
        assert again(lambda strategy: strategy._note.write(2, 1, 1)), "only type 4 is a note"
        assert not again(lambda strategy: strategy.primary.write_flag(2)), "copy_done"
        end = PRI * SECTOR
        for at in (end - 16, end - SECTOR):
            # The magic, and the journal's record.
            assert not again(lambda strategy, at=at: strategy.primary.area.program(at, b"\0\0\0\0")), at


def golden(active, staged=None):
    rig = GoldenRig(active, "one", trials=2)
    if staged:
        rig.put_staged(image(staged))
    return rig, Watch(rig.flash, {"pri": (0, 8, 1), "sec": (8, 8, 1)}, FIELDS)


COPY_TWO = ["copy to pri 0", "copy to pri 1"]
GOLDEN_BEGIN = ["pri record", "pri swap_info", "pri -48", "pri magic"]


def test_what_golden_writes_to_install_and_to_restore():
    rig, watch = golden("four", "two")
    rig.strategy.set_pending(False)
    assert watch.taken() == ["sec swap_info", "sec magic"]
    rig.boot()
    install = GOLDEN_BEGIN + COPY_TWO + ["pri copy_done", "erase sec trailer"]
    assert watch.taken() == install + ["pri trial 0"]
    rig.boot()
    assert watch.taken() == ["pri trial 1"]
    rig.boot()
    restore = ["sec record", "erase pri trailer"] + GOLDEN_BEGIN + ["copy to pri 0"]
    assert watch.taken() == restore + ["pri image_ok", "pri copy_done", "sec copy_done"]
    rig.boot()
    assert watch.taken() == []
    # Asked for again for good: the note goes, and the request stands until the copy is complete.
    rig.strategy.set_pending(True)
    assert watch.taken() == ["erase sec trailer", "sec swap_info", "sec image_ok", "sec magic"]
    rig.boot()
    install = ["erase pri trailer"] + GOLDEN_BEGIN + COPY_TWO
    assert watch.taken() == install + ["pri image_ok", "pri copy_done", "erase sec trailer"]
    rig.strategy._note.write(4, 1, 1)
    rig.strategy.secondary.write_flag(2)
    watch.taken()
    rig.strategy.begin_upload()
    assert watch.taken() == ["erase sec trailer", "erase sec 0"]


def test_what_golden_writes_to_confirm_to_keep_and_to_take_over_trial_marks():
    rig, watch = golden("four", "two")
    rig.strategy.set_pending(False)
    rig.boot()
    watch.taken()
    # Damaged on trial: the copy is made anew under a request, and the boot that was counted stays counted.
    sector = bytearray(rig.bytes_at(0, SECTOR))
    sector[100] ^= 1
    rig.put(0, bytes(sector))
    rig.boot()
    begin = ["sec swap_info", "sec magic", "erase pri trailer"] + GOLDEN_BEGIN + ["pri trial 0"]
    assert watch.taken() == begin + COPY_TWO + ["pri copy_done", "erase sec trailer", "pri trial 1"]
    rig.strategy.confirm()
    assert watch.taken() == ["pri image_ok"]
    for noted, last in ((False, "erase sec trailer"), (True, "sec copy_done")):
        rig, watch = golden("four", "two")
        if noted:
            rig.strategy._note.write(4, 1, 1)
        else:
            rig.strategy.set_pending(False)
        watch.taken()
        rig.strategy.keep()
        assert watch.taken() == ["pri image_ok", last]


def ab(a):
    rig = ABRig(a, trials=2)
    return rig, Watch(rig.flash, {"a": (0, SLOT, 2), "b": (SLOT, SLOT, 2)}, AB_FIELDS)


def test_what_ab_writes():
    rig, watch = ab("four")
    rig.put(SLOT * SECTOR, image("two"))
    rig.strategy.set_pending(False)
    assert watch.taken() == ["a image_ok", "a copy_done", "a record", "b record"], "settled, then asked for"
    rig.boot()
    assert watch.taken() == ["b copy_done", "b trial 0"]
    rig.boot()
    assert watch.taken() == ["b trial 1"]
    rig.boot()
    assert watch.taken() == ["b rejected"]
    rig.strategy.set_pending(True)
    cleared = ["erase b trailer 0", "erase b trailer 1"]
    assert watch.taken() == cleared + ["b image_ok", "b record"]
    rig.boot()
    assert watch.taken() == ["b copy_done"]
    rig.strategy.begin_upload()
    assert watch.taken() == ["erase a trailer 0", "erase a trailer 1", "erase a 0"]
    rig.put(0, image("one"))
    rig.strategy.set_pending(False)
    assert watch.taken() == ["a record"]
    rig.boot()
    watch.taken()
    rig.strategy.confirm()
    assert watch.taken() == ["a image_ok"]


def test_what_ab_erases_to_forget_an_update_that_is_refused():
    for permanent, flags in ((False, []), (True, ["erase b trailer 1"])):
        rig, watch = ab("four")
        rig.put(SLOT * SECTOR, image("two")[:-1])
        rig.strategy.set_pending(permanent)
        watch.taken()
        assert rig.boot().image.version == "4.0.0"
        assert watch.taken() == ["erase b trailer 0"] + flags + ["erase b 0"]


def test_what_ab_erases_to_settle():
    # A torn record of the running slot, and marks that no record vouches for, go first.
    rig, watch = ab("four")
    rig.put((SLOT - 2) * SECTOR, b"OPHJ")
    rig.off_and_on()
    rig.strategy.begin_upload()
    assert watch.taken() == ["erase a trailer 0", "a image_ok", "a copy_done", "a record"]
