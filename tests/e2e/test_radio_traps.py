"""What goes wrong on a radio, one by one, against the bootloader's own BLE server (port/ble.py).

bootloader/DESIGN.md, "Radio", has the table of the traps.
"""

import asyncio
import contextlib
from contextlib import aclosing

import pytest
from bleak import BleakClient, BleakScanner
from bumble.device import Connection
from bumble.hci import Address
from ophion.push import Confirmed, Link, push
from ophion.sim import RadioOptions
from ophion.sim.bleak_bumble import backends, install
from ophion.sim.central import CentralRadio
from pushing import AS_IT_IS

NAME = "e2e-device"
CHARACTERISTIC = "da2e7828-fbce-4e01-ae9e-261174997c48"

# Nothing is lost, however slow the computer that runs the test: the clock of the radio is that computer's.
PATIENT = 30.0
# An application that serves updates and makes trouble meanwhile: `trouble` is a coroutine.
PROGRAM = """
import asyncio, time, utime
import bluetooth, ophion_app, ophion_sim
from ophion_boot import main as boot

def server():
    return ophion_app._service[0] if ophion_app._service else None

async def connected():
    while not (server() and server().connected()):
        await asyncio.sleep_ms(10)

TROUBLE

async def feed():
    while True:
        ophion_app.feed()
        await asyncio.sleep_ms(500)

async def main():
    asyncio.create_task(feed())
    asyncio.create_task(trouble())
    await ophion_app.serve()

print("e2e runs")
asyncio.run(main())
"""
STALLS = """
async def trouble():
    await connected()
    for _ in range(8):
        await asyncio.sleep_ms(50)
        utime.sleep_ms(150)
        print("stalled")
"""
SLOW_FLASH = """
flash = ophion_sim.flash()
ioctl, writeblocks = flash.ioctl, flash.writeblocks

def erase_slowly(op, arg):
    if op == 6:
        utime.sleep_ms(100)
    return ioctl(op, arg)

def write_slowly(n, buf, off=None):
    utime.sleep_ms(40)
    writeblocks(n, buf, off)

flash.ioctl, flash.writeblocks = erase_slowly, write_slowly

async def trouble():
    pass
"""
ADVERTISES_TOO = """
async def trouble():
    await connected()
    ble = bluetooth.BLE()
    ble.gap_advertise(30_000)
    print("advertises too")
    while BUSY and len(ble._connections) < 2:
        ophion_app.feed()
        time.sleep_ms(10)
    print("two at once" if BUSY else "goes on")
    while BUSY and len(ble._connections) > 1:
        ophion_app.feed()
        time.sleep_ms(10)
"""
SLOW_TO_ANSWER = """
async def trouble():
    await connected()
    session = server()._session
    handle = session.handle

    def slowly(*args):
        print("answering", server().connections)
        while server().connections < 2:
            ophion_app.feed()
            if server()._advertise:
                server()._start_advertising()
            time.sleep_ms(10)
        return handle(*args)

    session.handle = slowly
    print("slow")
"""
BUSY_STACK = """
ble = bluetooth.BLE()
real = ble.gatts_notify
codes = [11, 16, 12]

def busy(*args):
    if codes and server()._out_at:
        raise OSError(codes.pop())
    real(*args)

ble.gatts_notify = busy

async def trouble():
    pass
"""
FAILING_STACK = """
ble = bluetooth.BLE()
real = ble.gatts_read

async def trouble():
    while True:
        await connected()
        left = [3]

        def fails(handle):
            left[0] -= 1
            raise MemoryError("no memory for the value")

        ble.gatts_read = fails
        print("failing")
        while left[0] > 0:
            await asyncio.sleep_ms(10)
        ble.gatts_read = real
        print("works again")
        while server().connected():
            await asyncio.sleep_ms(10)
"""


def troubled(bench, trouble):
    return bench.image("1.0.0", PROGRAM.replace("TROUBLE", trouble)).image


async def pushed(image):
    seen = []
    async with aclosing(push(image, NAME, AS_IT_IS)) as events:
        async for event in events:
            seen.append(event)
    assert isinstance(seen[-1], Confirmed) and seen[-1].version == image.version_text
    return seen


