"""An application without asyncio is updated while it runs on: `ophion_app.poll()` in its loop."""

import re

from ophion.build.boards import board_layout
from ophion.push import Confirmed, Link, PushOptions, Resetting, push

NAME = "e2e-device"
WORKS = """import time
import ophion_app
print("begins", ophion_app.version())
work = 0
while True:
    work += 1
    print("work", ophion_app.version(), work)
    ophion_app.feed()
    ophion_app.poll(20)
    if ophion_app.reachable():
        ophion_app.confirm()
"""
STOPS = """import time
import ophion_app
ophion_app.poll()
print("reachable", ophion_app.reachable())
ophion_app.stop()
ophion_app.stop()
print("reachable", ophion_app.reachable())
while True:
    time.sleep_ms(10)
    ophion_app.feed()
"""


def worked(sim, version):
    """The highest number that this version's loop has printed."""
    found = re.findall(rf"^work {version} (\d+)$", "\n".join(sim.console), re.M)
    return int(found[-1]) if found else 0


async def test_an_update_is_taken_while_a_plain_loop_runs_on(bench):
    old, new = bench.image("1.0.0", WORKS), bench.image("1.1.0", WORKS, asset=300_000)
    async with bench.device(old.image) as sim:
        await sim.wait_console("work 1.0.0 3")
        marks = {}
        async for event in push(new, NAME, PushOptions(compress=False)):
            marks.setdefault(event.kind, worked(sim, "1.0.0"))
            if isinstance(event, Resetting):
                assert len(sim.resets) == 1
            last = event
        assert isinstance(last, Confirmed) and last.by in ("application", "before")
        assert marks["connected"] > 0 and marks["resetting"] > marks["uploading"] > 0, marks
        numbers = [int(n) for n in re.findall(r"^work 1\.0\.0 (\d+)$", "\n".join(sim.console), re.M)]
        assert numbers == list(range(1, len(numbers) + 1)), "the loop went on, and nothing began anew"
        await sim.wait_console("begins 1.1.0")
        assert [start.reason for start in sim.resets] == ["power-on", "hard"]


async def test_it_tells_the_bootloader_that_it_can_be_reached(bench):
    """The sanity flag is set from the loop, so the periodic reset finds nothing to complain about."""
    path = bench.directory / "quick.toml"
    policy = "\n[health]\nperiod_s = 12\njitter_s = 0\npostpone_s = 0\nsettle_s = 1\nfresh_s = 5\n"
    path.write_text(board_layout("sim").read_text() + policy)
    async with bench.device(bench.image("1.0.0", WORKS).image, path) as sim:
        await sim.wait_console("ophion: periodic reset", 60)
        await sim.wait_console("begins 1.0.0", 30)
        async with Link(NAME) as link:
            assert (await link.info()).mode == "app"
            assert (await link.counters())["boot"]["misses"] == 0


async def test_the_service_ends_when_it_is_stopped(bench):
    async with bench.device(bench.image("1.0.0", STOPS).image) as sim:
        await sim.wait_console("reachable True")
        await sim.wait_console("reachable False")


async def test_a_loop_that_is_slow_is_updated_slowly(bench):
    slow = WORKS.replace("ophion_app.poll(20)", "time.sleep_ms(100)\n    ophion_app.poll()")
    old, new = bench.image("1.0.0", slow), bench.image("1.1.0", WORKS, asset=3000)
    async with bench.device(old.image) as sim:
        await sim.wait_console("work 1.0.0 2")
        events = [event async for event in push(new, NAME, PushOptions(confirm=True))]
        assert isinstance(events[-1], Confirmed)
