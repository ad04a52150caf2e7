"""Unmodified programs of the field over the simulated radio: smpclient on bleak."""

import asyncio
import sys
import time
from pathlib import Path

import pytest
from bleak.exc import BleakError
from ophion.sim import RadioOptions, bleak_bumble
from smpclient import SMPClient
from smpclient.generics import success
from smpclient.requests.os_management import EchoWrite
from smpclient.transport import SMPTransportDisconnected
from smpclient.transport.ble import SMPBLETransport, SMPBLETransportDeviceNotFound

SERVER = "smp_echo.py"


@pytest.fixture
def on_radio():
    """bleak as the program under test finds it, pointed at a simulated device's radio."""
    undo = []

    def use(sim):
        undo.append(bleak_bumble.install(sim.transport))

    yield use
    for function in reversed(undo):
        function()


async def test_smpclient_connects_and_echoes(rig, on_radio):
    async with rig.device(rig.program(SERVER)) as sim:
        await sim.wait_console("serving")
        on_radio(sim)
        transport = SMPBLETransport()
        async with SMPClient(transport, "smp-echo", 5) as client:
            assert transport.mtu == 509
            for size in (1, 100, 400, 500, 2000):
                text = "e" * size
                answer = await client.request(EchoWrite(d=text))
                assert success(answer)
                assert answer.r == text
            begun = time.perf_counter()
            for _ in range(50):
                await client.request(EchoWrite(d="e" * 400))
            assert (time.perf_counter() - begun) / 50 < 0.025  # a few ms; the limit is for slow machines
        await sim.wait_console("disconnected")


async def test_it_is_found_by_address_and_scan(rig, on_radio):
    async with rig.device(rig.program(SERVER)) as sim:
        await sim.wait_console("serving")
        on_radio(sim)
        devices = await SMPBLETransport.scan(timeout=1)
        assert [d.name for d in devices] == ["smp-echo"]
        async with SMPClient(SMPBLETransport(), sim.address, 5) as client:
            assert success(await client.request(EchoWrite(d="by address")))


async def test_a_device_that_is_not_there(rig, on_radio):
    async with rig.device(rig.program(SERVER)) as sim:
        on_radio(sim)
        with pytest.raises((SMPBLETransportDeviceNotFound, asyncio.TimeoutError)):  # both have 0.5 s
            await SMPBLETransport().connect("nobody", 0.5)


async def test_a_power_cut_is_noticed_while_waiting_and_after(rig, on_radio):
    """The link dies by supervision timeout (0x08), as when a chip vanishes; then it comes back."""
    async with rig.device(rig.program(SERVER)) as sim:
        await sim.wait_console("serving")
        on_radio(sim)
        transport = SMPBLETransport()
        async with SMPClient(transport, "smp-echo", 5) as client:
            await client.request(EchoWrite(d="alive"))
            await sim.power_cut()
            begun = time.perf_counter()
            with pytest.raises(SMPTransportDisconnected):
                await client.request(EchoWrite(d="dead"))
            assert 0.1 < time.perf_counter() - begun < 2
            with pytest.raises(BleakError):
                await client.request(EchoWrite(d="still dead"))
        await sim.power_on()
        await sim.wait_console("serving")
        async with SMPClient(SMPBLETransport(), "smp-echo", 5) as client:
            assert success(await client.request(EchoWrite(d="back")))


async def test_a_soft_reset_says_goodbye(rig, on_radio):
    """BLE is deinitialised in a soft reset (ports/esp32/main.c), so the link is ended, not lost."""
    async with rig.device(rig.program(SERVER)) as sim:
        await sim.wait_console("serving")
        on_radio(sim)
        async with SMPClient(SMPBLETransport(), "smp-echo", 5) as client:
            begun = time.perf_counter()
            await sim.reset("soft")
            with pytest.raises((SMPTransportDisconnected, BleakError)):
                await client.request(EchoWrite(d="gone"))
            assert time.perf_counter() - begun < 1


async def test_a_program_that_knows_nothing_of_it(rig, tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        "import asyncio, sys\n"
        "from smpclient import SMPClient\n"
        "from smpclient.requests.os_management import EchoWrite\n"
        "from smpclient.transport.ble import SMPBLETransport\n"
        "async def main():\n"
        "    async with SMPClient(SMPBLETransport(), sys.argv[1], 5) as client:\n"
        "        print('answer', (await client.request(EchoWrite(d='unmodified'))).r)\n"
        "asyncio.run(main())\n"
    )
    async with rig.device(rig.program(SERVER)) as sim:
        await sim.wait_console("serving")
        for where in (sim.transport, str(sim.directory)):
            code, text = await run_on_radio(where, str(program), "smp-echo")
            assert code == 0, text
            assert "answer unmodified" in text
        code, text = await run_on_radio(str(tmp_path), str(program))
        assert code == 1
        assert text.startswith("error: no simulated device runs in")


