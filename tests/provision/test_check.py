"""`check` names what is missing: each single bit of a provisioned chip, taken away or added."""

import re

import pytest
from espefuse.efuse.bitstring import BitStream
from ophion.provision import blank, check
from ophion.provision.efuse import told
from ophion.provision.table import CHIPS, CLEAR, KEY, LOCK, SET

EVERY = list(CHIPS)


@pytest.fixture(scope="module")
def provisioned(tmp_path_factory, boot_keys, signed, make_bench):
    """One provisioned device of each chip, made once."""
    made = {}

    def get(chip):
        if chip not in made:
            made[chip] = make_bench(chip, tmp_path_factory.mktemp(chip), quiet=chip != "esp32")
            made[chip].run()
        return made[chip]

    return get


def place(commands, block, bit):
    """Position of a bit of a block's read registers in the emulator's memory (most significant bit first)."""
    esp = commands.esp
    address = esp.Blocks.get(esp.Blocks.BLOCKS[block]).rd_addr
    return esp.mem.length - 1 - ((address - esp.REGS.DR_REG_EFUSE_BASE) * 8 + bit)


def names_of(commands, block, bit):
    """espefuse's own names for a bit: its field, or for WR_DIS and RD_DIS what the bit protects."""
    efuses = commands.efuses
    names = set()
    for item in [*efuses, *efuses.blocks]:
        first = 16 if commands.esp.CHIP_NAME == "ESP32" else 32
        if block == 0 and bit < first and item.write_disable_bit == bit:
            names.add(item.name)
        if block == 0 and first <= bit < first + 7 and item.read_disable_bit == bit - first:
            names.add(item.name)
    for item in efuses:
        if item.block == block and item.word is not None and item.pos is not None:
            start = item.word * 32 + item.pos
            if start <= bit < start + item.bit_len and item.name not in ("WR_DIS", "RD_DIS"):
                names.add(item.name)
                if item.efuse_class == "keypurpose":
                    names.add(item.get())
    return names


def burned_bits(device):
    """[(block, bit)] that provisioning set."""
    before = device.commands()
    before.esp.power_up(device.folder / "new.bin", lambda number: None)
    found = []
    for block, (new, old) in enumerate(zip(device.bits(), before.esp.shown())):
        changed = int.from_bytes(new, "big") & ~int.from_bytes(old, "big")
        found += [(block, bit) for bit in range(changed.bit_length()) if changed >> bit & 1]
    return found


@pytest.mark.parametrize("chip", EVERY)
def test_each_bit_that_is_missing_is_named(chip, provisioned):
    device = provisioned(chip)
    bits = burned_bits(device)
    named = set()
    assert len(bits) > 100
    commands = device.commands()
    whole = device.chip_of(commands)
    for block, bit in bits:
        whole.state()
        names = names_of(commands, block, bit)
        commands.esp.mem.set(False, place(commands, block, bit))
        report = check(device.wishes, whole.state())
        commands.esp.mem.set(True, place(commands, block, bit))
        said = [item for item in report.missing if any(mentions(item.says, name) for name in names)]
        assert said, (
            f"bit {bit} of block {block} ({', '.join(sorted(names))}) is missing, said: {report.missing}"
        )
        assert not report.good
        named.update(item.row for item in said)
    rows = {row.name for row in device.wishes.rows if row.kind in (SET, LOCK) or row.kind == KEY}
    assert rows <= named, rows - named


def mentions(text, name):
    return re.search(rf"\b{name}\b", text) is not None


@pytest.mark.parametrize("chip", EVERY)
def test_each_bit_that_has_to_stay_clear_is_named(chip, provisioned):
    device = provisioned(chip)
    clear = [row.target for row in device.wishes.rows if row.kind == CLEAR]
    digests = [row.target for row in device.wishes.rows if row.kind == KEY and not row.secret]
    for target in clear:
        commands = device.commands()
        item = commands.efuses[target]
        commands.esp.mem.set(True, place(commands, item.block, item.word * 32 + item.pos))
        report = check(device.wishes, device.chip_of(commands).state())
        assert [item.row for item in report.missing] == [target]
    assert digests
    for target in digests:  # a digest that cannot be read stops the chip
        commands = device.commands()
        state = device.chip_of(commands).state()
        name = CHIPS[chip].blocks[target]
        first = 16 if chip == "esp32" else 32
        bit = next(block.read_disable_bit for block in commands.efuses.blocks if block.name == name)
        commands.esp.mem.set(True, place(commands, 0, first + bit))
        report = check(device.wishes, device.chip_of(commands).state())
        assert state.blocks[name].readable
        assert any("readable" in item.says and target in item.says for item in report.missing)


