"""layout.toml: a board that cannot work is refused before it is built, by an error that names the entry."""

import re
from pathlib import Path

import pytest
from ophion.build.boards import board_layout
from ophion.build.device_module import device_module
from ophion.build.layout import ENTRIES, SECTIONS, STRATEGIES, LayoutError, load_layout
from ophion.keys import Algorithm, generate

ROOT = Path(__file__).parents[2]
SECTOR = 0x1000


def layout_with(tmp_path, board, *changes):
    """The layout.toml of `board` with each (text, other text) exchanged."""
    text = board_layout(board).read_text()
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    path = tmp_path / "layout.toml"
    path.write_text(text)
    return path


# board -> sectors of the largest image: 128 in each slot, one of them the trailer; swap_offset has its
# free sector on top.
ROOM = {"sim": 127, "sim-scratch": 127}


@pytest.mark.parametrize("board", ROOM)
def test_the_boards_that_come_with_it(board):
    layout = load_layout(board_layout(board))
    assert layout.max_image_size == ROOM[board] * SECTOR
    made = {}
    exec(device_module(layout, "name", [bytes(32)]), made)
    assert made["LAYOUT"]["strategy"] == layout.strategy in STRATEGIES
    assert set(made["LAYOUT"]["areas"]) == set(layout.areas)


@pytest.mark.parametrize("board", ROOM)
def test_the_room_is_what_the_device_finds(board):
    from ophion_boot.core.area import Area
    from ophion_boot.core.strategies import make

    layout = load_layout(board_layout(board))

    def area(name):
        spec = layout.areas[name]
        return Area(None, spec.offset, spec.size, layout.sector, layout.write_size)

    strategy = make(layout.strategy, area, bytearray(layout.sector), layout.trials)
    assert strategy.max_image_size == layout.max_image_size


def test_what_is_trusted_gets_into_the_module(tmp_path, vectors):
    roots = (vectors.parent / "bad" / "roots.chain").read_bytes()
    off = layout_with(tmp_path, "sim", ("trust_cache = true", "trust_cache = false"))
    key = bytes(range(32))
    for path, roots_of, cache in ((off, roots, False), (board_layout("sim-scratch"), b"", True)):
        made = {}
        exec(device_module(load_layout(path), "name", [key], roots=roots_of), made)
        layout = made["LAYOUT"]
        assert layout["trust_cache"] is cache
        assert [found for _, found in layout["keys"]] == [key]
        if roots_of:
            held = layout["roots"]
            assert (held["version"], held["threshold"], len(held["keys"])) == (1, 2, 3)
        else:
            assert layout["roots"] is None
    with pytest.raises(LayoutError, match=r"update\.trust_cache is neither true nor false"):
        load_layout(layout_with(tmp_path, "sim", ("trust_cache = true", 'trust_cache = "no"')))


def test_marks_of_each_strategy_take_their_room(tmp_path):
    # 32-byte write units: 128 sectors have 2 x 4096 bytes of marks, or 3 x 4096, and 480 bytes beside.
    wide = ("write_size = 4 ", "write_size = 32 ")
    assert load_layout(layout_with(tmp_path, "sim", wide)).max_image_size == (128 - 3) * SECTOR
    assert load_layout(layout_with(tmp_path, "sim-scratch", wide)).max_image_size == (128 - 4) * SECTOR


def test_the_offset_takes_a_sector_of_a_slot_that_has_none_to_spare(tmp_path):
    equal = ("offset = 0x090000, size = 0x081000", "offset = 0x090000, size = 0x080000")
    assert load_layout(layout_with(tmp_path, "sim", equal)).max_image_size == 126 * SECTOR