async def test_writes_that_are_lost_cost_time_only(bench):
    """The host stack drops packets while nothing runs (ESP-IDF >= 5.5.1, ble_hci_rx_acl)."""
    radio = RadioOptions(acl_buffers=4, acl_patience=0.02)
    async with bench.device(troubled(bench, STALLS), radio=radio) as sim:
        await sim.wait_console("e2e runs")
        lost = asyncio.create_task(_most_dropped(sim))
        try:
            await pushed(bench.image("1.1.0", asset=150_000))
        finally:
            lost.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await lost
        assert any("stalled" in line for line in sim.console)
        assert sim.most_dropped > 0, "nothing was lost"


async def _most_dropped(sim):
    """The counter is the radio's, which is switched off at each reset."""
    sim.most_dropped = 0
    while True:
        sim.most_dropped = max(sim.most_dropped, sim.dropped_packets)
        await asyncio.sleep(0.01)


async def test_flash_that_takes_its_time_loses_nothing(bench):
    """While flash is erased or programmed nothing else runs on an ESP32: 45 ms for a sector, and more."""
    radio = RadioOptions(acl_patience=PATIENT)
    async with bench.device(troubled(bench, SLOW_FLASH), radio=radio) as sim:
        await sim.wait_console("e2e runs")
        events = await pushed(bench.image("1.1.0", asset=60_000))
        assert [event.kind for event in events].count("reconnecting") == 1, "after the reset"
        assert sim.dropped_packets == 0


def elsewhere(sim):
    """A radio of a central's own."""
    return sim.transport.replace("127.0.0.1", "localhost")


async def test_a_second_central_at_once_harms_nothing(bench):
    """An application that advertises, too, brings one: its bytes and its MTU are not the first one's."""
    async with bench.device(troubled(bench, ADVERTISES_TOO.replace("BUSY", "True"))) as sim:
        await sim.wait_console("e2e runs")
        restore = install(sim.transport, mtu=23)
        try:
            async with bench.raw() as link:
                await sim.wait_console("advertises too")
                found = await BleakScanner.find_device_by_address(
                    sim.address, timeout=10, backend=backends(elsewhere(sim))[1]
                )
                backend = backends(elsewhere(sim))[0]
                async with BleakClient(found, backend=backend) as other:
                    await sim.wait_console("two at once")
                    assert other.mtu_size == 515
                    half = bench.echo(9, "from the other")[:15]
                    await other.write_gatt_char(CHARACTERISTIC, half, response=False)
                    text = "z" * 100
                    request = bench.echo(1, text)
                    for at in range(0, len(request), 20):
                        await link.write(request[at : at + 20])
                assert await link.answer() == (1, {"r": text})
        finally:
            restore()


async def test_a_second_central_at_once_is_hung_up_on(bench):
    async with bench.device(troubled(bench, ADVERTISES_TOO.replace("BUSY", "False"))) as sim:
        await sim.wait_console("e2e runs")
        async with bench.raw() as link:
            await sim.wait_console("advertises too")
            radio = await CentralRadio.acquire(elsewhere(sim))
            try:
                connection = await radio.device.connect_le(Address(sim.address), timeout=10)
                ended = asyncio.get_running_loop().create_future()
                connection.on(Connection.EVENT_DISCONNECTION, ended.set_result)
                assert await asyncio.wait_for(ended, 10) == 0x13, "by the device"
            finally:
                await radio.release()
            await link.write(bench.echo(2, "still the first one's"))
            assert await link.answer() == (2, {"r": "still the first one's"})
        async with bench.raw() as link:
            await link.write(bench.echo(3, "and the next"))
            assert await link.answer() == (3, {"r": "and the next"})


async def test_a_handler_that_raises_goes_on(bench):
    """MicroPython switches a handler off that raises; a handler may find no memory for what was written."""
    async with bench.device(troubled(bench, FAILING_STACK)) as sim:
        await sim.wait_console("e2e runs")
        async with bench.raw() as link:
            await sim.wait_console("failing")
            for seq in range(3):
                await link.write(bench.echo(seq, "lost"))
            await sim.wait_console("works again")
            await link.write(bench.echo(7, "heard"))
            assert await link.answer() == (7, {"r": "heard"})
        assert not any("Unhandled exception" in line for line in sim.console)


