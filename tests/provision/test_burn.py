"""Burning virtual eFuses: the end of it on each chip, and every interruption on the way."""

import json
import shutil
import stat

import pytest
from ophion.errors import OphionError
from ophion.provision import START, check
from ophion.provision.plan import DATA
from ophion.provision.state import key_id
from ophion.provision.table import CHIPS

EVERY = list(CHIPS)
MODERN = [name for name in CHIPS if name != "esp32"]


@pytest.mark.parametrize("chip", EVERY)
def test_a_new_chip_ends_with_the_bits_of_its_table(chip, bench):
    device = bench(chip)
    steps = device.run()
    state = device.open().state()
    report = check(device.wishes, state)
    assert report.good and report.missing == [] and report.unseen == []
    assert len(steps) > 12 and all(step.irreversible for step in steps)
    last = {"esp32": "UART_DOWNLOAD_DIS"}.get(chip, "DIS_DOWNLOAD_MODE")
    assert steps[-1].row == last, "what ends the access comes last"
    for name, block in state.blocks.items():
        if block.purpose.startswith(("XTS", "HMAC")) or name == "BLOCK1":
            assert not block.readable and not any(block.data)
    assert device.record().state == "closed"
    assert device.run() == [], "nothing is left"


# Every field of BLOCK0 that is not 0, as ESP-IDF names bits of WR_DIS and RD_DIS (esp_efuse_table.csv).
ESP32 = {
    "WR_DIS": 1 << 0 | 1 << 3 | 1 << 7 | 1 << 8,  # RD_DIS, DIS_CACHE, BLOCK1, BLOCK2
    "RD_DIS": 1 << 0,  # BLOCK1
    "FLASH_CRYPT_CNT": 0x7F,
    "FLASH_CRYPT_CONFIG": 0xF,
    "CHIP_VER_REV1": 1,
    "CHIP_VER_REV2": 1,
    **dict.fromkeys(["DISABLE_DL_ENCRYPT", "DISABLE_DL_DECRYPT", "DISABLE_DL_CACHE"], 1),
    **dict.fromkeys(["ABS_DONE_1", "JTAG_DISABLE", "CONSOLE_DEBUG_DISABLE", "UART_DOWNLOAD_DIS"], 1),
}
LATER = {
    # RD_DIS, DIS_ICACHE, KEY_PURPOSE_0, _1, _5, BLOCK_KEY0, 1, 5
    "WR_DIS": 1 << 0 | 1 << 2 | 1 << 8 | 1 << 9 | 1 << 13 | 1 << 23 | 1 << 24 | 1 << 28,
    "RD_DIS": 1 << 0 | 1 << 5,  # BLOCK_KEY0, BLOCK_KEY5
    "KEY_PURPOSE_0": 4,  # XTS_AES_128_KEY
    "KEY_PURPOSE_1": 9,  # SECURE_BOOT_DIGEST0
    "KEY_PURPOSE_5": 8,  # HMAC_UP
    "SPI_BOOT_CRYPT_CNT": 7,
    "SOFT_DIS_JTAG": 7,
    **dict.fromkeys(["SECURE_BOOT_EN", "SECURE_BOOT_KEY_REVOKE1", "SECURE_BOOT_KEY_REVOKE2"], 1),
    **dict.fromkeys(["DIS_DOWNLOAD_MANUAL_ENCRYPT", "DIS_DOWNLOAD_ICACHE", "DIS_DIRECT_BOOT"], 1),
    **dict.fromkeys(["DIS_PAD_JTAG", "DIS_USB_JTAG", "DIS_DOWNLOAD_MODE"], 1),
}
BITS = {"esp32": ESP32, "esp32s3": {**LATER, "DIS_DOWNLOAD_DCACHE": 1}, "esp32c3": LATER, "esp32c6": LATER}


@pytest.mark.parametrize("chip", EVERY)
def test_every_field_by_name(chip, bench):
    device = bench(chip)
    device.run()
    fields = device.open().state().fields
    assert {name: field.value for name, field in fields.items() if field.value} == BITS[chip]


@pytest.mark.parametrize("chip", EVERY)
def test_an_interruption_after_any_burn_costs_nothing(chip, bench, tmp_path):
    device = bench(chip)
    kept = []

    def remember(number):
        kept.append(device.at(tmp_path / f"cut-{number}"))
        shutil.copytree(device.folder, kept[-1].folder)

    device.run(remember)
    assert len(kept) > 12
    for other in kept:
        other.run()
        assert other.bits() == device.bits(), other.folder
        assert check(other.wishes, other.open().state()).good
        record = other.record()
        record.check_sealed()
        assert record.state == "closed" and record.known.keys() == device.record().known.keys()
        for purpose, key in other.made.items():
            stored = key[::-1] if purpose in ("XTS_AES_128_KEY", "flash_encryption") else key
            assert record.known[purpose] == key_id(stored), "the record knows the key that was burned"


