"""`ophion install --port`, `uninstall`, `flash`: the real esptool talks to a mock of a chip's ROM.

No chip was seen. What the mock has of one: its protocol, its flash's bytes and their MD5; neither erase times
nor what a reset starts.
"""

import json
import os
import subprocess
import sys

import pytest
from firmwares import board_build, firmware
from ophion.build.boards import board_layout
from ophion.build.layout import load_layout
from ophion.build.partitions import binary, parse_table
from ophion.errors import DeviceNotFound, LinkLost, VerificationFailed
from ophion.install import read_firmware
from ophion.install.cable import Esptool
from ophion.install.compose import Region
from ophion.install.lfs import make_image, read_image
from ophion.install.steps import restoring, write
from rom import Rom

pytestmark = pytest.mark.timeout(400)  # several whole copies of a flash, through a pseudo terminal
USERS = {"main.py": b"print('mine')\n" * 50, "lib/sensor.py": b"# a driver\n" * 300, "notes": b"kept"}
NAMES = {"esp32": "240ac4e29526", "esp32c3": "240ac41f677d"}


@pytest.fixture
def rom():
    """Makes chips: rom("esp32c3", content)."""
    made = []

    def call(chip, content=b""):
        made.append(Rom(chip, content))
        return made[-1]

    yield call
    for each in made:
        each.close()


def board(chip="esp32c3", users=USERS):
    """The flash of a board that runs MicroPython's own build, with files on it."""
    start = 0x1000 if chip == "esp32" else 0
    flash = b"\xff" * start + firmware(chip)
    files = make_image(users, 0x200000, "test")
    return (flash.ljust(0x200000, b"\xff") + files).ljust(4 << 20, b"\xff")


class Desk:
    """The command line in a folder, as a process; exit code and what it says."""

    def __init__(self, folder, workshop):
        self.folder, self.workshop = folder, workshop
        self.app = folder / "app.bin"
        self.app.write_bytes(workshop.image().image)

    def run(self, *words):
        command = [sys.executable, "-m", "ophion.cli", *map(str, words)]
        environment = {**os.environ, "COLUMNS": "200"}
        done = subprocess.run(
            command, cwd=self.folder, capture_output=True, text=True, timeout=110, env=environment
        )
        return done.returncode, done.stdout + done.stderr

    def install(self, port, *more):
        return self.run("install", "--port", port, "--app", self.app, "--key", self.workshop.pub, *more)


@pytest.fixture
def desk(tmp_path, workshop):
    return Desk(tmp_path, workshop)


def partition(flash, label):
    row = next(row for row in parse_table(bytes(flash[0x8000:0x8C00])) if row.label == label)
    return bytes(flash[row.offset : row.offset + row.size])


@pytest.mark.parametrize("chip", ["esp32", "esp32c3"])
def test_a_board_gets_ophion_and_is_given_back(rom, desk, chip):
    before = board(chip)
    there = rom(chip, before)
    code, said = desk.install(there.port)
    assert code == 0, said
    record = desk.folder / f"ophion-{NAMES[chip]}"
    flash = there.flash.data
    assert f"keep the folder {record.name}: " in said
    assert "moved to the partition user: lib/sensor.py, main.py, notes" in said
    assert said.endswith("next: ophion push IMAGE --ble ophion\n")
    assert "main.py and boot.py of the user's do not run any more" in said and "does not protect" in said
    assert {k: v for k, v in read_image(partition(flash, "user"), "").items() if k[-1] != "/"} == USERS
    assert {"boot.py", "main.py"} <= set(read_image(partition(flash, "vfs"), ""))
    assert partition(flash, "romfs").startswith(desk.app.read_bytes())
    assert read_firmware(bytes(flash), "flash").installed
    assert (record / "flash.bin").read_bytes() == before and (record / "flash.bin").stat().st_mode & 0o77 == 0
    assert json.loads((record / "record.json").read_text())["state"] == "installed"
    code, said = desk.install(there.port)
    assert code == 2 and "says that Ophion is on this board" in said
    code, said = desk.install(there.port, "--record", "another")
    assert code == 2 and "this board has Ophion on it already" in said
    assert not (desk.folder / "another").exists(), "a copy of an installed board is no way back"
    code, said = desk.run("uninstall", "--port", there.port, "--record", record)
    assert code == 0 and bytes(flash) == before, said
    code, said = desk.install(there.port)
    assert code == 2 and "is of an installation that is over" in said


