"""The bootloader's BLE server against an awkward radio: each time a whole update has to go through."""

import pytest
from bleak import BleakScanner
from ophion.push import Confirmed, Link, push
from ophion.sim import RadioOptions
from ophion.sim.bleak_bumble import install

NAME = "e2e-device"


async def update(bench, **options):
    async with bench.device(bench.image("1.0.0").image, **options) as sim:
        events = [event async for event in push(bench.image("1.1.0", asset=6000), NAME)]
        assert isinstance(events[-1], Confirmed) and events[-1].version == "1.1.0"
        return sim, events


async def test_a_central_that_never_exchanges_the_mtu(bench):
    # ATT_MTU is 23 until somebody exchanges it (Core specification, Vol 3 Part F, 3.2.8).
    async with bench.device(bench.image("1.0.0").image) as sim:
        restore = install(sim.transport, mtu=23)
        try:
            async with Link(NAME) as link:
                assert link.mtu == 23
                text = "z" * 1500
                assert await link.echo(text) == text
            events = [event async for event in push(bench.image("1.1.0", asset=3000), NAME)]
        finally:
            restore()
        assert isinstance(events[-1], Confirmed) and events[0].mtu == 23


async def test_notifications_that_find_no_buffer_are_sent_later(bench):
    # gatts_notify raises ENOMEM while the stack's buffers are taken (extmod/nimble/modbluetooth_nimble.c).
    radio = RadioOptions(notify_gap=0.01)
    async with bench.device(bench.image("1.0.0").image, radio=radio) as sim:
        restore = install(sim.transport, mtu=23)
        try:
            async with Link(NAME) as link:
                text = "y" * 2300
                assert await link.echo(text) == text
                assert len(await link.images()) == 1
        finally:
            restore()


async def test_an_mtu_event_before_the_connection_event(bench):
    _, events = await update(bench, radio=RadioOptions(mtu_before_connect=True))
    assert events[0].mtu == 515


@pytest.mark.parametrize("latency", [0.005, 0.03])
async def test_a_slow_link(bench, latency):
    await update(bench, radio=RadioOptions(latency=latency))


async def test_two_centrals_one_after_the_other_and_one_that_comes_too_early(bench):
    async with bench.device(bench.image("1.0.0").image) as sim:
        async with Link(NAME) as link:
            assert await link.echo("first") == "first"
            restore = install(sim.transport.replace("127.0.0.1", "localhost"))
            try:
                found = await BleakScanner.find_device_by_name(NAME, timeout=0.7)
                assert found is None, "while somebody is connected the device is not to be found"
            finally:
                restore()
            assert await link.echo("still there") == "still there"
        async with Link(NAME) as link:
            assert await link.echo("second") == "second"
