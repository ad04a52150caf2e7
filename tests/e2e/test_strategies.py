"""Boards with another install strategy than the simulator's own: whole updates, and power cuts in them."""

from contextlib import aclosing

import pytest
from ophion.errors import RevertedError
from ophion.push import Confirmed, Link
from pushing import NAME, push_all

CRASHES = "raise ValueError('no sensor')\n"
SILENT = "import time\nprint('silent starts')\nwhile True:\n    time.sleep(1)\n"
# board -> the strategy that its layout names.
BOARDS = {"sim-scratch": "swap_scratch", "sim-ab": "ab"}


async def ask_for(image):
    """Upload `image` and ask for a trial of it, without the reset that installs it."""
    async with Link(NAME) as link:
        async with aclosing(link.upload(image.image)) as offsets:
            async for _ in offsets:
                pass
        await link.test(image.hash)


async def log_of():
    async with Link(NAME) as link:
        return [(entry.event, entry.version) for entry in await link.log()]


@pytest.mark.parametrize("board", BOARDS)
async def test_an_update_is_confirmed_and_a_crashing_one_goes_back(bench, board):
    async with bench.device(bench.image("1.0.0", asset=30000).image, board) as sim:
        async with Link(NAME) as link:
            assert (await link.info()).strategy == BOARDS[board]
        events = await push_all(bench.image("1.1.0"))
        assert isinstance(events[-1], Confirmed) and events[-1].version == "1.1.0"
        with pytest.raises(RevertedError):
            await push_all(bench.image("1.2.0", CRASHES, asset=50000))
        log = await log_of()
        assert log[:3] == [("installed", "1.1.0"), ("confirmed", "1.1.0"), ("installed", "1.2.0")]
        assert log.count(("crashed", "1.2.0")) == 3 and log[-1] == ("reverted", "1.1.0")
        await sim.reset("hard")
        await sim.wait_console("ophion: 1.1.0 runs")


@pytest.mark.parametrize("op", [6, 17, 36, 64, 80])
@pytest.mark.parametrize("board", ["sim-scratch"])
async def test_power_cuts_in_the_middle_of_a_swap_and_of_the_way_back(bench, board, op):
    old, new = bench.image("1.0.0", asset=30000), bench.image("1.1.0", SILENT, asset=40000)
    async with bench.device(old.image, board) as sim:
        await ask_for(new)
        await sim.power_cut()
        await sim.power_on(cut_at_op=op, cut_seed=op)
        await sim.wait_off()
        assert sim.cut_op == op
        for trial in (1, 2, 3):
            await sim.power_on()
            await sim.wait_console(f"ophion: 1.1.0 runs (trial {trial} of 3)")
            await sim.wait_console("silent starts")
            await sim.power_cut()
        await sim.power_on(cut_at_op=op, cut_seed=op)
        await sim.wait_off()
        await sim.power_on()
        await sim.wait_console("ophion: 1.0.0 runs")
        log = await log_of()
        assert ("resumed", "1.0.0") in log or op == 6
        assert log[-1] == ("reverted", "1.0.0")
        assert old.image in sim.flash() and new.image in sim.flash()


async def test_a_golden_image_comes_back_when_an_update_fails(bench):
    factory = bench.image("1.0.0", asset=20000)
    async with bench.device(factory.image, "sim-golden") as sim:
        await push_all(bench.image("1.1.0"))
        with pytest.raises(RevertedError):
            await push_all(bench.image("1.2.0", CRASHES))
        await sim.wait_console("ophion: 1.0.0 runs")
        async with Link(NAME) as link:
            last = (await link.log())[-1]
            assert (await link.info()).strategy == "golden"
        assert (last.event, last.version) == ("reverted", "1.0.0") and "from golden" in last.reason
        await push_all(bench.image("1.3.0"))
        await sim.wait_console("ophion: 1.3.0 runs")


@pytest.mark.parametrize("op", [3, 9, 14, 21])
async def test_power_cuts_while_a_golden_image_is_restored(bench, op):
    factory, new = bench.image("1.0.0", asset=40000), bench.image("1.1.0", SILENT, asset=30000)
    async with bench.device(factory.image, "sim-golden") as sim:
        await ask_for(new)
        for trial in (1, 2, 3):
            await sim.power_cut()
            await sim.power_on()
            await sim.wait_console(f"ophion: 1.1.0 runs (trial {trial} of 3)")
        await sim.power_cut()
        await sim.power_on(cut_at_op=op, cut_seed=op)
        await sim.wait_off()
        await sim.power_on()
        await sim.wait_console("ophion: 1.0.0 runs")
        assert sim.flash().count(factory.image) == 2, "the active slot and the golden one"
