"""Clients on the virtual link: `smpclient` as it is, and Ophion's uploader over the same smpclient."""

from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass

from ophion.push.ble import write_size
from ophion.push.pipeline import Limits, Uploader
from ophion.push.responses import Responses
from smpclient import SMPClient
from smpclient.requests.os_management import MCUMgrParametersRead
from smpclient.transport import SMPTransport

from bench.link.clock import run
from bench.link.device import Device, Kind
from bench.link.radio import LinkOptions, Radio

ATT_VALUE = 512
"""Of a write, with the MTU of 515 that the device prefers."""
LIMIT_S = 600.0


class Transport(SMPTransport):
    """smpclient's transport over the virtual radio, in writes of `size` bytes at most."""

    def __init__(self, radio: Radio, size: int) -> None:
        self._radio = radio
        self._size = size
        self._responses = Responses()
        radio.on_host = self._responses.feed

    async def connect(self, address: str, timeout_s: float) -> None:
        """The connection stands."""

    async def disconnect(self) -> None:
        """It stays."""

    async def send(self, data: bytes) -> None:
        """Queue a request; the radio sends it as fast as it can."""
        for at in range(0, len(data), self._size):
            self._radio.to_device(data[at : at + self._size])

    async def send_and_receive(self, data: bytes) -> bytes:
        """Send a request and wait for its response."""
        return await self._responses.exchange(data, self.send)

    @property
    def mtu(self) -> int:
        """The most bytes of a write."""
        return self._size


@dataclass(frozen=True)
class Outcome:
    """An upload: virtual seconds of it, packets, requests that the device dropped, seconds that it worked."""

    seconds: float
    size: int
    packets: int
    dropped: int
    busy: float

    @property
    def rate(self) -> float:
        """Bytes of the image a second."""
        return self.size / self.seconds


async def smpclient(client: SMPClient, image: bytes) -> None:
    """What smpclient does by itself: one request after the other."""
    async for _ in client.upload(image):
        pass


async def ophion(client: SMPClient, image: bytes) -> None:
    """What `ophion push` does, the questions before it included."""
    answer = await client.request(MCUMgrParametersRead())
    limits = Limits.of(answer.buf_size, answer.buf_count, client._transport.mtu, ours=True)
    async with aclosing(Uploader(client, image, 0, limits).run()) as offsets:
        async for _ in offsets:
            pass


CLIENTS: dict[str, tuple[Callable, int]] = {
    "ophion": (ophion, write_size(ATT_VALUE)),
    "smpclient": (smpclient, ATT_VALUE),
}
"""name -> (upload, bytes of a write)."""


def upload(client: str, kind: Kind, image: bytes, options: LinkOptions, blank: bool = False) -> Outcome:
    """Upload `image` with a client to a device; raises ValueError when the device has something else then."""
    send, size = CLIENTS[client]

    async def main() -> tuple[float, Device, Radio]:
        device: Device
        radio = Radio(options, lambda: device.room())
        device = Device(kind, len(image), blank, radio.to_host)
        radio.on_device = device.arrive
        smp = SMPClient(Transport(radio, size), "virtual", LIMIT_S)
        await smp.connect()
        begun = radio.loop.time()
        await send(smp, image)
        took = radio.loop.time() - begun
        radio.close()
        return took, device, radio

    (took, device, radio), _ = run(main)
    if device.staged(len(image)) != image:
        raise ValueError(f"{client} to the device {kind.name}: another image arrived")
    return Outcome(took, len(image), radio.packets, device.inbox.dropped, device.busy)
