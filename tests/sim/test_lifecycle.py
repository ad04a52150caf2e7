"""Nothing is left behind: not by Ctrl-C, not by SIGKILL, not by an exception."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ophion.sim import SimError, Simulator, radio_of

SUPERVISOR = """
import asyncio, sys
from ophion.sim import Simulator
async def main():
    await Simulator.open(sys.argv[1]).serve()
try:
    asyncio.run(main())
except KeyboardInterrupt:
    sys.exit(130)
"""
BUSY = b"print('busy')\nwhile True:\n    pass\n"
SLEEPY = b"import time\nprint('busy')\nwhile True:\n    time.sleep(1)\n"


def processes_with(text):
    """Ids of the processes that have `text` in their command line."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if text in command and int(entry.name) != os.getpid():
                found.append(int(entry.name))
    return found


def eventually(condition, timeout=5.0):
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False


@pytest.mark.parametrize("main", [BUSY, SLEEPY], ids=["busy", "sleepy"])
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=["ctrl-c", "sigkill"])
def test_the_device_dies_with_its_supervisor(tmp_path, main, how):
    asyncio.run(Simulator.create(tmp_path, files={"main.py": main}))
    supervisor = subprocess.Popen([sys.executable, "-W", "error", "-c", SUPERVISOR, str(tmp_path)])
    try:
        console = tmp_path / "console.log"
        assert eventually(lambda: "busy" in console.read_text(), 20)
        assert len(processes_with(str(tmp_path / "frozen"))) == 1
        assert radio_of(tmp_path)
    finally:
        supervisor.send_signal(how)
        code = supervisor.wait(10)
    assert eventually(lambda: not processes_with(str(tmp_path / "frozen")))
    if how == signal.SIGINT:
        assert code == 130
        assert not (tmp_path / "radio.json").exists()
    with pytest.raises(SimError):
        radio_of(tmp_path)
    asyncio.run(start_once(tmp_path))


async def start_once(directory):
    async with Simulator.open(directory) as sim:
        await sim.wait_console("busy")


async def test_stop_ends_everything(rig):
    sim = await rig.create(BUSY.decode())
    await sim.start()
    await sim.wait_console("busy")
    port = int(sim.transport.rsplit(":", 1)[1])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await sim.stop()
    assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()
    assert not processes_with(str(sim.directory / "frozen"))
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)
    await sim.stop()  # harmless


async def test_an_exception_in_the_block_stops_it_too(rig):
    sim = await rig.create(BUSY.decode())
    with pytest.raises(ZeroDivisionError):
        async with sim:
            1 / 0  # noqa: B018
    assert not processes_with(str(sim.directory / "frozen"))


async def test_cancelling_the_user_stops_it_too(rig):
    sim = await rig.create(SLEEPY.decode())
    task = asyncio.create_task(sim.serve())
    while not sim.powered or "busy" not in sim.console:
        await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not processes_with(str(sim.directory / "frozen"))


async def test_a_stranger_on_the_port_does_no_harm(rig):
    async with rig.device("import gatt\ngatt.start()\ngatt.forever()\n") as sim:
        await sim.wait_console("ready")
        port = int(sim.transport.rsplit(":", 1)[1])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.0\r\n\r\n")
        assert await asyncio.wait_for(reader.read(), 3) == b""
        writer.close()
        await writer.wait_closed()
        async with rig.client(sim) as client:
            await client.write_gatt_char(rig.characteristic(client), b"1", response=True)


async def test_start_is_quick(rig):
    """From power-on to the device's own code: a simulated reset must not be what a test waits for."""
    async with rig.device("print('up')\n") as sim:
        await sim.wait_console("up")
        loop = asyncio.get_running_loop()
        begun = loop.time()
        for _ in range(5):
            await sim.reset()
            await sim.wait_console("up")
        assert (loop.time() - begun) / 5 < 0.5
