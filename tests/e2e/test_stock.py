"""MicroPython's own build: an image that `ophion install` made boots, takes an update over BLE, runs it.

The firmware is a real one (its image is checked by what stands for ESP-IDF's second-stage bootloader), and
MicroPython's Unix port stands in for its processor: it mounts the littlefs of the image and runs what
lies there.
"""

import contextlib
from contextlib import aclosing

from ophion.build.boards import board_layout
from ophion.build.layout import load_layout
from ophion.install import compose, device_files, divide, read_firmware
from ophion.push import Confirmed, push, use_radio
from ophion.sim import Simulator

NAME = "stock-device"


class Stock:
    def __init__(self, bench, image, path):
        self.bench = bench
        firmware = read_firmware(path.read_bytes(), path.name, any_version=True)
        self.layout = divide(firmware, load_layout(board_layout("stock")))
        files = device_files(self.layout, NAME, [bench.public.raw], native=False)
        self.made = compose(firmware, self.layout, files, image.image)

    @contextlib.asynccontextmanager
    async def running(self, **options):
        sim = await Simulator.create(
            self.bench.directory / "stock",
            name=NAME,
            flash=self.made.flash(),
            flash_size=self.layout.flash_size,
            **options,
        )
        try:
            await sim.start()
            restore = use_radio(f"bumble:{sim.transport}")
            try:
                yield sim
            finally:
                restore()
        finally:
            await sim.stop()
            print("\n".join(sim.console))

    def area(self, sim, name, size):
        at = self.layout.areas[name].offset
        return sim.flash()[at : at + size]


async def push_all(image, **options):
    seen = []
    async with aclosing(push(image, NAME, **options)) as events:
        async for event in events:
            seen.append(event)
    return seen


async def test_an_installed_image_boots_and_an_update_over_ble_runs(bench, stock_firmware):
    old, new = bench.image("1.0.0"), bench.image("1.1.0", asset=9000)
    stock = Stock(bench, old, stock_firmware)
    async with stock.running() as sim:
        await sim.wait_console("I (0) boot: Loaded app from partition at offset 0x10000")
        await sim.wait_console("ophion: 1.0.0 runs")
        assert isinstance((await push_all(new))[-1], Confirmed)
        await sim.reset("hard")
        await sim.wait_console("ophion: 1.1.0 runs")
        assert stock.area(sim, "primary", len(new.image)) == new.image
        assert stock.area(sim, "secondary", len(old.image)) == old.image
