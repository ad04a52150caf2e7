"""Whole updates over the air, the good and the bad; the running image is judged from its own output."""

import asyncio
from contextlib import aclosing

import pytest
from ophion.build.boards import board_layout
from ophion.errors import RefusedError, RevertedError
from ophion.push import Confirmed, Link, PushOptions, Reconnecting, push
from pushing import AS_IT_IS, NAME, push_all

SILENT = "import time\nprint('silent starts')\nwhile True:\n    time.sleep(1)\n"
HANGS = "print('hangs now')\nwhile True:\n    pass\n"
ONE_SHOT = "print('done at once')\n"


async def log_of():
    async with Link(NAME) as link:
        return [(entry.event, entry.version) for entry in await link.log()]


async def test_an_update_is_installed_and_confirmed(bench):
    async with bench.device(bench.image("1.0.0").image) as sim:
        events = await push_all(bench.image("1.1.0", asset=30000))
        assert isinstance(events[-1], Confirmed) and events[-1].version == "1.1.0"
        assert await log_of() == [("installed", "1.1.0"), ("confirmed", "1.1.0")]
        await sim.reset("hard")
        await sim.wait_console("ophion: 1.1.0 runs")


async def test_an_update_that_hangs_is_ended_by_the_watchdog_and_goes_back(bench):
    async with bench.device(bench.image("1.0.0").image) as sim:
        with pytest.raises(RevertedError):
            await push_all(bench.image("1.1.0", HANGS))
        assert [start.reason for start in sim.resets].count("watchdog") == 3
        assert (await log_of())[-1] == ("reverted", "1.0.0")


async def test_a_tampered_update_is_refused_and_the_running_image_is_untouched(bench):
    good = bench.image("1.1.0", asset=9000)
    old = bench.image("1.0.0")
    async with bench.device(old.image) as sim:
        data = bytearray(good.image)
        data[5000] ^= 0x10
        path = bench.directory / "tampered.bin"
        path.write_bytes(data)
        from ophion.package import load_image

        with pytest.raises(RefusedError, match="SHA-256"):
            await push_all(load_image(path))
        await sim.reset("hard")
        await sim.wait_console("ophion: 1.0.0 runs")
        assert old.image in sim.flash()


async def test_an_application_that_ends_or_crashes_leaves_a_device_that_is_updated(bench):
    # Confirmed by hand, then it crashes at every start: recovery takes the next update.
    crashes = "raise ValueError('no sensor')\n"
    async with bench.device(bench.image("1.0.0", crashes).image, board_layout("sim")) as sim:
        await sim.wait_console("recovery, advertising")
        await push_all(bench.image("1.1.0"))
        assert await log_of() == [
            ("crashed", "1.0.0"),
            ("recovery", ""),
            ("installed", "1.1.0"),
            ("confirmed", "1.1.0"),
        ]


async def test_a_device_without_any_image_waits_in_recovery_and_is_updated(bench):
    async with bench.device(None) as sim:
        await sim.wait_console("nothing to run")
        async with Link(NAME) as link:
            assert await link.images() == []
            assert (await link.info()).mode == "recovery"
        await push_all(bench.image("1.0.0"))
        await sim.wait_console("e2e 1.0.0")


async def test_what_an_application_learns_and_asks_for(bench):
    program = """
import ophion_app
print("version", ophion_app.version(), "trial", ophion_app.trial(), "reachable", ophion_app.reachable())
print("events", [e["event"] for e in ophion_app.events()])
print("confirm", ophion_app.confirm(), ophion_app.confirm())
ophion_app.feed()
if len(ophion_app.events()) < 4:
    ophion_app.enter_recovery()
"""
    async with bench.device(bench.image("1.0.0").image) as sim:
        unasked = PushOptions(restart=False, compress=False)
        async with aclosing(push(bench.image("1.1.0", program), NAME, unasked)) as events:
            async for _ in events:
                pass
        await sim.reset("hard")
        await sim.wait_console("version 1.1.0 trial (1, 3) reachable False")
        await sim.wait_console("events ['installed']")
        await sim.wait_console("confirm True False")
        await sim.wait_console("recovery, advertising")
        assert await log_of() == [("installed", "1.1.0"), ("confirmed", "1.1.0"), ("recovery", "")]
        await sim.reset("hard")
        await sim.wait_console("version 1.1.0 trial None")


