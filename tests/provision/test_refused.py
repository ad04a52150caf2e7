"""What stands in the way is found before the first burn, and named; nothing is burned then."""

import io
import json
from pathlib import Path

import pytest
from ophion.errors import InputError, KeyFileError, OphionError, RefusedError, UsageError
from ophion.keys import Algorithm, generate, load_public
from ophion.provision import Job, apply, make_wishes, steps
from ophion.provision.plan import DATA

VECTORS = Path(__file__).parents[1] / "vectors" / "mcuboot"
OTHER = b"\x77" * 32


def fields(**values):
    return lambda commands: commands.burn_efuse(values)


def key(block, purpose, data=OTHER, **options):
    return lambda commands: commands.burn_key([block], [io.BytesIO(data)], [purpose], **options)


def lock(*names):
    return lambda commands: commands.write_protect_efuse(list(names))


def error_in(block):
    """The chip's decoder reports errors in a block (EFUSE_RD_RS_ERR0_REG: 3 bits for each block)."""

    def make(commands):
        register, mask, offset, _ = commands.efuses.REGS.BLOCK_ERRORS[block]
        commands.esp.update_reg(register, 0xFFFFFFFF, mask << offset)

    return make


def esp32_key(name, **options):
    return lambda commands: commands.burn_key([name], [io.BytesIO(OTHER)], **options)


OBSTACLES = [
    ("esp32c3", key("BLOCK_KEY1", "SECURE_BOOT_DIGEST0"), "BLOCK_KEY1 holds another key than the one given"),
    (
        "esp32c3",
        key("BLOCK_KEY1", "HMAC_DOWN_ALL"),
        "BLOCK_KEY1 has the purpose HMAC_DOWN_ALL and cannot get",
    ),
    ("esp32c3", key("BLOCK_KEY5", "HMAC_UP"), r"BLOCK_KEY5 holds a key \(HMAC_UP\) that no record knows"),
    ("esp32c3", key("BLOCK_KEY3", "HMAC_UP"), r"BLOCK_KEY3 holds a key \(HMAC_UP\) that no record knows"),
    (
        "esp32c3",
        key("BLOCK_KEY0", "XTS_AES_128_KEY"),
        r"BLOCK_KEY0 holds a key \(XTS_AES_128_KEY\) that no rec",
    ),
    ("esp32s3", key("BLOCK_KEY0", "XTS_AES_256_KEY_1"), "BLOCK_KEY0 has the purpose XTS_AES_256_KEY_1"),
    ("esp32c6", lock("BLOCK_KEY1"), "BLOCK_KEY1 is write-protected, and SECURE_BOOT_DIGEST0 belongs there"),
    ("esp32c6", lock("KEY_PURPOSE_0"), "BLOCK_KEY0 is write-protected, and XTS_AES_128_KEY belongs there"),
    ("esp32c6", lock("DIS_ICACHE"), "DIS_PAD_JTAG is 0 and write-protected"),
    ("esp32c6", lock("DIS_DOWNLOAD_MODE"), "DIS_DOWNLOAD_MODE is 0 and write-protected"),
    ("esp32c6", lock("SECURE_BOOT_EN"), "SECURE_BOOT_EN is 0 and write-protected"),
    ("esp32c3", lock("RD_DIS"), "BLOCK_KEY0 cannot be read-protected .*: RD_DIS is write-protected"),
    (
        "esp32c3",
        fields(SECURE_BOOT_KEY_REVOKE0=1),
        "SECURE_BOOT_KEY_REVOKE0 is set: the key of this slot is in use",
    ),
    (
        "esp32s3",
        fields(DIS_USB_SERIAL_JTAG=1),
        "DIS_USB_SERIAL_JTAG is set: must not stand beside DIS_USB_JTAG",
    ),
    ("esp32c6", error_in(7), "BLOCK_KEY3 has errors: it was burned in part, or is worn"),
    ("esp32", esp32_key("secure_boot_v2"), "BLOCK2 holds another key than the one given"),
    ("esp32", esp32_key("flash_encryption"), r"BLOCK1 holds a key \(flash_encryption\) that no record knows"),
    ("esp32", fields(CODING_SCHEME=1), "its coding scheme is 1, Secure Boot v2 needs 0"),
    (
        "esp32",
        lock("FLASH_CRYPT_CNT"),
        "FLASH_CRYPT_CNT is 0 and write-protected; UART_DOWNLOAD_DIS is 0 and write",
    ),
    ("esp32", lock("WR_DIS"), "DIS_CACHE cannot be write-protected: WR_DIS is"),
    ("esp32", lock("BLOCK2"), r"BLOCK2 is empty and write-protected \(secure_boot_v2\)"),
]


@pytest.mark.parametrize(
    ("chip", "obstacle", "reason"), OBSTACLES, ids=[f"{row[0]}: {row[2][:40]}" for row in OBSTACLES]
)
def test_what_stands_in_the_way(chip, obstacle, reason, bench):
    device = bench(chip)
    commands = device.commands()
    obstacle(commands)
    commands.esp.power_down()
    before = device.bits()
    with pytest.raises(RefusedError, match=reason) as caught:
        device.run()
    assert device.bits() == before and caught.value.hint == "nothing was burned by this call"
    assert device.made == {} and not device.record().path.exists()