SCRATCH = "scratch   = { offset = 0x110000, size = 0x002000 }"
BAD = {
    "no scratch": ((SCRATCH, ""), "areas.scratch is missing"),
    "half a sector": ((SCRATCH, SCRATCH.replace("2000", "2800")), "areas.scratch is not in whole sectors"),
    "empty": ((SCRATCH, SCRATCH.replace("2000", "0000")), "areas.scratch is not in whole sectors"),
    "not at a sector": ((SCRATCH, SCRATCH.replace("110000", "110400")), "areas.scratch is not in whole"),
    "over a slot": ((SCRATCH, SCRATCH.replace("110000", "10f000")), "areas.scratch at 0x10f000 overlaps"),
    "unknown strategy": (('"swap_scratch"', '"swap_magic"'), "update.strategy 'swap_magic' is not one of"),
    "no room": (("offset = 0x090000, size = 0x080000", "offset = 0x090000, size = 0x1000"), "leave no room"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_layout_that_does_not_work_is_refused(tmp_path, name):
    change, reason = BAD[name]
    with pytest.raises(LayoutError, match=reason) as caught:
        load_layout(layout_with(tmp_path, "sim-scratch", change))
    assert "layout.toml" in str(caught.value)


UNREAD = {
    "secure_bot = true\n[flash]": "board.secure_bot is not one of name, hw, ",
    "[flash]\nencryptd = true": "flash.encryptd is not one of size, sector, ",
    "[helth]\nmisses = 4\n[flash]": "[helth] is not one of the sections board, flash, ",
}


@pytest.mark.parametrize("text", UNREAD)
def test_a_name_that_nobody_reads_is_refused(tmp_path, text):
    """What it was to switch on would be off without a word: flash encryption, for instance."""
    with pytest.raises(LayoutError) as caught:
        load_layout(layout_with(tmp_path, "sim", ("[flash]", text)))
    assert UNREAD[text] in str(caught.value)


def test_the_page_about_boards_names_every_entry():
    text = (ROOT / "host" / "docs" / "howto" / "board.md").read_text()
    named = set(re.findall(r"^\| .*", text, re.M))
    entries = {word for row in named for word in re.findall(r"`(\w+\.\w+|\[\w+\])`", row.split("|")[1])}
    assert {f"{section}.{name}" for section, names in ENTRIES.items() for name in names} | {
        f"[{name}]" for name in SECTIONS if name not in ENTRIES
    } == entries


def test_only_swap_scratch_wants_a_scratch_area(tmp_path):
    load_layout(layout_with(tmp_path, "sim"))
    wants = layout_with(tmp_path, "sim", ('"swap_offset"', '"swap_scratch"'))
    with pytest.raises(LayoutError, match=r"areas\.scratch is missing \(update.strategy is swap_scratch\)"):
        load_layout(wants)


HEALTH = (
    '[health]\nperiod_s = 1000\njitter_s = 10\nsettle_s = 5\nfresh_s = 50\nmisses = 2\nconfirm = "health"\n\n'
)
AREAS = "[areas]"


def test_the_policy_of_health(tmp_path):
    made = {}
    exec(device_module(load_layout(board_layout("sim")), "name", [bytes(32)]), made)
    default = made["LAYOUT"]
    assert default["health"]["period_s"] == 86400 and default["health"]["confirm"] == "application"
    assert default["button"] is None and default["led"] is None
    pins = ('hw = "sim"', 'hw = "sim"\nbutton = 0\nled = 8')
    path = layout_with(tmp_path, "sim", (AREAS, HEALTH + AREAS), pins)
    exec(device_module(load_layout(path), "name", [bytes(32)]), made)
    changed = {
        "period_s": 1000,
        "jitter_s": 10,
        "settle_s": 5,
        "fresh_s": 50,
        "misses": 2,
        "confirm": "health",
    }
    assert made["LAYOUT"]["health"] == {**default["health"], **changed}
    assert (made["LAYOUT"]["button"], made["LAYOUT"]["led"]) == (0, 8)


BAD_HEALTH = {
    "unknown": (("misses = 2", "missed = 2"), "health.missed is not one of confirm, fresh_s"),
    "a text": (("misses = 2", 'misses = "2"'), "health.misses is not a number"),
    "no miss": (("misses = 2", "misses = 0"), "health.misses 0 is not 1 to 250"),
    "too many": (("misses = 2", "misses = 251"), "health.misses 251 is not 1 to 250"),
    "no warm start": (("misses = 2", "warm_starts = 0"), "health.warm_starts 0 is not 1 to 250"),
    "too long": (("period_s = 1000", "period_s = 432001"), "period_s, jitter_s and postpone_s are 439211"),
    "too long to settle": (("settle_s = 5", "settle_s = 432001"), "health.settle_s 432001 is above 432000"),
    "never set": (("fresh_s = 50", "fresh_s = 995"), "settle_s and fresh_s together are not below period_s"),
    "who confirms": (('confirm = "health"', 'confirm = "nobody"'), "confirm 'nobody' is not \"application\""),
    "one pin": (
        ('hw = "sim"', 'hw = "sim"\nbutton = 8\nled = 8'),
        "board.button and board.led are one pin, 8",
    ),
    "no pin": (('hw = "sim"', 'hw = "sim"\nled = -1'), "board.led is not a number from 0 up"),
    "no watchdog": (("watchdog_ms = 8000", "watchdog_ms = 0"), "health.period_s needs update.watchdog_ms"),
}


@pytest.mark.parametrize("name", BAD_HEALTH)
def test_a_policy_that_does_not_work_is_refused(tmp_path, name):
    (old, new), reason = BAD_HEALTH[name]
    path = layout_with(tmp_path, "sim", (AREAS, HEALTH + AREAS), (old, new))
    with pytest.raises(LayoutError, match=reason):
        load_layout(path)


def test_without_a_period_no_watchdog_is_needed(tmp_path):
    quiet = HEALTH.replace("period_s = 1000", "period_s = 0")
    load_layout(
        layout_with(tmp_path, "sim", (AREAS, quiet + AREAS), ("watchdog_ms = 8000", "watchdog_ms = 0"))
    )


ACCESS = '[access]\nmode = "token"\noperators = ["one.pub", "two.pub"]\n\n'


@pytest.fixture
def operators(tmp_path):
    """Two operators' keys beside the layout."""
    one = generate(tmp_path / "one.pem")
    two = generate(tmp_path / "two.pem", Algorithm.P256)
    return [one.mcuboot, two.mcuboot]


def test_who_may_use_a_board(tmp_path, operators):
    made = {}
    exec(device_module(load_layout(board_layout("sim")), "name", [bytes(32)]), made)
    assert made["LAYOUT"]["access"] == {"mode": "open", "operators": [], "passkey": "random"}
    path = layout_with(tmp_path, "sim", (AREAS, ACCESS + AREAS))
    exec(device_module(load_layout(path), "name", [bytes(32)]), made)
    assert made["LAYOUT"]["access"] == {"mode": "token", "operators": operators, "passkey": "random"}
    for passkey, held in (("none", "none"), ("random", "random"), ("000042", 42)):
        section = f'[access]\nmode = "paired"\npasskey = "{passkey}"\n\n'
        path = layout_with(tmp_path, "sim", (AREAS, section + AREAS))
        exec(device_module(load_layout(path), "name", [bytes(32)]), made)
        assert made["LAYOUT"]["access"] == {"mode": "paired", "operators": [], "passkey": held}


BAD_ACCESS = {
    "unknown": ('mode = "token"', 'modus = "token"', "access.modus is not one of mode, operators, passkey"),
    "no mode": ('"token"', '"closed"', "access.mode 'closed' is not one of open, paired, token"),
    "a number": ('"token"', "1", "access.mode is not a text"),
    "nobody": ('["one.pub", "two.pub"]', "[]", "nobody could do anything"),
    "open with operators": ('"token"', '"open"', 'access.operators has no use with access.mode "open"'),
    "no list": ('["one.pub", "two.pub"]', '"one.pub"', "access.operators is not a list of file names"),
    "no file": ('"two.pub"', '"three.pub"', "access.operators: .*three.pub"),
    "no key": ('"two.pub"', '"layout.toml"', "access.operators: .*layout.toml is not a key"),
    "twice": ('"two.pub"', '"one.pub"', "access.operators: .*one.pub is there twice"),
    "five digits": ('"token"', '"token"\npasskey = "12345"', "access.passkey '12345' is neither"),
    "zeros": ('"token"', '"token"\npasskey = "000000"', "access.passkey '000000' is neither"),
    "a word": ('"token"', '"token"\npasskey = "secret"', "nor six digits from 000001 up"),
    "digits of others": ('"token"', '"token"\npasskey = "١٢٣٤٥٦"', "is neither"),
    "no text": ('"token"', '"token"\npasskey = 123456', "access.passkey is not a text"),
}


@pytest.mark.parametrize("name", BAD_ACCESS)
def test_an_access_that_does_not_work_is_refused(tmp_path, operators, name):
    old, new, reason = BAD_ACCESS[name]
    path = layout_with(tmp_path, "sim", (AREAS, ACCESS + AREAS), (old, new))
    with pytest.raises(LayoutError, match=reason) as caught:
        load_layout(path)
    assert "layout.toml" in str(caught.value)


def test_a_published_key_is_no_operators(tmp_path, vectors, monkeypatch):
    (tmp_path / "one.pub").write_bytes((vectors / "key-ed25519-pub.pem").read_bytes())
    (tmp_path / "two.pub").write_bytes((vectors / "key-ecdsa-p256-pub.pem").read_bytes())
    path = layout_with(tmp_path, "sim", (AREAS, ACCESS + AREAS))
    monkeypatch.delenv("OPHION_ALLOW_TEST_KEYS", raising=False)
    with pytest.raises(LayoutError, match=r"access\.operators: .*anyone can sign with it"):
        load_layout(path)


def test_a_board_without_a_radio_or_without_noise(tmp_path, operators):
    for section, reason in (
        (ACCESS, "access.operators: port qemu has no random numbers"),
        ('[access]\nmode = "paired"\n\n', "port qemu has no radio to pair over"),
    ):
        with pytest.raises(LayoutError, match=reason):
            load_layout(layout_with(tmp_path, "qemu", (AREAS, section + AREAS)))


def test_the_board_names_its_port_or_is_the_simulated_one(tmp_path):
    assert load_layout(board_layout("sim")).port == "unix"
    qemu = load_layout(board_layout("qemu"))
    assert (qemu.port, qemu.max_image_size) == ("qemu", 5 * 0x40000)
    made = {}
    exec(device_module(qemu, "name", [bytes(32)]), made)
    assert made["LAYOUT"]["port"] == "qemu"
    with pytest.raises(LayoutError, match=r"board\.port 'esp33' is not one of unix, qemu"):
        load_layout(layout_with(tmp_path, "qemu", ('port = "qemu"', 'port = "esp33"')))


BAD_SMP = {
    "group": ('[smp]\ngroups = ["stats"]', "smp.groups: 'stats' is not one of os, stat, settings"),
    "groups": ("[smp]\ngroups = 3", "smp.groups is not a list of names"),
    "names": ("[smp]\ngroups = [3]", "smp.groups is not a list of names"),
    "entry": ("[smp]\ntcp = 3", "smp.tcp is not groups or udp"),
    "port": ('[smp]\nudp = "0.0.0.0:0"', "smp.udp '0.0.0.0:0' is not ADDRESS:PORT"),
    "high port": ('[smp]\nudp = "0.0.0.0:65536"', "is not ADDRESS:PORT"),
    "no port": ('[smp]\nudp = "1337"', "smp.udp '1337' is not ADDRESS:PORT"),
    "number": ("[smp]\nudp = 1337", "smp.udp is not a text"),
    "framing": ('[serial]\nframing = "slip"', "serial.framing 'slip' is not one of console, raw"),
    "baud": ("[serial]\nbaud = 0", "serial.baud is 0"),
    "pin": ('[serial]\ntx = "a"', "serial.tx is not a number from 0 up"),
    "parity": ("[serial]\nparity = 0", "serial.parity is not one of baud, framing, rx, tx, uart"),
}


@pytest.mark.parametrize("name", BAD_SMP)
def test_roads_and_groups_that_cannot_be_are_refused(tmp_path, name):
    text, reason = BAD_SMP[name]
    path = tmp_path / "layout.toml"
    path.write_text(board_layout("sim").read_text() + "\n" + text + "\n")
    with pytest.raises(LayoutError) as error:
        load_layout(path)
    assert reason in str(error.value) and str(path) in str(error.value)


def test_roads_and_groups_get_into_the_module(tmp_path):
    path = tmp_path / "layout.toml"
    path.write_text(
        board_layout("sim").read_text()
        + '\n[smp]\ngroups = ["stat"]\nudp = "0.0.0.0:1337"\n[serial]\nframing = "raw"\ntx = 4\nrx = 5\n'
    )
    made = {}
    exec(device_module(load_layout(path), "name", [bytes(32)]), made)
    layout = made["LAYOUT"]
    assert layout["smp"] == ("stat",) and layout["udp"] == "0.0.0.0:1337"
    assert layout["serial"] == {"framing": "raw", "uart": 1, "baud": 115200, "tx": 4, "rx": 5}
    exec(device_module(load_layout(board_layout("sim")), "name", [bytes(32)]), made)
    layout = made["LAYOUT"]
    assert (layout["smp"], layout["udp"], layout["serial"]) == (("os", "stat", "settings"), "", None)
    with pytest.raises(LayoutError, match="console"):
        load_layout(board_layout("qemu")).with_roads(framing="raw")
