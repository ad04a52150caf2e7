"""Rules of SPEC.md 6 and 7 that only a whole device shows: half requests, what it tells, recovery."""

import asyncio

import pytest
from ophion.build.boards import board_layout
from ophion.push import Link, use_radio
from ophion.sim import Simulator
from ophion_boot.fmt.cbor import encode
from ophion_boot.fmt.smp import pack_request

NAME = "e2e-device"
RECOVERY_S = 1


async def test_half_a_request_is_forgotten_after_silence_and_at_a_disconnect(bench):
    async with bench.device(bench.image("1.0.0").image) as sim:
        await sim.wait_console("e2e 1.0.0")
        async with bench.raw() as link:
            request = bench.echo(1, "in two writes")
            await link.write(request[:10])
            await link.write(request[10:])
            assert await link.answer() == (1, {"r": "in two writes"})
            await link.write(bench.echo(2, "the rest never comes")[:15])
            await asyncio.sleep(2.3)
            await link.write(bench.echo(3, "after silence"))
            assert await link.answer() == (3, {"r": "after silence"})
            # Without the silence the next bytes are taken for the rest of it.
            await link.write(bench.echo(4, "x" * 100)[:15])
            await link.write(bench.echo(5, "at once"))
            with pytest.raises(asyncio.TimeoutError):
                await link.answer(0.5)
        async with bench.raw() as link:
            await link.write(bench.echo(6, "after a new connection"))
            assert await link.answer() == (6, {"r": "after a new connection"})


async def test_what_a_device_tells_of_itself(bench):
    async with bench.device(bench.image("1.0.0").image) as sim:
        await sim.wait_console("e2e 1.0.0")
        async with bench.raw() as link:
            await link.write(pack_request(1, False, 64, 7, 0, encode({})))
            seq, info = await link.answer()
            assert seq == 7
            assert sorted(info) == ["access", "boot", "hw", "mode", "name", "runtime", "strategy"]
            assert (info["name"], info["hw"], info["strategy"], info["mode"]) == (
                NAME,
                "sim",
                "swap_offset",
                "app",
            )
            await link.write(pack_request(1, False, 64, 8, 1, encode({})))
            assert await link.answer() == (8, {"log": []})


async def test_recovery_without_a_central_tries_the_application_again(bench, tmp_path):
    layout = tmp_path / "layout.toml"
    text = board_layout("sim").read_text()
    assert text.count("recovery_s = 120") == 1
    layout.write_text(text.replace("recovery_s = 120", f"recovery_s = {RECOVERY_S}"))
    image = bench.image("1.0.0", "print('it starts')\nraise ValueError('no sensor')\n").image
    async with await Simulator.create(
        tmp_path / "device", layout=layout, name=NAME, image=image, keys=[bench.public.raw]
    ) as sim:
        await sim.wait_console("recovery, advertising")
        await sim.wait_resets(5)  # application, recovery, application, recovery, application
        assert {start.reason for start in sim.resets[1:]} == {"hard"}
        restore = use_radio(f"bumble:{sim.transport}")
        try:
            async with Link(NAME) as link:
                before = len(sim.resets)
                await asyncio.sleep(2 * RECOVERY_S)
                assert len(sim.resets) == before, "not while a central is connected"
                log = [(entry.event, entry.version) for entry in await link.log()]
        finally:
            restore()
    assert log[-2:] == [("crashed", "1.0.0"), ("recovery", "")]
    assert sum("it starts" in line for line in sim.console) >= 3