def test_everything_in_the_way_is_told_at_once(bench):
    device = bench("esp32c6")
    commands = device.set_bits(SECURE_BOOT_KEY_REVOKE0=1)
    commands.write_protect_efuse(["SPI_BOOT_CRYPT_CNT", "DIS_DOWNLOAD_MODE"])
    commands.esp.power_down()
    with pytest.raises(RefusedError) as caught:
        device.run()
    for name in ("SECURE_BOOT_KEY_REVOKE0 is set", "SPI_BOOT_CRYPT_CNT is 0", "DIS_DOWNLOAD_MODE is 0"):
        assert name in str(caught.value)


@pytest.mark.parametrize(("chip", "revision", "said"), [("esp32", 0, "0.0"), ("esp32c3", 2, "0.2")])
def test_a_chip_without_secure_boot_v2(chip, revision, said, bench):
    device = bench(chip)
    commands = device.commands()
    commands.esp.mem.set(0)
    commands.esp.set_chip_revision(revision)
    commands.esp.power_down()
    with pytest.raises(RefusedError, match=f"its revision is {said}, Secure Boot v2 needs"):
        device.run()


def test_the_wrong_chip(bench):
    device, other = bench("esp32c3"), bench("esp32c6", "other")
    with pytest.raises(RefusedError, match="it is an esp32c6, and the board has an esp32c3"):
        list(apply(other.open(), device.record(), {}, close=False))
    assert not any(b"".join(other.bits()))


def test_a_flash_key_that_can_still_be_read_is_nobodys(bench):
    device = bench("esp32c3", flash_key="chip")
    commands = device.commands()
    key("BLOCK_KEY0", "XTS_AES_128_KEY", no_read_protect=True)(commands)
    commands.esp.power_down()
    with pytest.raises(RefusedError, match="holds a flash key that can still be read"):
        device.run()


def test_a_purpose_without_a_key_stops_a_chip_that_makes_its_own(bench):
    device = bench("esp32c3", flash_key="chip")
    device.set_bits(KEY_PURPOSE_2=4).esp.power_down()
    with pytest.raises(RefusedError, match="BLOCK_KEY2 has the purpose XTS_AES_128_KEY and holds no key"):
        device.run()


def test_two_blocks_with_one_purpose(bench):
    device = bench("esp32c3")
    device.set_bits(KEY_PURPOSE_2=9, KEY_PURPOSE_3=9).esp.power_down()
    with pytest.raises(RefusedError, match="more than one block has the purpose SECURE_BOOT_DIGEST0"):
        device.run()


def test_a_key_that_is_not_its_records(bench):
    """Power fails between the flash key and its protection; the record that is found then is another's."""
    device = bench("esp32")

    def cut(number):
        block = device.open().state().blocks["BLOCK1"]
        if block.readable and any(block.data):
            raise device.PowerCut

    with pytest.raises(device.PowerCut):
        device.run(cut)
    path = device.record().path
    value = json.loads(path.read_text())
    value["keys"]["flash_encryption"]["id"] = "00" * 8
    path.write_text(json.dumps(value))
    with pytest.raises(
        RefusedError, match=r"BLOCK1 holds another key .* than its record says, or a part of it"
    ):
        device.run()


def test_records_that_do_not_fit(bench, boot_keys, signed):
    device = bench("esp32c3")
    device.run(close=False)
    other = bench("esp32c3", download="secure")
    with pytest.raises(RefusedError, match="this device was begun otherwise: download off, not secure"):
        other.run()
    path = device.record().path
    whole = path.read_text()
    for text in ("", "{}", "[]", "null", whole[:-9], whole.replace('"esp32c3"', '"esp8266"', 2)):
        path.write_text(text)
        with pytest.raises((InputError, UsageError)):
            device.run()
    path.write_text(whole)
    sealed = next(path.parent.glob("flash-0x020000.bin"))
    data = sealed.read_bytes()
    sealed.write_bytes(bytes([data[0] ^ 1]) + data[1:])
    with pytest.raises(InputError, match="is not what was sealed with the key XTS_AES_128_KEY"):
        device.run()


def test_records_that_cannot_be_written(bench):
    device = bench("esp32c3")
    (device.folder / "records").write_text("a file, not a folder")
    with pytest.raises(InputError, match=r"cannot write .*record.json"):
        device.run()
    assert device.open().state().with_purpose("HMAC_UP") == [], "nothing was burned"


