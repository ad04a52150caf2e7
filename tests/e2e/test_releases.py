"""Application and runtime as one release, over the air, on a board with two app partitions."""

from contextlib import aclosing

import pytest
from ophion.errors import RefusedError, RevertedError
from ophion.push import Link, PushOptions, Uploaded, push

NAME = "e2e-device"
_RUNTIME_AT = {"ota_0": "0x180000", "ota_1": "0x240000"}
_BROKEN = b"raise RuntimeError('the runtime of 1.1.0 is broken')\n"
_CRASHING = 'print("starts")\nraise RuntimeError("no sensor")\n'


async def pushed(images, **options):
    events = []
    async with aclosing(push(images, NAME, PushOptions(**options))) as stream:
        async for event in stream:
            events.append(event)
    return events


async def states():
    async with Link(NAME) as link:
        return {(state.image, state.slot): state for state in await link.images()}


def loaded(sim):
    """The partitions that ESP-IDF started, oldest first."""
    lines = [line.split()[-1] for line in sim.console if "boot: Loaded app" in line]
    return [name for line in lines for name, at in _RUNTIME_AT.items() if at == line]


async def test_a_factory_device_tells_its_runtime(bench):
    async with bench.device(bench.image("1.0.0").image, board="sim-runtime"):
        found = await states()
    assert set(found) == {(0, 0), (1, 0)}
    assert found[1, 0].version == "1.0.0" and found[1, 0].hash is None
    assert found[1, 0].active and found[1, 0].confirmed


async def test_both_arrive_and_stay(bench):
    old, new = bench.image("1.0.0"), bench.image("1.1.0", runtime="2.0.0")
    runtime = bench.runtime("2.0.0")
    async with bench.device(old.image, board="sim-runtime") as sim:
        events = await pushed([new, runtime])
        assert {event.image for event in events if isinstance(event, Uploaded)} == {0, 1}
        assert loaded(sim) == ["ota_0", "ota_0", "ota_1"]
        found = await states()
        assert found[0, 0].hash == new.hash and found[0, 0].confirmed
        assert found[1, 0].hash == runtime.hash and found[1, 0].confirmed
        again = await pushed([new, runtime])
        assert not [event for event in again if isinstance(event, Uploaded)], "nothing to do"
        await sim.reset()
        await sim.wait_console("1.1.0 runs")
        assert loaded(sim)[-1] == "ota_1"


async def test_an_application_that_needs_another_runtime_is_not_installed_alone(bench):
    old, new = bench.image("1.0.0"), bench.image("1.1.0", runtime="2.0.0")
    async with bench.device(old.image, board="sim-runtime"):
        with pytest.raises(RevertedError, match=r"needs image 1 from 2\.0\.0 on, here is 1\.0\.0"):
            await pushed(new)
        assert (await states())[0, 0].hash == old.hash


@pytest.mark.parametrize("broken", ["runtime", "application"])
async def test_both_go_back(bench, broken):
    old = bench.image("1.0.0")
    new = bench.image("1.1.0", _CRASHING if broken == "application" else None, runtime="2.0.0")
    # The bootloader in the new runtime does not even start: ESP-IDF has to take it back.
    files = {"ophion_boot/core/boot.py": _BROKEN} if broken == "runtime" else {}
    runtime = bench.runtime("2.0.0", files)
    async with bench.device(old.image, board="sim-runtime") as sim:
        if broken == "runtime":
            await pushed([new, runtime], restart=False)
            await sim.reset()
            for start in range(3):
                await sim.wait_console("the runtime of 1.1.0 is broken")
                assert loaded(sim)[-1] == "ota_1", start
                await sim.reset("watchdog")
        else:
            with pytest.raises(RevertedError, match="no sensor"):
                await pushed([new, runtime])
        await sim.wait_console("1.0.0 runs", timeout=30)
        assert loaded(sim)[-1] == "ota_0"
        found = await states()
        assert found[0, 0].hash == old.hash and found[0, 0].confirmed
        assert found[1, 0].version == "1.0.0" and not found[1, 1].pending


async def test_a_runtime_is_no_application(bench):
    """Sent under the other image's number, each is refused before anything is erased."""
    old, runtime = bench.image("1.0.0"), bench.runtime("2.0.0")
    async with bench.device(old.image, board="sim-runtime") as sim:
        before = _slots(sim)
        async with Link(NAME) as link:
            for number, image in ((0, runtime), (1, old)):
                with pytest.raises(RefusedError, match="not what this image number takes"):
                    async for _ in link.upload(image.image, number):
                        pass
        assert _slots(sim) == before


def _slots(sim):
    flash = sim.flash()
    return flash[0x10000:0x120000] + flash[0x180000:]


async def test_power_fails_in_the_middle_of_a_release(bench):
    old, new = bench.image("1.0.0"), bench.image("1.1.0", runtime="2.0.0")
    runtime = bench.runtime("2.0.0")
    async with bench.device(old.image, board="sim-runtime") as sim:
        await pushed([new, runtime], restart=False)
        await sim.power_cut()
        for op in (9, 3, 2):
            await sim.power_on(cut_at_op=op)
            await sim.wait_off()
        await sim.power_on()
        await sim.wait_console("1.1.0 runs")
        await sim.wait_console("confirmed")
        assert loaded(sim)[-1] == "ota_1"
