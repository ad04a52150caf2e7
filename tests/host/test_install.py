"""`ophion install --image`: MicroPython's own firmware becomes one with Ophion, as others read it."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from esp_idf_defs import partitions as idf
from esptool.bin_image import LoadFirmwareImage
from firmwares import BANNER, ROWS, firmware
from mp_image_tool_esp32.partition_table import PartitionTable
from ophion.build.boards import board_layout
from ophion.build.espimage import app_image
from ophion.build.layout import AreaSpec, load_layout
from ophion.build.layout_error import LayoutError
from ophion.build.partitions import Partition, pack_table, parse_table
from ophion.errors import InputError
from ophion.install import compose, device_files, divide, read_firmware, table_rows
from ophion.install.lfs import make_image, read_image
from ophion.install.limits import LIMITS
from ophion.install.plan import check_map

KEY = bytes(range(32))
PROGRAM = Path(__file__).parent / "programs" / "littlefs.py"


def micropython(path, area, *words):
    """Real MicroPython mounts `area` of a file; returns {path: [size, SHA-256]}. See the program."""
    numbers = [str(area.offset), str(area.size)]
    command = [sys.executable, "-m", "micropython_unix", str(PROGRAM), str(path), *numbers, *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and done.stdout.startswith("{"), done.stdout + done.stderr
    return json.loads(done.stdout)


def told(files):
    return {path: [len(data), hashlib.sha256(data).hexdigest()] for path, data in files.items()}


def policy():
    return load_layout(board_layout("stock"))


@pytest.fixture(scope="module")
def real(stock_firmware):
    return read_firmware(stock_firmware.read_bytes(), stock_firmware.name, any_version=True)


@pytest.fixture(scope="module")
def made(real):
    layout = divide(real, policy())
    return compose(real, layout, device_files(layout, "dev", [KEY]), b"APPLICATION" * 100)


@pytest.fixture
def image(made, tmp_path):
    path = tmp_path / "out.bin"
    path.write_bytes(made.file())
    return path


def test_a_real_firmware_is_read(real, stock_firmware):
    assert (real.chip, real.file_at, real.flash_size, real.table_at) == ("esp32", 0x1000, 4 << 20, 0x8000)
    assert real.version.startswith("v1.16-237-g1613dc8a1-dirty on 2021-08-30") and real.number == (1, 16)
    assert (real.app.label, real.app.offset, real.app.size) == ("factory", 0x10000, 0x180000)
    assert real.flash[0x1000:] == stock_firmware.read_bytes() and real.user_area() is None
    loaded = LoadFirmwareImage("esp32", real.flash[real.app.offset :])
    assert real.app_size == loaded.data_length + 32 and not real.installed
    with pytest.raises(InputError, match=r"is MicroPython v1\.16.*Ophion needs 1\.25 or newer"):
        read_firmware(stock_firmware.read_bytes(), "x")


def test_the_table_in_the_image_is_what_others_read(made, image, tool):
    rows = table_rows(made.firmware, made.layout)
    expected = [(p.label, p.kind, p.subtype, p.offset, p.size) for p in rows]
    assert [row[0] for row in expected] == ["nvs", "phy_init", "factory", "vfs", "romfs", "user"]
    table = image.read_bytes()[0x7000:0x7C00]
    read = idf.PartitionTable.from_binary(table)
    read.verify()
    read.verify_size_fits(made.layout.flash_size)
    assert [(p.name, p.type, p.subtype, p.offset, p.size) for p in read] == expected
    assert [
        (p.name, p.type, p.subtype, p.offset, p.size) for p in PartitionTable.from_bytes(table)
    ] == expected
    shown = tool("mp-image-tool-esp32", image)
    said = shown.stdout + shown.stderr
    assert "Found esp32 firmware file (4MB flash)" in said
    for label, _, _, offset, size in expected:
        line = next(line for line in said.splitlines() if line.startswith("│ " + label))
        assert f"{offset:#x}" in line and f"{size:#x}" in line
    assert parse_table(table) == rows


def test_esptool_finds_the_firmware_in_the_image_as_it_was(made, image, real, tool):
    said = tool("esptool", "image-info", image).stdout
    assert "Checksum: 0x65 (valid)" in said and "(valid)" in said.split("Validation hash")[1]
    data = b"\xff" * 0x1000 + image.read_bytes()
    assert data[:0x8000] == real.flash[:0x8000]
    assert data[0x9000 : real.app.offset + real.app_size] == real.flash[0x9000 : 0x10000 + real.app_size]
    assert data == made.flash()[: len(data)].ljust(len(data), b"\xff") and len(image.read_bytes()) % 4096 == 0


def test_slots_hold_the_application_and_nothing_else(made):
    flash, areas = made.flash(), made.layout.areas
    primary, secondary = (
        flash[areas[name].offset : areas[name].offset + areas[name].size] for name in ("primary", "secondary")
    )
    application = b"APPLICATION" * 100
    assert primary == application.ljust(areas["primary"].size, b"\xff")
    assert secondary == b"\xff" * areas["secondary"].size
    assert len(flash) >= areas["secondary"].offset + areas["secondary"].size


def test_micropython_mounts_the_files_of_the_bootloader(made, tmp_path):
    path = tmp_path / "flash.bin"
    path.write_bytes(made.flash().ljust(made.layout.flash_size, b"\xff"))
    files = device_files(made.layout, "dev", [KEY])
    assert {"boot.py", "main.py", "ophion_start.mpy", "ophion_boot/main.mpy"} <= set(files)
    assert micropython(path, made.layout.areas["vfs"]) == told(files)
    user = made.layout.areas["user"]
    assert micropython(path, user) == {}
    assert list(micropython(path, user, "new-one=500")) == ["new-one"], "it can be written"


def test_files_of_every_length_and_depth_are_the_same_on_both_sides(tmp_path):
    lengths = (0, 1, 31, 32, 33, 127, 128, 129, 255, 256, 1000, 1023, 1024, 4095, 4096, 4097, 20000)
    files = {f"f{n}": bytes((n + i) & 255 for i in range(n)) for n in lengths}
    files |= {f"a/b{n}/c/d": b"deep" * n for n in range(5)}
    path = tmp_path / "fs.bin"
    area = AreaSpec(0, 0x40000)
    path.write_bytes(make_image(files, area.size, "test"))
    assert micropython(path, area) == told(files)
    assert without_folders(read_image(path.read_bytes(), "test")) == files
    path.write_bytes(b"\xff" * area.size)
    theirs = micropython(path, area, "new", "d/a=0", "e/b=1", "f/cc=50", "gg=100", "hhh=2000", "i=9000")
    assert (
        told(without_folders(read_image(path.read_bytes(), "MicroPython's"))) == theirs and len(theirs) == 6
    )
    with pytest.raises(InputError, match="test: 300000 bytes in 1 files do not fit 262144"):
        make_image({"large": bytes(300000)}, area.size, "test")


def without_folders(files):
    return {path: data for path, data in files.items() if not path.endswith("/")}


def dump(real, users):
    """The whole flash of a board with this firmware, and `users` in its partition vfs."""
    vfs = next(row for row in real.rows if row.label == "vfs")
    return real.flash.ljust(vfs.offset, b"\xff") + users.ljust(vfs.size, b"\xff")


def test_the_users_files_move(real, tmp_path):
    vfs = next(row for row in real.rows if row.label == "vfs")
    path = tmp_path / "dump.bin"
    path.write_bytes(dump(real, b""))
    before = micropython(path, vfs, "new", "main.py=300", "lib/a.py=1", "data=9000")
    board = read_firmware(path.read_bytes(), "dump", any_version=True)
    assert board.file_at == 0 and board.rows == real.rows
    layout = divide(board, policy())
    moved = compose(board, layout, {"boot.py": b""}, b"", board)
    assert sorted(moved.moved) == ["data", "lib/a.py", "main.py"]
    path.write_bytes(moved.flash().ljust(layout.flash_size, b"\xff"))
    assert micropython(path, layout.areas["user"]) == before and len(before) == 3
    assert compose(board, layout, {"boot.py": b""}, b"", None).moved == ()


@pytest.mark.parametrize(
    ("users", "reason"),
    [
        (b"\xeb\xfe\x90MSDOS5.0".ljust(510, b"\0") + b"\x55\xaa", r"cannot be moved \(FAT\)"),
        (b"something else", r"cannot be moved \(unknown\)"),
        (b"\0\0\0\0\xf0\x0f\xff\xf7littlefs" + bytes(9000), "littlefs cannot be read"),
    ],
    ids=["FAT", "unknown", "damaged"],
)
def test_files_that_cannot_be_moved_are_not_lost(real, users, reason):
    board = read_firmware(dump(real, users), "dump", any_version=True)
    with pytest.raises(InputError, match=reason) as caught:
        compose(board, divide(board, policy()), {}, b"", board)
    assert "--erase-user-files" in caught.value.hint


@pytest.mark.parametrize("chip", ["esp32", "esp32s3", "esp32c3", "esp32c6"])
def test_each_chip_gets_code_for_its_processor(chip):
    found = read_firmware(firmware(chip), "made")
    layout = divide(found, policy())
    assert (found.chip, layout.chip, layout.hw) == (chip, chip, chip)
    assert found.file_at == (0x1000 if chip == "esp32" else 0)
    files = device_files(layout, "dev", [KEY])
    arch = files["ophion_boot/main.mpy"][2] >> 2 & 15
    assert arch == (10 if chip in ("esp32", "esp32s3") else 11)  # py/persistentcode.h: xtensawin, rv32imc
    plain = device_files(layout, "dev", [KEY], native=False)
    assert plain["ophion_boot/main.mpy"][2] >> 2 == 0 and set(plain) == set(files)
    assert (
        compose(found, layout, files).file()[: 0x8000 - found.file_at]
        == firmware(chip)[: 0x8000 - found.file_at]
    )


def test_a_table_without_a_hash_and_other_partitions_stay():
    rows = [
        *ROWS[:2],
        Partition("factory", 0, 0, 0x10000, 0x180000),
        Partition("certs", 1, 0x40, 0x190000, 0x3000),
    ]
    found = read_firmware(firmware(rows=rows, md5=False), "made")
    layout = divide(found, policy())
    kept = table_rows(found, layout)
    assert kept[:4] == rows and [row.label for row in kept[4:]] == ["vfs", "romfs", "user"]
    assert kept[4].offset == 0x193000 and kept[-1].offset + kept[-1].size == 4 << 20
    assert idf.PartitionTable.from_binary(pack_table(kept)).verify() is None


@pytest.mark.parametrize(("size", "slot"), [(4, 0x80000), (8, 0x100000), (16, 0x100000)])
def test_a_larger_flash_is_used_and_its_header_says_so(size, slot, tmp_path, tool):
    found = read_firmware(firmware(), "made")
    layout = divide(found, policy(), flash_size=size << 20)
    assert layout.areas["primary"].size == slot and layout.areas["user"].size >= 0x10000
    made = compose(found, layout, {"boot.py": b""})
    path = tmp_path / "out.bin"
    path.write_bytes(made.file())
    said = tool("esptool", "image-info", path).stdout
    assert f"Flash size: {size}MB" in said and "(valid)" in said.split("Validation hash")[1]
    assert divide(found, policy(), slot=0x40000).areas["primary"].size == 0x40000


def test_no_room_is_said():
    found = read_firmware(firmware(rows=[*ROWS[:2], Partition("factory", 0, 0, 0x10000, 0x3B0000)]), "made")
    with pytest.raises(InputError, match="4096 KB of flash leave 256 KB behind the application"):
        divide(found, policy())
    with pytest.raises(InputError, match="slots of 1536 KB leave less than 64 KB"):
        divide(read_firmware(firmware(), "made"), policy(), slot=0x180000)
    with pytest.raises(InputError, match="0x300000 is not 4, 8 or 16 MB"):
        divide(read_firmware(firmware(), "made"), policy(), flash_size=0x300000)


def changed(data, at, value):
    return data[:at] + value + data[at + len(value) :]


APP = app_image([(0x3C000020, b"\x32\x54\xcd\xab" + bytes(60) + BANNER)], 5)
OTA = [*ROWS[:2], Partition("ota_0", 0, 16, 0x10000, 0x100000), Partition("ota_1", 0, 17, 0x110000, 0x100000)]
REFUSED = {
    "empty": (b"", "does not begin with 0xe9"),
    "text": (b"#!/bin/sh\n" * 1000, "does not begin with 0xe9"),
    "UF2": (b"UF2\n" + bytes(600), "is a UF2 file"),
    "application": (APP, "is an application alone"),
    "cut in the bootloader": (firmware()[:100], "it ends in a segment"),
    "cut before the table": (firmware()[:0x7000], "holds no partition table"),
    "cut in the application": (firmware()[:0x11000], "the application is damaged: it ends in a segment"),
    "S2": (firmware(chip_id=2), "is for esp32s2; Ophion runs on esp32, "),
    "unknown chip": (firmware(chip_id=99), "is for chip 99"),
    "bootloader": (changed(firmware(), 40, b"\x99"), "damaged: its checksum"),
    "table": (changed(firmware(), 0x8004, b"\x01"), "partition table is damaged: its MD5"),
    "entry": (changed(firmware(), 0x8020, b"\x01"), "partition table is damaged"),
    "application's byte": (changed(firmware(), 0x10100, b"\x99"), "the application is damaged"),
    "two applications": (firmware(rows=OTA), "has 2 application partitions, not one"),
    "other chip": (
        firmware(app=app_image([(0, bytes(64) + BANNER)], 9)),
        "bootloader and application are for different chips",
    ),
    "no MicroPython": (firmware(banner=b"Hello"), "the application is no MicroPython"),
    "too old": (
        firmware(banner=b"MicroPython v1.24.1 on 2024"),
        r"is MicroPython v1\.24\.1 on 2024; Ophion needs",
    ),
    "too large": (
        firmware(app=app_image([(0, bytes(0x1F0000) + BANNER)], 5)),
        "the application is 20[0-9]* bytes, its partition takes 2031616",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_firmware_for_this_is_refused(name):
    data, reason = REFUSED[name]
    with pytest.raises(InputError, match=reason) as caught:
        read_firmware(data, "given.bin")
    assert str(caught.value).startswith("given.bin")


def test_every_flipped_bit_of_a_table_is_found():
    table = pack_table(ROWS)
    size = 32 * (len(ROWS) + 1)
    for bit in range(8 * size):
        damaged = bytearray(table)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(InputError):
            parse_table(bytes(damaged))
    assert parse_table(table) == list(ROWS)


def test_names_that_are_taken_are_refused():
    rows = [*ROWS, Partition("romfs", 1, 0x8F, 0x200000, 0x20000)]
    with pytest.raises(InputError, match="the firmware has a partition 'romfs', a name that Ophion needs"):
        divide(read_firmware(firmware(rows=rows), "made"), policy())


def test_a_flash_map_of_ones_own_has_to_fit_the_firmware(tmp_path):
    found = read_firmware(firmware(), "made")
    text = board_layout("stock").read_text().replace('chip = "esp32"', 'chip = "esp32c3"')
    for old, new, reason in (
        ("", "", ""),
        ("offset = 0x200000, size = 0x040000", "offset = 0x1f0000, size = 0x050000", "overlaps"),
        ("size = 0x1f0000", "size = 0x1e0000", "areas.factory is not where the firmware has it"),
        ('chip = "esp32c3"', 'chip = "esp32c6"', "the firmware is for esp32c3"),
    ):
        path = tmp_path / "layout.toml"
        path.write_text(text.replace(old, new) if old else text)
        if not reason:
            check_map(found, load_layout(path))
            continue
        with pytest.raises(LayoutError, match=reason):
            check_map(found, load_layout(path))


@pytest.mark.parametrize("entry", ["secure_boot = true", "encrypted = true"])
def test_a_layout_asks_for_nothing_that_such_a_build_lacks(tmp_path, entry):
    path = tmp_path / "layout.toml"
    text = board_layout("stock").read_text().replace("write_size = 4", "write_size = 16\ntable_at = 0x8000")
    section = "[board]" if entry.startswith("secure") else "[flash]"
    path.write_text(text.replace(section, f"{section}\n{entry}", 1))
    with pytest.raises(LayoutError, match=r"leaves no room|takes a board build"):
        load_layout(path)


def test_the_command_writes_the_image_and_says_what_it_does_not_protect(
    cli, workshop, stock_firmware, tmp_path
):
    app = tmp_path / "app.bin"
    app.write_bytes(workshop.image().image)
    out = tmp_path / "out.bin"
    words = ["install", "--image", out, stock_firmware, "--app", app, "--key", workshop.pub]
    refused = cli(*words)
    assert refused.code == 3 and "needs 1.25 or newer" in refused.err and not out.exists()
    done = cli(*words, "--any-version", "--json")
    assert done.code == 0
    value = done.json()
    assert value["at"] == 0x1000 and value["chip"] == "esp32" and value["not_protected"] == list(LIMITS)
    at = value["areas"]["primary"][0] - 0x1000
    assert out.read_bytes()[at:].startswith(app.read_bytes())
    shown = cli(*words, "--any-version")
    assert all(f"- {limit}" in shown.out for limit in LIMITS)
    assert f"next: esptool --chip esp32 write-flash 0x1000 {out}" in shown.out
    out.unlink()
    again = cli("install", "--image", tmp_path / "b.bin", tmp_path / "app.bin", "--key", workshop.pub)
    assert again.code == 3 and not (tmp_path / "b.bin").exists()


def test_the_command_refuses_what_would_not_run(cli, workshop, stock_firmware, tmp_path):
    app = tmp_path / "app.bin"
    out = tmp_path / "out.bin"
    words = ["install", "--image", out, stock_firmware, "--any-version", "--app", app]
    app.write_bytes(workshop.image(version="1.0.0").image)
    (tmp_path / "stranger").mkdir()
    stranger = type(workshop)(tmp_path / "stranger")
    for more, code, reason in (
        (["--key", stranger.pub], 7, "a device would refuse this image"),
        ([], 2, "needs a key to trust"),
        (
            ["--key", workshop.pub, "--slot", "64K", "--layout", board_layout("stock")],
            2,
            "has a flash map",
        ),
        (["--key", workshop.pub, "--layout", board_layout("esp32")], 2, 'not "stock"'),
        (["--key", workshop.pub, "--port", "/dev/null"], 2, "either --image OUT or --port PORT"),
    ):
        outcome = cli(*words, *more)
        assert outcome.code == code and not out.exists(), (more, outcome.err)
        assert reason in outcome.err, outcome.err
    large = workshop.image({"main.py": "", "big": bytes(range(256)) * 2400}, version="2.0.0")
    app.write_bytes(large.image)
    outcome = cli(*words, "--key", workshop.pub)
    assert outcome.code == 3 and "the slot takes 585728" in outcome.err and not out.exists()
    outcome = cli(*words, "--key", workshop.pub, "--name", "n" * 30)
    assert outcome.code == 2 and "1 to 29 bytes" in outcome.err and not out.exists()


def test_an_installed_image_is_not_installed_again(made, tmp_path):
    again = read_firmware(made.file(), "out.bin", any_version=True)
    assert again.installed
    with pytest.raises(InputError, match="a name that Ophion needs"):
        divide(again, policy())