def test_an_installation_that_was_cut_is_taken_up(rom, desk):
    before = board()
    there = rom("esp32c3", before)
    for cut in (1, 3):
        there.flash.cut_at = len(there.flash.writes) + cut
        code, said = desk.install(there.port)
        assert code == 6 and "writing the flash at" in said and "then do it again" in said, said
        assert bytes(there.flash.data[0x8000:0x9000]) == before[0x8000:0x9000], "the table comes last"
    assert bytes(there.flash.data) != before
    there.flash.cut_at = None
    count = len(there.flash.writes)
    code, said = desk.install(there.port)
    assert code == 0, said
    written = there.flash.writes[count:]
    assert written[-1] == 0x8000 and written.count(0x8000) == 1
    assert "copy of the flash" not in said, "what is in the record is not read again, it is changed by now"
    record = desk.folder / f"ophion-{NAMES['esp32c3']}"
    assert (record / "flash.bin").read_bytes() == before
    assert set(USERS) <= set(read_image(partition(there.flash.data, "user"), ""))


def test_giving_back_is_taken_up_and_keeps_new_files(rom, desk):
    before = board()
    there = rom("esp32c3", before)
    assert desk.install(there.port)[0] == 0
    user = next(row for row in parse_table(bytes(there.flash.data[0x8000:0x8C00])) if row.label == "user")
    now = {**USERS, "notes": b"changed", "log/today": b"new"}
    there.flash.data[user.offset : user.offset + user.size] = make_image(now, user.size, "")
    record = desk.folder / f"ophion-{NAMES['esp32c3']}"
    words = ("uninstall", "--port", there.port, "--record", record)
    there.flash.cut_at = len(there.flash.writes) + 2
    code, said = desk.run(*words)
    assert code == 6, said
    there.flash.cut_at = None
    code, said = desk.run("uninstall", "--port", there.port, "--record", record)
    assert code == 0 and bytes(there.flash.data) == before, said
    kept = [path.relative_to(record).as_posix() for path in (record / "files").rglob("*") if path.is_file()]
    assert sorted(kept) == ["files/log/today", "files/notes"]
    assert (record / "files" / "notes").read_bytes() == b"changed"


def test_a_record_of_another_board_or_a_changed_one_is_refused(rom, desk):
    first, second = rom("esp32c3", board()), rom("esp32", board("esp32"))
    assert desk.install(first.port)[0] == 0
    record = desk.folder / f"ophion-{NAMES['esp32c3']}"
    held = bytes(second.flash.data)
    code, said = desk.run("uninstall", "--port", second.port, "--record", record)
    assert code == 2 and "is of the esp32c3 240ac41f677d, and this is the esp32 240ac4e29526" in said
    assert desk.install(second.port, "--record", record)[0] == 2 and bytes(second.flash.data) == held
    (record / "flash.bin").write_bytes(bytes(4 << 20))
    code, said = desk.run("uninstall", "--port", first.port, "--record", record)
    assert code == 3 and "is not what was kept at install" in said
    (record / "record.json").write_text("{}")
    code, said = desk.run("uninstall", "--port", first.port, "--record", record)
    assert code == 3 and "is no record of an installation" in said


def test_a_board_without_micropython_needs_a_firmware(rom, desk):
    there = rom("esp32c3")
    code, said = desk.install(there.port, "--record", "empty")
    assert code == 3 and "the board is no firmware of an ESP32" in said
    assert bytes(there.flash.data) == b"\xff" * (4 << 20)
    given = desk.folder / "firmware.bin"
    given.write_bytes(firmware("esp32"))
    code, said = desk.install(there.port, given, "--record", "empty")
    assert code == 3 and "the firmware is for esp32, and on the port is esp32c3" in said
    assert bytes(there.flash.data) == b"\xff" * (4 << 20)
    given.write_bytes(firmware("esp32c3"))
    code, said = desk.install(there.port, given, "--record", "empty")
    assert code == 0, said
    found = read_firmware(bytes(there.flash.data), "flash")
    end = 0x10000 + found.app_size
    assert found.installed and found.flash[0x10000:end] == firmware("esp32c3")[0x10000:end]