async def test_a_notification_that_the_stack_refuses_for_now_is_sent_later(bench):
    """EAGAIN and EBUSY come from the stack, ENOMEM from its pool (extmod/nimble/modbluetooth_nimble.c)."""
    async with bench.device(troubled(bench, BUSY_STACK)) as sim:
        await sim.wait_console("e2e runs")
        async with bench.raw() as link:
            request = bench.echo(1, "n" * 1500)
            for at in range(0, len(request), 512):
                await link.write(request[at : at + 512])
            assert await link.answer() == (1, {"r": "n" * 1500})


async def test_what_one_central_asked_is_not_answered_to_the_next(bench):
    """Connection handles are used again: two requests are waiting when the next central comes."""
    async with bench.device(troubled(bench, SLOW_TO_ANSWER)) as sim:
        await sim.wait_console("e2e runs")
        async with bench.raw() as link:
            await sim.wait_console("slow")
            for seq in range(3):  # one buffer is left for the next central
                await link.write(bench.echo(seq, "of the first"))
            await sim.wait_console("answering 1")
        async with bench.raw() as link:
            await link.write(bench.echo(50, "of the second"))
            assert await link.answer() == (50, {"r": "of the second"})
        assert [line for line in sim.console if "answering" in line] == ["answering 1", "answering 2"]


@pytest.mark.parametrize("mtu", [23, 515])
async def test_a_central_may_leave_at_any_point(bench, mtu):
    """After it came, in a request, before, in and after an answer; the next one is served each time."""
    radio = RadioOptions(notify_gap=0.02, acl_patience=PATIENT)
    async with bench.device(bench.image("1.0.0").image, radio=radio) as sim:
        await sim.wait_console("e2e 1.0.0")
        restore = install(sim.transport, mtu=mtu)
        try:
            step = mtu - 3
            request = bench.echo(1, "x" * 1400)
            pieces = [request[at : at + step] for at in range(0, len(request), step)]
            for count, pause in ((0, 0), (1, 0), (len(pieces) - 1, 0), (len(pieces), 0), (len(pieces), 0.1)):
                async with bench.raw() as link:
                    for piece in pieces[:count]:
                        await link.write(piece)
                    await asyncio.sleep(pause)
                async with bench.raw() as link:
                    text = f"after {count} of {len(pieces)} pieces"
                    for at in range(0, 100, step):
                        await link.write(bench.echo(2, text)[at : at + step])
                    assert await link.answer(20) == (2, {"r": text})
        finally:
            restore()
        assert len(sim.resets) == 1


async def test_the_mtu_of_one_central_is_not_the_next_ones(bench):
    async with bench.device(bench.image("1.0.0").image) as sim:
        await sim.wait_console("e2e 1.0.0")
        async with Link(NAME) as link:
            assert link.mtu == 515 and await link.echo("a" * 1000) == "a" * 1000
        restore = install(sim.transport, mtu=23)
        try:
            async with Link(NAME) as link:
                assert link.mtu == 23 and await link.echo("b" * 1000) == "b" * 1000
        finally:
            restore()


async def test_several_requests_at_once_are_answered_in_their_order(bench):
    """As many as there are buffers; one more is dropped, and does no harm."""
    async with bench.device(bench.image("1.0.0").image) as sim:
        await sim.wait_console("e2e 1.0.0")
        async with bench.raw() as link:
            for seq in range(4):
                await link.write(bench.echo(seq, f"request {seq}"))
            assert [await link.answer() for _ in range(4)] == [
                (seq, {"r": f"request {seq}"}) for seq in range(4)
            ]


async def test_fragments_that_are_no_request_are_dropped(bench):
    """Too short for a header, longer than announced, larger than the buffer, another op."""
    async with bench.device(bench.image("1.0.0").image) as sim:
        await sim.wait_console("e2e 1.0.0")
        large = b"\x0a\0\x27\x10\0\0\1\0"
        async with bench.raw() as link:
            for bad in (b"\x0a\0\0", bench.echo(1, "too long") + b"xyz", large + bytes(400), bytes(8)):
                await link.write(bad)
        async with bench.raw() as link:
            await link.write(bench.echo(3, "still here"))
            assert await link.answer() == (3, {"r": "still here"})
        assert len(sim.resets) == 1
