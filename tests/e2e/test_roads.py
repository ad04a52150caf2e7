"""Updates over UDP and over a UART, by an unmodified smpclient and by our own push."""

import asyncio
import contextlib
import os
import random
import time

import pytest
from ophion.build.boards import board_layout
from ophion.cli.app import run as ophion
from ophion.errors import DeviceNotFound, UsageError
from ophion.push import Confirmed, Link, PushOptions, push
from ophion.push.wire import host_and_port
from smpclient import SMPClient
from smpclient.generics import success
from smpclient.requests.image_management import ImageStatesRead, ImageStatesWrite
from smpclient.requests.os_management import EchoWrite, MCUMgrParametersRead, ResetWrite
from smpclient.requests.statistics_management import GroupData
from smpclient.transport.serial import SMPSerialRawTransport, SMPSerialTransport
from smpclient.transport.udp import SMPUDPTransport

NAME = "e2e-device"
# smpclient's port cannot be chosen, so each test has an address of its own in the loopback network.
HOST = f"127.{os.getpid() >> 8 & 127}.{os.getpid() & 255}.{random.randrange(2, 250)}"
PORT = 1337
PLAIN = """import ophion_app
ophion_app.poll()
print("up", ophion_app.version())
while True:
    ophion_app.poll(50)
    ophion_app.feed()
    if ophion_app.reachable():
        ophion_app.confirm()
"""


async def ask(client, request):
    response = await client.request(request, timeout_s=20)
    assert success(response), response
    return response


@contextlib.asynccontextmanager
async def connected(make, address):
    """A client of a device that answers; one that boots does not, and loses what is sent."""
    deadline = time.monotonic() + 40
    while True:
        client = SMPClient(make(), address, 5)
        await client.connect()
        try:
            await client.request(EchoWrite(d="up?"), timeout_s=2)
            break
        except TimeoutError:
            await client.disconnect()
            assert time.monotonic() < deadline, "the device does not answer"
    try:
        yield client
    finally:
        await client.disconnect()


async def update(make, address, image, buf_size):
    """Upload, test, reset, confirm, with nothing but smpclient."""
    async with connected(make, address) as client:
        params = await ask(client, MCUMgrParametersRead())
        assert params.buf_size == buf_size
        async for _ in client.upload(image.image, first_timeout_s=40, subsequent_timeout_s=20):
            pass
        images = (await ask(client, ImageStatesWrite(hash=image.hash, confirm=False))).images
        assert [state.pending for state in images if state.hash == image.hash] == [True]
        await ask(client, ResetWrite())
    deadline = time.monotonic() + 40
    while True:
        async with connected(make, address) as client:
            images = (await ask(client, ImageStatesRead())).images
            active = [state for state in images if state.active]
            if active and active[0].hash == image.hash:
                assert (await ask(client, ImageStatesWrite(confirm=True))).images[0].confirmed
                return
        assert time.monotonic() < deadline, "the new image does not run"
        await asyncio.sleep(0.3)


async def test_smpclient_over_udp(bench):
    old, new = bench.image("1.0.0", PLAIN), bench.image("1.1.0", PLAIN, asset=20000)
    async with bench.device(old.image, udp=f"{HOST}:{PORT}") as sim:
        await sim.wait_console("up 1.0.0")
        await update(SMPUDPTransport, HOST, new, 1472)
        await sim.wait_console("up 1.1.0")


@pytest.mark.parametrize(
    ("framing", "make"), [("raw", SMPSerialRawTransport), ("console", SMPSerialTransport)]
)
async def test_smpclient_over_a_uart(bench, framing, make):
    old, new = bench.image("1.0.0", PLAIN), bench.image("1.1.0", PLAIN, asset=20000)
    async with bench.device(old.image, serial=framing) as sim:
        await sim.wait_console("up 1.0.0")
        await update(make, sim.port, new, 2475)
        await sim.wait_console("up 1.1.0")


