"""Applications that break what updates need: each device is updated over the air, without a hand on it.

A layout with times of seconds stands for the nightly one; what is counted are resets, and each test prints
the seconds that it took.
"""

import asyncio
from contextlib import aclosing

import pytest
from ophion.build.boards import board_layout
from ophion.build.layout import load_layout
from ophion.errors import OphionError
from ophion.push import Confirmed, Link, PushOptions, push

NAME = "e2e-device"
# Layout entries: what stands in the board's file, and what the tests make of it (seconds but for the first).
TIMES = {"watchdog_ms = 8000": "watchdog_ms = 2000", "recovery_s = 120": "recovery_s = 2"}
HEALTH = "[health]\nperiod_s = 3\njitter_s = 0\npostpone_s = 0\nsettle_s = 0\nfresh_s = 1\n"

GOOD = """
import asyncio, ophion_app
async def main():
    service = asyncio.create_task(ophion_app.serve())
    while True:
        await asyncio.sleep_ms(100)
        if ophion_app.reachable() and ophion_app.confirm():
            print("confirmed")
        ophion_app.feed()
asyncio.run(main())
"""
BUTTON, LED = 9, 8
RUNS_ON = """
import time
while True:
    ophion_app.feed()
    time.sleep_ms(50)
"""
# Confirms itself, serves for a while (ms), then does what the rest of the program says; and says when that
# is longer ago than the layout's fresh_s.
CUT_OFF = "cut off for 1.5 s"
SERVES = """
import asyncio, bluetooth, ophion_app, time
async def main():
    service = asyncio.create_task(ophion_app.serve())
    await asyncio.sleep_ms(300)
    ophion_app.confirm()
    await asyncio.sleep_ms(%d)
    %s
    since = time.ticks_ms()
    said = False
    while True:
        ophion_app.feed()
        if not said and time.ticks_diff(time.ticks_ms(), since) > 1500:
            said = True
            print("cut off for 1.5 s")
        await asyncio.sleep_ms(50)
asyncio.run(main())
"""
WRITES_FILES = """
import os, ophion_app
from ophion_boot import main as boot
for name in ("boot.py", "main.py", "ophion_app.py", "ophion_boot.py", "ophion_layout.py", "_boot.py"):
    with open("/" + name, "w") as f:
        f.write("print('INTRUDER')\\nwhile True: pass\\n")
user = boot.device.board.block_device("user")
for block in range(user.ioctl(4, 0)):
    user.writeblocks(block, os.urandom(256) * 16)
print("all is garbage")
"""
WRITES_CELLS = """
import machine, os, ophion_app
from ophion_boot import main as boot
machine.RTC().memory(os.urandom(48))
state = boot.device.board.area("state")
for sector in range(2):
    state.erase(sector)
    state.program(sector * state.sector, os.urandom(256) * 16)
print("all is garbage")
"""
FILLS_THE_HEAP = """
import ophion_app, time
hoard = []
for size in (65536, 256, 16):
    try:
        while True:
            hoard.append(bytearray(size))
    except MemoryError:
        pass
while True:
    try:
        ophion_app.feed()
        time.sleep_ms(50)
    except MemoryError:
        pass
"""
# Services can only be registered anew while nothing is advertised; then it advertises as before.
BATTERY = """
    radio = bluetooth.BLE()
    radio.gap_advertise(None)
    radio.gatts_register_services(((bluetooth.UUID(0x180F), ((bluetooth.UUID(0x2A19), 2),)),))
    radio.gap_advertise(100_000)
"""

# case -> (program, what ends its first run)
BROKEN = {
    "raises at import": ("raise ValueError('no sensor')\n", "crash"),
    "hangs": ("while True:\n    pass\n", "watchdog"),
    "stops advertising": (SERVES % (0, "service.cancel()"), "night"),
    "takes the service away": (SERVES % (0, BATTERY), "night"),
    "fills the heap": (FILLS_THE_HEAP, "night"),
    "overwrites the user's files": (WRITES_FILES + "raise ValueError\n", "crash"),
    "corrupts RTC memory and cells": (WRITES_CELLS + RUNS_ON, "night"),
}
# A full heap may keep the watchdog from being fed, or not.
CAUSES = {"crash": ("hard",), "watchdog": ("watchdog",), "night": ("hard", "watchdog")}


def bound_s(ending):
    """The most seconds from the break to recovery, by the layout that the board comes with."""
    board = load_layout(board_layout("sim"))
    health = board.health
    night = health.period_s + health.jitter_s + health.postpone_s
    return {"crash": 0, "watchdog": board.watchdog_ms / 1000, "night": night}[ending]


@pytest.fixture
def layout(bench):
    """A board whose nights are short, with a button and an LED."""
    text = board_layout("sim").read_text()
    for old, new in TIMES.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    text = text.replace("[flash]", f"button = {BUTTON}\nled = {LED}\n\n[flash]")
    path = bench.directory / "layout.toml"
    path.write_text(text.replace("[areas]", HEALTH + "\n[areas]"))
    return path


async def pushed(image, tries=20):
    """Push until it is confirmed: an operator who comes back as often as it takes."""
    options = PushOptions(wait_s=20, connect_s=4)
    for _ in range(tries):
        try:
            async with aclosing(push(image, NAME, options)) as events:
                async for event in events:
                    if isinstance(event, Confirmed):
                        return
        except OphionError as error:
            print("push:", error)
    raise AssertionError("never updated")


