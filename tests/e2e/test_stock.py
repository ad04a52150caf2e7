"""MicroPython's own build: an image that `ophion install` made boots, takes an update over BLE, runs it.

The firmware is a real one (its image is checked by what stands for ESP-IDF's second-stage bootloader), and
MicroPython's Unix port stands in for its processor: it mounts the littlefs of the image and runs what
lies there.
"""

import contextlib
from pathlib import Path

import pytest
from firmwares import board_build, firmware
from ophion.build.boards import board_layout
from ophion.build.layout import load_layout
from ophion.errors import RevertedError
from ophion.install import compose, device_files, divide, read_firmware
from ophion.install.lfs import make_image
from ophion.install.limits import LIMITS
from ophion.push import Confirmed, PushOptions
from ophion.sim import Simulator
from pushing import NAME, push_all
from rom import Rom
from sessions import Shell, blocks

ROOT = Path(__file__).parents[2]
CRASHES = "print('crashes now')\nraise ValueError('on purpose')\n"
FILES = "['app', 'boot.py', 'frozen', 'main.py', 'ophion']"  # frozen: the simulator's
STRAY = b"print('stray')\n"


class Stock:
    """A real firmware with Ophion, `image` in its slot and `users` (files) moved."""

    def __init__(self, bench, image, path, users=None):
        self.bench = bench
        data = path.read_bytes()
        if users:
            data = data.ljust(0x1FF000, b"\xff") + make_image(users, 0x200000, "test")
        found = read_firmware(data, path.name, any_version=True)
        self.layout = divide(found, load_layout(bench.calm("stock")))
        files = device_files(self.layout, NAME, [bench.public.raw], native=False)
        self.made = compose(found, self.layout, files, image.image if image else b"", found)

    @contextlib.asynccontextmanager
    async def running(self, **options):
        sim = await Simulator.create(
            self.bench.directory / "stock",
            name=NAME,
            flash=self.made.flash(),
            flash_size=self.layout.flash_size,
            **options,
        )
        async with self.bench.powered(sim):
            yield sim

    def area(self, sim, name, size):
        at = self.layout.areas[name].offset
        return sim.flash()[at : at + size]


async def test_an_installed_image_boots_and_an_update_over_ble_runs(bench, stock_firmware):
    old, new = bench.image("1.0.0"), bench.image("1.1.0", asset=9000)
    stock = Stock(bench, old, stock_firmware)
    async with stock.running() as sim:
        await sim.wait_console("I (0) boot: Loaded app from partition at offset 0x10000")
        await sim.wait_console("ophion: 1.0.0 runs")
        assert isinstance((await push_all(new))[-1], Confirmed)
        await sim.wait_console("ophion: 1.1.0 runs (trial 1 of 3)")
        await sim.reset("hard")
        await sim.wait_console("ophion: 1.1.0 runs")
        assert stock.area(sim, "primary", len(new.image)) == new.image
        assert stock.area(sim, "secondary", len(old.image)) == old.image


async def test_a_bad_update_and_a_power_cut_cost_nothing(bench, stock_firmware):
    old, new = bench.image("1.0.0"), bench.image("1.2.0")
    stock = Stock(bench, old, stock_firmware)
    async with stock.running() as sim:
        await sim.wait_console("ophion: 1.0.0 runs")
        with pytest.raises(RevertedError):
            await push_all(bench.image("1.1.0", CRASHES))
        assert stock.area(sim, "primary", len(old.image)) == old.image
        await push_all(new, PushOptions(restart=False, compress=False))
        await sim.power_cut()
        await sim.power_on(cut_at_op=9)
        await sim.wait_off()
        await sim.power_on()
        await sim.wait_console("ophion: 1.2.0 runs (trial 1 of 3)")
        await sim.wait_console("e2e: confirmed")
        assert stock.area(sim, "primary", len(new.image)) == new.image


WILD = """
import os, sys, vfs
import flashbdev
for line in ("open('/ophion/boot.py', 'w')", "os.remove('/ophion/boot.py')", "os.mkdir('/ophion/x')"):
    try:
        exec(line)
    except OSError as e:
        print("refused", e.errno)
with open("main.py", "w") as f:
    f.write("print('the wrong main')")
with open("boot.py", "w") as f:
    f.write("print('the wrong boot')")
os.mkdir("ophion_boot")
with open("ophion_boot/__init__.py", "w") as f:
    f.write("print('the wrong package')")
print("here", os.getcwd(), sorted(os.listdir("/")))
vfs.umount("/")
vfs.VfsLfs2.mkfs(flashbdev.bdev)
print("formatted", flashbdev.bdev.info()[4])
import ophion_app, asyncio
asyncio.run(ophion_app.serve())
"""


