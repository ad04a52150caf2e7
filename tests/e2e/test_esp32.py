"""The port for ESP32 chips, on a simulated one: esp32.Partition, NVS, vfs.rom_ioctl, otadata, BLE."""

import pytest
from ophion.build.boards import board_layout
from ophion.build.layout import load_layout
from ophion.errors import RefusedError, RevertedError
from ophion.package import load_image
from ophion.push import Confirmed, Link, use_radio
from ophion.sim import Simulator
from ophion.sim.errors import SimError
from pushing import NAME, push_all

BOARD = "esp32s3"
HEAP = "32M"
CRASHES = "print('crashes now')\nraise ValueError('on purpose')\n"


def area(sim, name, size):
    spec = load_layout(board_layout(BOARD)).areas[name]
    return sim.flash()[spec.offset : spec.offset + size]


async def test_an_update_is_installed_and_confirmed(bench):
    old, new = bench.image("1.0.0"), bench.image("1.1.0", asset=9000)
    async with bench.device(old.image, board=BOARD, heap=HEAP) as sim:
        await sim.wait_console("ophion: 1.0.0 runs")
        assert isinstance((await push_all(new))[-1], Confirmed)
        assert area(sim, "primary", len(new.image)) == new.image
        assert area(sim, "secondary", len(old.image)) == old.image
        await sim.reset("hard")
        await sim.wait_console("ophion: 1.1.0 runs\n") if False else await sim.wait_console(
            "ophion: 1.1.0 runs"
        )


async def test_an_update_that_crashes_goes_back(bench):
    old = bench.image("1.0.0")
    async with bench.device(old.image, board=BOARD, heap=HEAP) as sim:
        with pytest.raises(RevertedError):
            await push_all(bench.image("1.1.0", CRASHES))
        assert area(sim, "primary", len(old.image)) == old.image


async def test_a_changed_image_is_refused(bench):
    async with bench.device(bench.image("1.0.0").image, board=BOARD, heap=HEAP) as sim:
        await sim.wait_console("ophion: 1.0.0 runs")
        data = bytearray(bench.image("1.1.0").image)
        data[200] ^= 1
        path = bench.directory / "tampered.bin"
        path.write_bytes(data)
        with pytest.raises(RefusedError):
            await push_all(load_image(path))
        assert "1.1.0 runs" not in "".join(sim.console)


async def test_a_board_without_two_app_partitions_is_not_simulated(bench):
    with pytest.raises(SimError, match="ophion-esp32c3 has one app partition"):
        async with bench.device(bench.image("1.0.0").image, board="esp32c3"):
            pass


async def events():
    async with Link(NAME) as link:
        return [entry.event for entry in await link.log()]


async def test_events_are_kept_in_nvs_and_a_lost_nvs_is_an_empty_one(bench):
    async with bench.device(bench.image("1.0.0").image, board=BOARD, heap=HEAP) as sim:
        assert isinstance((await push_all(bench.image("1.1.0")))[-1], Confirmed)
        await sim.reset("hard")
        await sim.wait_console("ophion: 1.1.0 runs\n")
        assert await events() == ["installed", "confirmed"]
        await sim.stop()
        spec = load_layout(board_layout(BOARD)).areas["nvs"]
        with (bench.directory / "device" / "flash.bin").open("r+b") as file:
            file.seek(spec.offset)
            file.write(b"\xff" * spec.size)
    sim = Simulator.open(bench.directory / "device", heap=HEAP)
    async with sim:
        await sim.wait_console("ophion: 1.1.0 runs")
        restore = use_radio(f"bumble:{sim.transport}")
        try:
            assert await events() == []
        finally:
            restore()