async def log_of():
    async with Link(NAME) as link:
        return [(entry.event, entry.version, entry.reason) for entry in await link.log()]


def seconds():
    return asyncio.get_running_loop().time()


@pytest.mark.parametrize("case", BROKEN)
async def test_a_broken_application_is_replaced_over_the_air(bench, layout, case):
    program, ending = BROKEN[case]
    async with bench.device(bench.image("1.0.0", program).image, layout) as sim:
        begun = seconds()
        await sim.wait_console("ophion: recovery, advertising", timeout=60)
        open_at = seconds() - begun
        # Bounded by resets: the first run that could not be reached is answered. An application that serves
        # at first may be reachable when a night comes early, on a slow computer: such a night is a good one.
        resets = [start.reason for start in sim.resets[1:]]
        assert resets and all(reason in CAUSES[ending] for reason in resets)
        if "serve()" in program:
            assert sum(CUT_OFF in line for line in sim.console) == 1
        else:
            assert len(resets) == 1
        await pushed(bench.image("1.1.0", GOOD))
        print(f"{case}: recovery after {open_at:.1f} s, updated after {seconds() - begun:.1f} s")
        print(f"{case}: by the board's own layout recovery after at most {bound_s(ending):.0f} s")
        await sim.wait_console("ophion: 1.1.0 runs")
        assert not any("INTRUDER" in line for line in sim.console)


async def test_a_confirmed_update_that_crashes_later_goes_back_by_itself(bench, layout):
    """It confirms itself, runs, and crashes; each time it could be reached, so no recovery is in between."""
    async with bench.device(bench.image("1.0.0", GOOD).image, layout) as sim:
        begun = seconds()
        await pushed(bench.image("1.1.0", SERVES % (1500, "raise ValueError('a minute later')")))
        await sim.wait_console("reverted 1.0.0: health: too often in a row", timeout=30)
        await sim.wait_console("ophion: 1.0.0 runs")
        print(f"crashes later: back after {seconds() - begun:.1f} s")
        assert not any("recovery, advertising" in line for line in sim.console)
        await pushed(bench.image("1.2.0", GOOD))
        print(f"crashes later: updated after {seconds() - begun:.1f} s")
        log = [entry[:2] for entry in await log_of()]
        assert log.count(("crashed", "1.1.0")) == 3
        assert log[-3:] == [("reverted", "1.0.0"), ("installed", "1.2.0"), ("confirmed", "1.2.0")]


async def test_a_healthy_application_is_confirmed_by_health_and_keeps_running(bench, layout):
    layout.write_text(layout.read_text().replace("fresh_s = 1", 'fresh_s = 1\nconfirm = "health"'))
    quiet = GOOD.replace("and ophion_app.confirm()", "and False")
    async with bench.device(bench.image("1.0.0", GOOD).image, layout) as sim:
        await sim.wait_console("ophion: periodic reset", timeout=20)
        await sim.wait_console("ophion: 1.0.0 runs")
        assert sim.flash()[:0x2000] == b"\xff" * 0x2000, "good nights cost no flash"
        await pushed(bench.image("1.1.0", quiet))
        assert ("confirmed", "1.1.0", "can be reached") in await log_of()
        assert not any("recovery, advertising" in line for line in sim.console)


async def test_a_button_that_is_held_opens_recovery_and_is_not_in_the_way_for_ever(bench, layout):
    async with bench.device(bench.image("1.0.0", GOOD).image, layout, pins={BUTTON: 0}) as sim:
        await sim.wait_console("ophion: recovery, advertising")
        async with Link(NAME) as link:
            assert (await link.info()).mode == "recovery"
            assert (await link.log())[-1].reason == "the button is held"
        await sim.wait_console("ophion: 1.0.0 runs", timeout=20)
        assert sim.driven(LED)[:5] == [1, 0, 1, 0, 1]


async def test_advertising_that_was_stopped_comes_back(bench, layout):
    """The service takes its radio back; here twice a second instead of every ten."""
    stops = (
        "ophion_app.health._RENEW_MS = 500; bluetooth.BLE().gap_advertise(None); bluetooth.BLE().irq(None)"
    )
    layout.write_text(layout.read_text().replace("period_s = 3", "period_s = 300"))
    async with bench.device(bench.image("1.0.0", SERVES % (100, stops)).image, layout) as sim:
        await sim.wait_console("ophion: 1.0.0 runs")
        await asyncio.sleep(1.5)
        assert await log_of() == []
        assert len(sim.resets) == 1


# The service is cancelled at every phase of its poll: it always ends.
CANCELS = """
import asyncio, ophion_app
async def main():
    lost = 0
    for phase in range(120):
        service = asyncio.create_task(ophion_app.serve())
        await asyncio.sleep_ms(20 + phase % 40)
        service.cancel()
        await asyncio.sleep_ms(2)
        if not service.done() or ophion_app.reachable():
            lost += 1
            service.cancel()
            await asyncio.sleep_ms(5)
    print("cancels lost:", lost)
asyncio.run(main())
"""


async def test_a_service_that_is_cancelled_ends(bench):
    async with bench.device(bench.image("1.0.0", CANCELS).image) as sim:
        assert (await sim.wait_console("cancels lost:", timeout=60)).endswith(" 0")