async def test_recovery_serves_all_roads_at_once(bench):
    async with bench.device(None, board_layout("sim"), udp=f"{HOST}:{PORT}", serial="raw") as sim:
        await sim.wait_console("recovery, advertising")
        async with (
            Link(NAME) as ble,
            Link(f"udp:{HOST}:{PORT}") as udp,
            Link(f"raw:{sim.port}") as serial,
        ):
            links = {"ble": ble, "udp": udp, "serial": serial}
            answers = await asyncio.gather(*(link.echo(name * 20) for name, link in links.items()))
            assert answers == [name * 20 for name in links]
            counts = (await udp.counters())["link"]
            assert counts["connections"] >= 3 and counts["requests"] >= 7
        async for event in push(bench.image("1.0.0"), f"udp:{HOST}:{PORT}"):
            last = event
        assert isinstance(last, Confirmed)


@pytest.mark.parametrize("road", ["udp", "raw", "serial"])
async def test_push_over_each_road(bench, road):
    old, new = bench.image("1.0.0", PLAIN), bench.image("1.1.0", PLAIN, asset=9000)
    options = {"udp": {"udp": f"{HOST}:{PORT}"}, "raw": {"serial": "raw"}, "serial": {"serial": "console"}}
    async with bench.device(old.image, **options[road]) as sim:
        await sim.wait_console("up 1.0.0")
        device = f"udp:{HOST}:{PORT}" if road == "udp" else f"{road}:{sim.directory / 'uart'}"
        events = [event async for event in push(new, device, PushOptions(connect_s=5, compress=False))]
        assert isinstance(events[-1], Confirmed) and events[-1].version == "1.1.0"
        async with Link(device) as link:
            assert [entry.event for entry in await link.log()] == ["installed", "confirmed"]
            answer = await link._request(GroupData(name="link"), "a counter")
            assert answer.fields["dropped"] == 0


@pytest.mark.parametrize("road", ["udp", "raw", "serial"])
async def test_a_delta_over_each_road(bench, road):
    """A patch of one chunk makes some forty sectors: the answer comes after the last, and nothing is lost."""
    old, new = bench.image("1.0.0", PLAIN, asset=150_000), bench.image("1.1.0", PLAIN, asset=151_000)
    options = {"udp": {"udp": f"{HOST}:{PORT}"}, "raw": {"serial": "raw"}, "serial": {"serial": "console"}}
    async with bench.device(old.image, **options[road]) as sim:
        await sim.wait_console("up 1.0.0")
        device = f"udp:{HOST}:{PORT}" if road == "udp" else f"{road}:{sim.directory / 'uart'}"
        events = [event async for event in push(new, device, PushOptions(connect_s=5, bases=[old]))]
        assert isinstance(events[-1], Confirmed) and events[-1].version == "1.1.0"
        async with Link(device) as link:
            assert [entry.event for entry in await link.log()] == ["patched", "installed", "confirmed"]


async def test_a_lost_datagram_only_costs_time(bench):
    """The road between loses every seventh packet, both ways: the upload goes on where it was."""
    old, new = bench.image("1.0.0", PLAIN), bench.image("1.1.0", PLAIN, asset=30000)
    async with bench.device(old.image, udp=f"{HOST}:{PORT}") as sim:
        await sim.wait_console("up 1.0.0")
        loop = asyncio.get_running_loop()
        relay, protocol = await loop.create_datagram_endpoint(
            lambda: Lossy((HOST, PORT)), local_addr=(HOST, 0)
        )
        try:
            where = relay.get_extra_info("sockname")
            options = PushOptions(connect_s=5, retries=20, compress=False)
            events = [event async for event in push(new, f"udp:{where[0]}:{where[1]}", options)]
        finally:
            relay.close()
            protocol.close()
        assert isinstance(events[-1], Confirmed)
        assert protocol.lost >= 2, "nothing was lost"


