"""State directories: what is in them, and one clear error for each way they can be wrong."""

import json
import os
import sys

import pytest
from ophion.sim import SimError, Simulator, radio_of

HELLO = {"main.py": b"print('hello')\n"}


async def test_a_device_is_a_directory(tmp_path):
    directory = tmp_path / "device"
    sim = await Simulator.create(directory, name="shelf", files=HELLO, flash_size=65536)
    assert sim.flash() == b"\xff" * 65536
    assert (directory / "frozen" / "machine.py").exists()
    async with sim:
        await sim.wait_console("hello")
        running = json.loads((directory / "radio.json").read_text())
        assert running == {"pid": os.getpid(), "transport": sim.transport}
        assert radio_of(directory) == sim.transport
    assert not (directory / "radio.json").exists()
    assert "hello" in (directory / "console.log").read_text().splitlines()
    again = Simulator.open(directory)
    assert (again.name, again.address) == ("shelf", sim.address)
    async with again:
        await again.wait_console("hello")


async def test_create_replaces_a_device_but_nothing_else(tmp_path):
    await Simulator.create(tmp_path / "device", files=HELLO)
    first = (tmp_path / "device" / "sim.json").read_text()
    await Simulator.create(tmp_path / "device", files=HELLO)
    assert (tmp_path / "device" / "sim.json").read_text() != first
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(SimError, match="not empty and not a simulated device"):
        await Simulator.create(tmp_path / "mine", files=HELLO)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda d: (d / "sim.json").unlink(), "is not a simulated device: no sim.json"),
        (lambda d: (d / "sim.json").write_text("{"), "sim.json cannot be used"),
        (lambda d: (d / "sim.json").write_text('{"version": 9}'), "another version"),
        (lambda d: (d / "flash.bin").write_bytes(b"short"), "has 5 bytes, not 1048576"),
        (lambda d: (d / "flash.bin").unlink(), "flash.bin is missing"),
        (lambda d: (d / "frozen" / "start.py").unlink(), "holds no start.py"),
    ],
)
async def test_a_damaged_directory_is_named_and_explained(tmp_path, spoil, message):
    await Simulator.create(tmp_path, files=HELLO)
    spoil(tmp_path)
    with pytest.raises(SimError, match=message) as error:
        Simulator.open(tmp_path)
    assert error.value.hint


async def test_an_image_must_fit(tmp_path):
    with pytest.raises(SimError, match="an image of 70000 bytes does not fit"):
        await Simulator.create(tmp_path, files=HELLO, flash_size=65536, image=bytes(70000))


async def test_a_path_too_long_for_micropython(tmp_path):
    deep = tmp_path / ("d" * 100) / ("e" * 100)
    with pytest.raises(SimError, match="is too long"):
        await Simulator.create(deep, files=HELLO)


async def test_a_device_runs_once(tmp_path):
    sim = await Simulator.create(tmp_path, files=HELLO)
    async with sim:
        with pytest.raises(SimError, match=rf"already running \(process {os.getpid()}\)"):
            await Simulator.open(tmp_path).start()
        with pytest.raises(SimError, match="already running"):
            await sim.start()
        with pytest.raises(SimError, match="already running"):
            await Simulator.create(tmp_path, files=HELLO)
        await sim.wait_console("hello")
    async with sim:  # and again after it has stopped
        await sim.wait_console("hello")


async def test_no_micropython_is_one_clear_error(tmp_path):
    sim = await Simulator.create(tmp_path / "a", files=HELLO, micropython="/no/such/micropython")
    with pytest.raises(SimError, match="/no/such/micropython is not a program") as error:
        await sim.start()
    assert "OPHION_MICROPYTHON" in error.value.hint
    assert not (tmp_path / "a" / "radio.json").exists()
    other = await Simulator.create(tmp_path / "b", files=HELLO, micropython="/bin/false")
    with pytest.raises(SimError, match=r"MicroPython does not start \(/bin/false\)"):
        await other.start()
    assert not (tmp_path / "b" / "radio.json").exists()


async def test_another_micropython_may_be_chosen(tmp_path):
    """A program by path: here the console script of the same PyPI package."""
    program = os.path.join(os.path.dirname(sys.executable), "micropython")
    sim = await Simulator.create(tmp_path, files=HELLO, micropython=program)
    async with sim:
        await sim.wait_console("hello")


def test_radio_of_says_why_there_is_none(tmp_path):
    with pytest.raises(SimError, match="no simulated device runs in"):
        radio_of(tmp_path)
    (tmp_path / "radio.json").write_text("[]")
    with pytest.raises(SimError, match="cannot be read"):
        radio_of(tmp_path)
    (tmp_path / "radio.json").write_text('{"pid": 999999999, "transport": "x"}')
    with pytest.raises(SimError, match="has died"):
        radio_of(tmp_path)