def test_wishes_that_a_chip_cannot_fulfil(bench, boot_keys, tmp_path):
    one, two, p256 = (boot_keys[name][0] for name in ("one", "two", "p256"))
    small = generate(tmp_path / "small.pem", Algorithm.RSA2048)
    esp32, c3, c6 = (bench(chip, chip).layout for chip in ("esp32", "esp32c3", "esp32c6"))
    cases = (
        (esp32, [one, two], {}, "ESP32 has room for 1 Secure Boot keys, 2 are given"),
        (esp32, [one], {"download": "secure"}, "ESP32 has no secure download mode"),
        (esp32, [one], {"quiet": True}, "ESP32 has no eFuse for the ROM's log"),
        (c3, [p256], {}, "ESP32-C3 takes rsa-3072 keys for Secure Boot, not ecdsa-p256"),
        (c3, [small], {}, "ESP32-C3 takes rsa-3072 keys for Secure Boot, not rsa-2048"),
        (c3, [], {}, "no Secure Boot key is given"),
        (c3, [one, one], {}, "the same Secure Boot key is given twice"),
        (c3, [one], {"flash_key": "me"}, "no such maker of the flash key: 'me'"),
        (c3, [one], {"download": "maybe"}, "no such end of the download mode: 'maybe'"),
        (c6, [one, p256], {}, "Secure Boot keys are of one type, not ecdsa-p256 and rsa-3072"),
    )
    for layout, keys, options, reason in cases:
        with pytest.raises(UsageError, match=reason):
            make_wishes(layout, keys, **options)


def test_boards_that_are_not_for_a_locked_chip(bench, boot_keys):
    from ophion.build.boards import board_layout
    from ophion.build.layout import load_layout

    one = boot_keys["one"][0]
    for name, reason in (("esp32c3", "board.secure_boot of the board"), ("sim", "is no chip")):
        with pytest.raises(UsageError, match=reason):
            make_wishes(load_layout(board_layout(name)), [one])


def test_flash_contents_that_would_not_start(bench, boot_keys, signed):
    device = bench("esp32c3")
    good = signed(device.layout)
    pems = [boot_keys["one"][0].pem]
    table = device.layout.table_at
    firmware = device.layout.areas["factory"].offset
    cases = (
        ({}, "the bootloader is missing, for address 0x0"),
        (
            {at: data for at, data in good.items() if at != firmware},
            "the factory is missing, for address 0x20000",
        ),
        ({**good, 0x10000: b"x"}, "nothing that is encrypted begins at 0x10000"),
        ({**good, table: b"no table"}, "the file for the partition table, 0xf000, is none"),
        ({**good, 0: b""}, "the file for bootloader has 0 bytes"),
        ({**good, 0: bytes(0x10000)}, "the file for bootloader has 65536 bytes, its place 61440"),
        ({**good, firmware: good[firmware][:-1]}, "the file for factory is not signed with any"),
        (
            {**good, 0: bytes([good[0][0] ^ 1]) + good[0][1:]},
            "the file for bootloader is not signed with any",
        ),
        (
            signed(device.layout, "two"),
            "the file for bootloader is not signed with any of the Secure Boot keys",
        ),
    )
    for files, reason in cases:
        with pytest.raises(OphionError, match=reason):
            Job(device.layout, files, pems).check(device.wishes)
    Job(device.layout, good, pems).check(device.wishes)


def test_identities_that_cannot_be(bench):
    plain, device = bench("esp32"), bench("esp32c3", "c3")
    cases = (
        (plain, {"key_type": "x25519"}, "does not encrypt its NVS, so no private key goes there"),
        (device, {"name": "x" * 30}, "a name has at most 29 bytes"),
        (device, {"device_id": "a\nb"}, "a device id has 1 to 64 printable characters"),
        (device, {"keep": b"secret"}, "there is no device key to keep"),
        (device, {"keep": b"", "key_type": "x25519"}, "the passphrase is empty"),
    )
    for bench_of, options, reason in cases:
        with pytest.raises(UsageError, match=reason):
            Job(bench_of.layout, bench_of.job.files, bench_of.job.boot_keys, **options).check(bench_of.wishes)


def test_a_device_key_for_a_board_without_encryption(bench):
    from dataclasses import replace

    device = bench("esp32c3")
    plain = replace(device.layout, encryption=False)
    with pytest.raises(UsageError, match="takes no encrypted images"):
        Job(plain, device.job.files, device.job.boot_keys, key_type="x25519").check(device.wishes)


def test_virtual_efuses_of_another_chip(bench, tmp_path):
    from ophion.provision import open_virtual

    device = bench("esp32")
    device.run(close=False)
    with pytest.raises(InputError, match="virtual eFuses of an esp32c3 have"):
        open_virtual(device.path, "esp32c3")
    with pytest.raises(InputError, match="there is no folder"):
        open_virtual(tmp_path / "none" / "efuse.bin", "esp32c3")


def test_published_secure_boot_keys(bench):
    published = load_public(VECTORS / "key-ecdsa-p256.pem")
    with pytest.raises(KeyFileError, match="public knowledge"):
        make_wishes(bench("esp32c6").layout, [published])


def test_a_step_of_data_is_the_only_one_with_a_secret(bench):
    device = bench("esp32c3")
    state = device.open().state()
    for step in steps(device.wishes, state, {}, close=True):
        assert (step.data != b"") == (step.action == DATA and step.purpose.startswith("SECURE_BOOT"))