def test_a_board_build_is_written_and_everything_else_stays(rom, desk):
    layout = load_layout(board_layout("esp32c3"))
    path = desk.folder / "firmware.bin"
    path.write_bytes(board_build(layout))
    there = rom("esp32c3", b"\x5a" * (4 << 20))
    words = ("flash", path, "--port", there.port, "--board", "esp32c3", "--app", desk.app)
    code, said = desk.run(*words, "--key", desk.workshop.pub)
    assert code == 0 and "ophion-esp32c3 with MicroPython v1.28.0" in said, said
    flash = bytes(there.flash.data)
    assert flash[:0x8C00] == board_build(layout)[:0x8C00] and flash[0x10000:].startswith(
        board_build(layout)[0x10000:]
    )
    for name, expected in (("primary", desk.app.read_bytes()), ("secondary", b"")):
        area = layout.areas[name]
        assert flash[area.offset : area.offset + area.size] == expected.ljust(area.size, b"\xff")
    for name in ("nvs", "user"):
        area = layout.areas[name]
        assert flash[area.offset : area.offset + area.size] == b"\x5a" * area.size
    assert there.flash.writes[-1] == 0x8000


def test_a_board_build_that_does_not_fit_is_refused(rom, desk):
    c3 = load_layout(board_layout("esp32c3"))
    there = rom("esp32c3", b"\x5a" * (4 << 20))
    held = bytes(there.flash.data)
    path = desk.folder / "firmware.bin"
    for data, name, reason in (
        (board_build(load_layout(board_layout("esp32c6"))), "esp32c6", "the firmware is for esp32c6"),
        (board_build(c3), "esp32", "the board ophion-esp32 has esp32"),
        (
            board_build(c3, table=binary(load_layout(board_layout("esp32c6-8mb")))),
            "esp32c3",
            "partition table is not that of",
        ),
        (
            board_build(c3, application=bytes(0x1D0000) + b"MicroPython v1.28"),
            "esp32c3",
            "its partition takes 1900544",
        ),
        (board_build(c3)[:-40], "esp32c3", "the application is damaged"),
    ):
        path.write_bytes(data)
        code, said = desk.run("flash", path, "--port", there.port, "--board", name)
        assert code == 3 and reason in said, said
    path.write_bytes(board_build(c3))
    (desk.folder / "stranger").mkdir()
    stranger = type(desk.workshop)(desk.folder / "stranger")
    words = ("flash", path, "--port", there.port, "--board", "esp32c3", "--app", desk.app)
    assert desk.run(*words, "--key", stranger.pub)[0] == 7
    code, said = desk.run("flash", path, "--port", "/dev/null", "--board", "esp32c3")
    assert code == 4 and "/dev/null: no chip answers" in said
    assert bytes(there.flash.data) == held and there.flash.writes == []


def test_what_reads_back_differently_is_told():
    class Worn:
        """A flash that keeps nothing."""

        def md5(self, offset, size):
            return ""

        def write(self, offset, data):
            pass

    with pytest.raises(VerificationFailed, match="user at 0x1000 reads back differently"):
        list(write(Worn(), [Region(0x1000, b"\0" * 0x1000, "user")]))


def test_what_is_restored_is_everything_and_the_table_last():
    flash = bytes(range(256)) * 0x4000
    regions = restoring(flash, 0x8000)
    assert regions[-1].offset == 0x8000 and len(regions[-1].data) == 0x1000
    together = bytearray(len(flash))
    for region in regions:
        together[region.offset : region.offset + len(region.data)] = region.data
    assert bytes(together) == flash and sum(len(region.data) for region in regions) == len(flash)


def test_a_cable_that_is_pulled_while_reading_is_told(rom):
    there = rom("esp32c3")
    with pytest.raises(DeviceNotFound, match="no chip answers"):
        Esptool("/dev/null")
    cable = Esptool(there.port)
    assert (cable.chip, cable.mac, cable.flash_size) == ("esp32c3", NAMES["esp32c3"], 4 << 20)
    there.flash.cut_at = 1
    with pytest.raises(LinkLost, match="writing the flash at 0x1000"):
        cable.write(0x1000, bytes(4096))
    with pytest.raises(LinkLost, match="reading the flash"):
        cable.md5(0, 4096)
    cable.close()