async def run_on_radio(*arguments):
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-W",
        "error",
        "-m",
        "ophion.sim.bleak_bumble",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    text, _ = await asyncio.wait_for(process.communicate(), 20)
    return process.returncode, text.decode()


async def test_two_devices_and_two_centrals_at_once(rig):
    """Two radios do not hear each other; two centrals of one radio do not disturb each other."""
    async with (
        rig.device(rig.program(SERVER)) as one,
        rig.device("import gatt\ngatt.start()\ngatt.forever()\n") as two,
    ):
        await asyncio.gather(one.wait_console("serving"), two.wait_console("ready"))
        assert await rig.find(one) is not None
        assert await rig.find(two) is not None
        async with rig.client(one) as first, rig.client(two) as second:
            assert first.address != second.address
            await second.write_gatt_char(rig.characteristic(second), b"1", response=True)
            await two.wait_console("WRITE 0")
    main = """
import gatt
def irq(event, data):
    if event == 1:
        gatt.advertise()
    if event == 3:
        print("from", data[0], gatt.ble.gatts_read(data[1]))
gatt.start(irq)
gatt.forever()
"""
    async with rig.device(main) as sim:
        await sim.wait_console("ready")
        async with rig.client(sim) as first, rig.client(sim, central="localhost") as second:
            await second.write_gatt_char(rig.characteristic(second), b"second", response=True)
            await first.write_gatt_char(rig.characteristic(first), b"first", response=True)
            await sim.wait_console("from 1 b'second'")
            await sim.wait_console("from 0 b'first'")


async def test_a_central_that_vanishes_is_missed(rig):
    """A central without a goodbye (its process killed): the device sees the link end by time-out."""
    async with rig.device("import gatt\ngatt.start()\ngatt.forever()\n") as sim:
        await sim.wait_console("ready")
        program = Path(sim.directory, "central.py")
        program.write_text(
            "import asyncio, os, sys\n"
            "from bleak import BleakClient\n"
            "async def main():\n"
            "    async with BleakClient(sys.argv[1], timeout=5):\n"
            "        os._exit(7)\n"
            "asyncio.run(main())\n"
        )
        code, text = await run_on_radio(sim.transport, str(program), sim.address)
        assert code == 7, text
        await sim.wait_console("CONNECT 0")
        await sim.wait_console("DISCONNECT 0")


async def test_one_link_to_a_device(rig):
    """A central has one link to a peripheral (Core Vol 6 Part B 4.5): a second client is told so."""
    async with rig.device(
        "import gatt\ngatt.start(lambda e, d: gatt.advertise() if e == 1 else None)\ngatt.forever()\n"
    ) as sim:
        await sim.wait_console("ready")
        async with rig.client(sim):
            with pytest.raises(BleakError, match="is connected already"):
                async with rig.client(sim):
                    pass


async def test_a_soft_reset_in_the_middle_of_a_flood_is_quick(rig):
    """Unanswered writes must not hold up the goodbye."""
    stuck = """
import gatt, utime
def irq(event, data):
    if event == 3:
        print("stuck")
        utime.sleep_ms(20_000)
gatt.start(irq)
gatt.forever()
"""
    async with rig.device(stuck) as sim:
        await sim.wait_console("ready")
        async with rig.client(sim) as client:
            for _ in range(60):
                await client.write_gatt_char(rig.characteristic(client), b"f", response=False)
            await sim.wait_console("stuck")
            begun = time.perf_counter()
            await sim.reset("soft")
            await sim.wait_console("ready")
            assert time.perf_counter() - begun < 1.5


async def test_latency_of_the_link(rig):
    main = "import gatt\ngatt.start(None)\ngatt.forever()\n"
    async with rig.device(main, radio=RadioOptions(latency=0.05)) as sim:
        await sim.wait_console("ready")
        async with rig.client(sim) as client:
            begun = time.perf_counter()
            await client.write_gatt_char(rig.characteristic(client), b"1", response=True)
            assert time.perf_counter() - begun >= 0.1