class Lossy(asyncio.DatagramProtocol):
    """Passes datagrams on to `target` and its answers back, but for each seventh."""

    def __init__(self, target):
        self._target = target
        self._count = 0
        self.lost = 0
        self._peers = {}

    def connection_made(self, transport):
        self._transport = transport

    def _drop(self):
        self._count += 1
        self.lost += self._count % 7 == 0
        return self._count % 7 == 0

    def datagram_received(self, data, peer):
        if not self._drop():
            asyncio.get_running_loop().create_task(self._pass_on(data, peer))

    async def _pass_on(self, data, peer):
        if peer not in self._peers:
            loop = asyncio.get_running_loop()
            back = Back(lambda answer: self._drop() or self._transport.sendto(answer, peer))
            transport, _ = await loop.create_datagram_endpoint(lambda: back, remote_addr=self._target)
            self._peers[peer] = transport
        self._peers[peer].sendto(data)

    def close(self):
        for transport in self._peers.values():
            transport.close()


class Back(asyncio.DatagramProtocol):
    def __init__(self, send):
        self._send = send

    def datagram_received(self, data, peer):
        self._send(data)


async def test_datagrams_that_are_no_requests_are_not_answered(bench):
    async with bench.device(bench.image("1.0.0", PLAIN).image, udp=f"{HOST}:{PORT}") as sim:
        await sim.wait_console("up 1.0.0")
        heard = asyncio.Queue()
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(
            lambda: Back(heard.put_nowait), remote_addr=(HOST, PORT)
        )
        try:
            for data in (
                b"",
                b"x",
                b"\x0a\0\0",
                bytes(1473),
                bytes(8),
                b"\x0a\0\0\x05\0\0\1\0\xa0",
                os.urandom(900),
            ):
                transport.sendto(data)
            transport.sendto(EchoWrite(d="still here", sequence=77).BYTES)
            answer = await asyncio.wait_for(heard.get(), 20)
            while answer[6] != 77:  # eight zeros are a request: to read an echo
                answer = await asyncio.wait_for(heard.get(), 20)
            assert b"still here" in answer
        finally:
            transport.close()
        async with Link(f"udp:{HOST}:{PORT}") as link:
            assert (await link.counters())["link"]["dropped"] >= 1
        assert len(sim.resets) == 1


async def test_nobody_is_there(bench):
    with pytest.raises(DeviceNotFound, match="nothing answers at udp:127"):
        async with Link(f"udp:{HOST}:9", 2):
            pass


def test_addresses():
    assert host_and_port("192.168.1.2:99") == ("192.168.1.2", 99)
    assert host_and_port("device.local") == ("device.local", 1337)
    assert host_and_port("[fe80::1]:7") == ("fe80::1", 7) and host_and_port("[fe80::1]") == ("fe80::1", 1337)
    for text in ("", ":1", "host:", "host:x", "host:0", "host:65536"):
        with pytest.raises(UsageError):
            host_and_port(text)


async def test_the_command_line_takes_every_road(bench, capsys):
    path = bench.directory / "1.0.0.bin"
    bench.image("1.0.0")
    roads = "--ble, --udp, --serial, --serial-raw or --sim"
    for words, text in (
        (["push", str(path)], roads),
        (["device", "info"], roads),
        (["device", "info", "--udp", "b:1", "--serial", "x"], "leave one of them: udp:b:1, serial:x"),
    ):
        code = await asyncio.to_thread(ophion, words)
        assert code == 2 and text in capsys.readouterr().err
    old, new = bench.image("1.0.1", PLAIN), bench.image("1.1.0", PLAIN)
    async with bench.device(old.image, udp=f"{HOST}:{PORT}", serial="raw") as sim:
        await sim.wait_console("up 1.0.1")
        file = str(bench.directory / "1.1.0.bin")
        code = await asyncio.to_thread(ophion, ["push", file, "--udp", f"{HOST}:{PORT}"])
        assert code == 0 and "version 1.1.0 is confirmed" in capsys.readouterr().out
        code = await asyncio.to_thread(ophion, ["device", "images", "--device", f"raw:{sim.port}"])
        said = capsys.readouterr()
        assert code == 0 and "1.1.0" in said.out, said.err
    assert new.version_text == "1.1.0"