@pytest.mark.parametrize("chip", EVERY)
def test_a_new_chip_lacks_everything(chip, provisioned):
    report = check(provisioned(chip).wishes, blank(chip))
    clear = {row.target for row in provisioned(chip).wishes.rows if row.kind == CLEAR}
    held = {item.row for item in report.findings if item.holds}
    digests = {row.target for row in provisioned(chip).wishes.rows if row.kind == KEY and not row.secret}
    assert held == clear | digests, "what has to be clear is, and where a digest goes can be read"
    assert not report.good


def test_each_line_of_the_missions_table_has_rows(provisioned):
    from ophion.provision.table import LINES

    for chip in EVERY:
        report = check(provisioned(chip).wishes, provisioned(chip).open().state())
        assert {line for item in report.findings for line in item.lines} == set(LINES)


def info(flags=0, count=7, purposes=(4, 9, 0, 0, 0, 8, 0)):
    """What `ESPLoader.get_security_info` gives, from the bits that the ROM sends."""
    names = [
        "SECURE_BOOT_EN",
        "SECURE_BOOT_AGGRESSIVE_REVOKE",
        "SECURE_DOWNLOAD_ENABLE",
        "SECURE_BOOT_KEY_REVOKE0",
        "SECURE_BOOT_KEY_REVOKE1",
        "SECURE_BOOT_KEY_REVOKE2",
        "SOFT_DIS_JTAG",
        "HARD_DIS_JTAG",
        "DIS_USB",
        "DIS_DOWNLOAD_DCACHE",
        "DIS_DOWNLOAD_ICACHE",
    ]
    parsed = {name: bool(flags >> bit & 1) for bit, name in enumerate(names)}
    return {"flags": flags, "flash_crypt_cnt": count, "key_purposes": purposes, "parsed_flags": parsed}


PURPOSES = {0: "USER", 4: "XTS_AES_128_KEY", 8: "HMAC_UP", 9: "SECURE_BOOT_DIGEST0"}
GOOD = 0b101_1011_0101  # all but AGGRESSIVE_REVOKE, KEY_REVOKE0, SOFT_DIS_JTAG and DCACHE


def test_a_chip_in_its_secure_download_mode_tells_a_part(make_bench, tmp_path):
    wishes = make_bench("esp32c3", tmp_path, download="secure").wishes
    report = check(wishes, told("esp32c3", info(GOOD), PURPOSES))
    assert report.good and report.missing == [] and len(report.unseen) > 5
    held = {item.row for item in report.findings if item.holds}
    assert {"SECURE_BOOT_EN", "SPI_BOOT_CRYPT_CNT", "DIS_PAD_JTAG", "ENABLE_SECURITY_DOWNLOAD"} <= held
    assert {"XTS_AES_128_KEY", "SECURE_BOOT_DIGEST0", "HMAC_UP"} <= held
    for bit, row in ((0, "SECURE_BOOT_EN"), (2, "ENABLE_SECURITY_DOWNLOAD"), (7, "DIS_PAD_JTAG")):
        less = check(wishes, told("esp32c3", info(GOOD & ~(1 << bit)), PURPOSES))
        assert [item.row for item in less.missing] == [row] and not less.good
    less = check(wishes, told("esp32c3", info(GOOD, 3, (0, 9, 0, 0, 0, 8, 0)), PURPOSES))
    assert [item.row for item in less.missing] == ["XTS_AES_128_KEY", "SPI_BOOT_CRYPT_CNT"]


def test_the_flags_are_esptools():
    """The names that we take from its answer are the ones that it gives."""
    import inspect

    from esptool.loader import ESPLoader
    from ophion.provision.efuse import _TOLD

    source = inspect.getsource(ESPLoader.get_security_info)
    for flag in _TOLD.values():
        assert f'"{flag}": (1 << ' in source


def test_nothing_seen_is_not_good(make_bench, tmp_path):
    from ophion.provision import State

    report = check(make_bench("esp32", tmp_path).wishes, State("esp32", 300, "", {}, {}, whole=False))
    assert not report.good and len(report.unseen) == len(report.findings)


def test_bits_are_where_espefuse_reads_them(provisioned):
    """The test's own arithmetic: setting a bit by `place` is what espefuse reads as that field."""
    commands = provisioned("esp32c3").commands()
    commands.esp.mem = BitStream(commands.esp.mem.length)
    commands.esp.mem.set(0)
    item = commands.efuses["DIS_TWAI"]
    commands.esp.mem.set(True, place(commands, item.block, item.word * 32 + item.pos))
    commands.efuses.read_blocks()
    commands.efuses.update_efuses()
    assert [
        field.name
        for field in commands.efuses
        if field.block == 0 and field.word is not None and field.get_bitstring().any(True)
    ] == ["DIS_TWAI"]