async def test_what_an_application_does_with_files_does_not_reach_the_bootloader(bench, stock_firmware):
    stock = Stock(bench, bench.image("1.0.0", WILD), stock_firmware)
    area = stock.layout.areas["vfs"]
    before = stock.made.flash()[area.offset : area.offset + area.size]
    async with stock.running() as sim:
        assert "refused 30" in await sim.wait_console("refused"), "EROFS"
        await sim.wait_console("refused 30")
        await sim.wait_console("refused 30")
        said = await sim.wait_console("here / ")
        assert all(name in said for name in ("app", "boot.py", "main.py", "ophion'", "ophion_boot"))
        await sim.wait_console("formatted user")
        assert stock.area(sim, "vfs", area.size) == before
        await sim.reset("soft")
        await sim.wait_console("here / ")
        assert isinstance((await push_all(bench.image("1.1.0")))[-1], Confirmed)
        assert not [line for line in sim.console if "the wrong" in line]


async def test_files_of_the_user_stay_and_stray_ones_never_run(bench, stock_firmware):
    program = "import os\nprint('files', sorted(os.listdir('/')))\nwhile True:\n    time.sleep(1)\n"
    image = bench.image("1.0.0", "import time\n" + program)
    stock = Stock(bench, image, stock_firmware, {"main.py": STRAY, "boot.py": STRAY})
    async with stock.running() as sim:
        assert FILES in await sim.wait_console("files")
        await sim.reset("soft")
        assert FILES in await sim.wait_console("files")
        assert not [line for line in sim.console if "stray" in line]


async def test_the_same_files_start_recovery_when_nothing_is_installed(bench, stock_firmware):
    stock = Stock(bench, None, stock_firmware)
    async with stock.running() as sim:
        await sim.wait_console("ophion: nothing to run")
        assert isinstance((await push_all(bench.image("1.0.0")))[-1], Confirmed)
        assert any("ophion: 1.0.0 runs" in line for line in sim.console)


async def test_what_this_mode_does_not_protect_is_true(bench, stock_firmware):
    """The limits that `ophion install` prints: a bootloader's file system that is gone ends it all."""
    program = "import esp32\nesp32.Partition('vfs').writeblocks(0, bytes(8192))\nprint('gone')\n"
    stock = Stock(bench, bench.image("1.0.0", program), stock_firmware)
    async with stock.running() as sim:
        await sim.wait_console("gone")
        await sim.reset("hard")
        await sim.wait_console("The filesystem appears to be corrupted.")


@pytest.mark.timeout(600)
def test_the_page_about_it_runs_as_it_stands(tmp_path):
    """All its commands: firmware in the form of MicroPython's own, a port with a mock of a chip's ROM."""
    text = (ROOT / "host" / "docs" / "howto" / "stock.md").read_text()
    (tmp_path / "firmware.bin").write_bytes(firmware("esp32c3"))
    (tmp_path / "build.bin").write_bytes(board_build(load_layout(board_layout("esp32c3"))))
    chip = Rom("esp32c3", firmware("esp32c3"))
    before = bytes(chip.flash.data)
    shell = Shell(tmp_path)
    try:
        for _, lines in blocks(text):
            for line in lines:
                shell.line(line.replace("/dev/ttyUSB0", chip.port) if "ttyUSB0" in line else line)
                if line.startswith("ophion uninstall"):
                    assert bytes(chip.flash.data) == before
                if line.startswith("ophion push"):
                    assert "version 1.1.0 is confirmed" in shell.output
    finally:
        shell.end()
        chip.close()
    assert bytes(chip.flash.data) != before, "the board build"


def test_the_page_says_what_the_command_says():
    text = (ROOT / "host" / "docs" / "howto" / "stock.md").read_text()
    listed = text.split("<!-- made: limits -->\n")[1].split("<!-- end: limits -->")[0]
    assert listed == "".join(f"- {limit}\n" for limit in LIMITS)