async def test_files_of_the_user_stand_in_for_nothing(bench):
    program = """
import os
for name in ("boot.py", "main.py", "ophion_app.py", "ophion_boot.py", "ophion_layout.py", "asyncio.py"):
    with open("/" + name, "w") as f:
        f.write("print('INTRUDER')\\nraise SystemExit\\n")
print("files", sorted(os.listdir("/")))
import ophion_app
print("version", ophion_app.version())
"""
    async with bench.device(bench.image("1.0.0", program).image) as sim:
        await sim.wait_console("version 1.0.0")
        await sim.reset("power-on")
        await sim.wait_console("'ophion_boot.py'")
        await sim.wait_console("version 1.0.0")
        assert not any("INTRUDER" in line for line in sim.console)


async def test_recovery_is_entered_on_request_and_left_again(bench):
    async with bench.device(bench.image("1.0.0").image) as sim:
        await sim.wait_console("e2e 1.0.0")
        async with Link(NAME) as link:
            await link.recover()
        await sim.wait_console("recovery, advertising")
        async with Link(NAME) as link:
            assert (await link.info()).mode == "recovery"
            await link.reset()
        await sim.wait_console("e2e 1.0.0")


@pytest.mark.parametrize("op", [1, 5, 6, 7, 20, 33, 47, 60])
async def test_power_cuts_in_the_middle_of_a_swap(bench, op):
    old, new = bench.image("1.0.0", asset=30000), bench.image("1.1.0", asset=40000)
    async with bench.device(old.image) as sim:
        async with Link(NAME) as link:
            async with aclosing(link.upload(new.image)) as offsets:
                async for _ in offsets:
                    pass
            await link.test(new.hash)
        await sim.power_cut()
        await sim.power_on(cut_at_op=op, cut_seed=op)
        await sim.wait_off()
        await sim.power_on()
        await sim.wait_console("ophion: 1.1.0 runs (trial 1 of 3)")
        await sim.wait_console("e2e: confirmed")


async def test_a_reset_in_the_middle_of_an_upload(bench):
    new = bench.image("1.1.0", asset=200_000)
    async with bench.device(bench.image("1.0.0").image) as sim:
        events = []
        async with aclosing(push(new, NAME, AS_IT_IS)) as running:
            async for event in running:
                events.append(event)
                if getattr(event, "offset", 0) > 50_000 and len(sim.resets) == 1:
                    await sim.reset("hard")
        assert any(isinstance(event, Reconnecting) for event in events)
        assert isinstance(events[-1], Confirmed)


async def test_a_padded_image_is_cut_to_what_it_is(bench):
    # imgtool --pad makes a file as large as a slot, with a trailer that would ask for the swap.
    payload, _ = bench.payload("1.1.0")
    raw, padded = bench.directory / "p.romfs", bench.directory / "padded.bin"
    raw.write_bytes(payload)
    options = ["--header-size", "0x20", "--pad-header", "--slot-size", "0x80000", "--align", "4", "--pad"]
    code, output = bench.tool(
        "imgtool.main", "sign", "-k", bench.key, "--version", "1.1.0", *options, raw, padded
    )
    assert code == 0, output
    from ophion.package import load_image

    async with bench.device(bench.image("1.0.0").image):
        events = await push_all(load_image(padded))
        assert events[-1].version == "1.1.0"


async def test_the_device_survives_a_central_that_only_sends_garbage(bench):
    from bleak import BleakClient, BleakScanner

    characteristic = "da2e7828-fbce-4e01-ae9e-261174997c48"
    async with bench.device(bench.image("1.0.0").image) as sim:
        await sim.wait_console("e2e 1.0.0")
        found = await BleakScanner.find_device_by_name(NAME, timeout=5)
        async with BleakClient(found) as client:
            for piece in (b"", b"\x0a", b"\xff" * 500, b"\x0a\0\xff\xff\0\1\0\1" + b"x" * 300, bytes(512)):
                await client.write_gatt_char(characteristic, piece, response=False)
            await asyncio.sleep(0.2)
        async with Link(NAME) as link:
            assert await link.echo("still here") == "still here"
            garbage = b"\x0a\x00\x00\x02\x00\x01\x09\x01\xbf\x61"
            assert len(garbage) == 10
        assert len(sim.resets) == 1