@pytest.mark.parametrize("chip", ["esp32c3", "esp32"])
def test_a_power_cut_in_the_middle_of_a_call(chip, bench):
    """The exception goes through everything, as a lost port would; the next call goes on."""
    device, whole = bench(chip), bench(chip, "whole")
    cuts = 0

    def cut(number):
        if number == 3:
            raise device.PowerCut

    for _ in range(40):
        try:
            device.run(cut)
            break
        except device.PowerCut:
            cuts += 1
    whole.run()
    assert cuts >= 5 and device.bits() == whole.bits()


def first_start(device):
    """What ESP-IDF's second-stage bootloader does at its first start (flash_encrypt.c), through espefuse."""
    import io

    chip = CHIPS[device.chip]
    commands = device.set_bits(**{chip.counter.target: chip.counter.value})
    key = io.BytesIO(b"\x5a" * 32)
    if chip.purposes:
        commands.burn_key(["BLOCK_KEY0"], [key], ["XTS_AES_128_KEY"])
    else:
        commands.burn_key(["flash_encryption"], [key])
    commands.write_protect_efuse(["RD_DIS"])
    commands.esp.power_down()


@pytest.mark.parametrize("chip", EVERY)
def test_a_chip_that_makes_its_own_flash_key(chip, bench):
    device = bench(chip, flash_key="chip")
    steps = device.run()
    assert steps[-1].action == START and not steps[-1].irreversible
    assert device.record().state == "first start"
    state, table = device.open().state(), CHIPS[chip]
    assert state.fields[table.counter.target].value == 0, "flash is not encrypted yet"
    assert state.fields["RD_DIS"].writeable, "the bootloader has to read-protect its key"
    assert [step.action for step in device.run()] == [START], "nothing is burned before the firmware started"
    first_start(device)
    assert device.run(close=False) == []
    assert device.record().state == "open"
    assert len(device.run()) == 1
    assert check(device.wishes, device.open().state()).good


def test_without_close_everything_but_the_last_step_is_burned(bench):
    device = bench("esp32c6")
    device.run(close=False)
    report = check(device.wishes, device.open().state())
    assert [item.row for item in report.missing] == ["DIS_DOWNLOAD_MODE"]
    assert device.record().state == "open"


@pytest.mark.parametrize("chip", MODERN)
def test_other_wishes(chip, bench):
    device = bench(chip, keys=("one", "two"), download="secure", quiet=True, nvs=False)
    rows = [step.row for step in device.run()]
    state = device.open().state()
    assert check(device.wishes, state).good and rows[-1] == "ENABLE_SECURITY_DOWNLOAD"
    value = {name: field.value for name, field in state.fields.items()}
    assert value["UART_PRINT_CONTROL"] == 3 and value["DIS_USB_SERIAL_JTAG_ROM_PRINT"] == 1
    assert value["DIS_DOWNLOAD_MODE"] == 0 and state.with_purpose("HMAC_UP") == []
    assert [value[f"SECURE_BOOT_KEY_REVOKE{slot}"] for slot in range(3)] == [0, 0, 1]
    digests = [state.blocks[state.with_purpose(f"SECURE_BOOT_DIGEST{slot}")[0]].data for slot in range(2)]
    assert tuple(digests) == device.wishes.digests


def test_ecdsa_keys_on_the_c6(bench):
    device = bench("esp32c6", keys=("p256",))
    device.run()
    assert check(device.wishes, device.open().state()).good


def test_a_purpose_is_burned_before_its_key(bench):
    """So that after a cut between the two nobody's key lies in a block without purpose."""
    steps = bench("esp32c3").run()
    for position, step in enumerate(steps):
        if step.action == DATA:
            assert (steps[position - 1].action, steps[position - 1].target) == ("purpose", step.target)


def test_the_record_of_a_device(bench, boot_keys):
    device = bench("esp32c3")
    device.run()
    path = device.record().path
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    value = json.loads(path.read_text())
    assert value["chip"] == "esp32c3" and value["board"] == device.layout.name and value["state"] == "closed"
    assert value["wishes"]["digests"] == [digest.hex() for digest in device.wishes.digests]
    assert [step["row"] for step in value["steps"]][-1] == "DIS_DOWNLOAD_MODE"
    assert value["device"]["id"] == "000000000000" and value["device"]["key_type"] == "x25519"
    assert set(value["keys"]) == {"XTS_AES_128_KEY", "HMAC_UP"} == set(device.made)


def test_no_key_is_written_anywhere(bench, tmp_path):
    device = bench("esp32c3")
    device.run()
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) >= 6 and len(device.made) == 2
    for path in files:
        data = path.read_bytes()
        for key in device.made.values():
            for form in (key, key[::-1], key.hex().encode(), key[::-1].hex().encode()):
                assert form not in data, path


def test_a_burn_without_effect_is_found_out(bench):
    """An espefuse whose burns do not reach the chip."""
    device = bench("esp32c3")
    chip = device.open()

    class Deaf:
        def __init__(self, real):
            self._real = real
            self.name = real.name

        def state(self):
            return self._real.state()

        def burn(self, step, key=b""):
            return True

    from ophion.provision import apply

    with pytest.raises(OphionError, match="burning had no effect: KEY_PURPOSE_5 = HMAC_UP"):
        list(apply(Deaf(chip), device.record(), {}, close=True))
