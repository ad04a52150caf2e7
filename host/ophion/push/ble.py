"""smpclient's BLE transport with several requests at once, writes that fill radio packets, and a clear end.

smpclient 7.3.0 keeps one response at a time and waits for it in helper tasks; when such a wait is cancelled
(a timeout, Ctrl-C) a helper still owns a lock, and RuntimeError hides what happened. Here each request waits
for its own response.
"""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any
from weakref import WeakKeyDictionary

from bleak import BleakClient
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.exc import BleakError, BleakGATTProtocolError
from smpclient.transport import SMP_CHARACTERISTIC_UUID, SMPTransportDisconnected
from smpclient.transport.ble import SMPBLETransport

from ophion.errors import RefusedError, UsageError
from ophion.push.access import Access
from ophion.push.responses import Responses

_INSUFFICIENT = (0x05, 0x0F)  # authentication, encryption (Core specification, Vol 3 Part F, 3.4.1.1)
_LL_PAYLOAD = 251  # of a packet with data length extension (Core 5.x, Vol 6 Part B, 4.5.10)
_OVERHEAD = 7  # L2CAP and ATT headers of a write
_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()


def write_size(largest: int) -> int:
    """How long writes should be when `largest` bytes are possible: whole radio packets."""
    packets = (largest + _OVERHEAD) // _LL_PAYLOAD
    return packets * _LL_PAYLOAD - _OVERHEAD if packets else largest


class BleTransport(SMPBLETransport):
    """What smpclient does, for more than one request at once."""

    at_once = 255
    """How many requests may be on their way: their sequence numbers are of one byte."""

    def __init__(self, access: Access | None = None) -> None:
        """`access` says whether to pair."""
        super().__init__()
        self._responses = Responses()
        self._access = access or Access()
        self.initialized = False

    async def connect(self, address: str, timeout_s: float) -> None:
        """Connect, and pair before anything is asked. Raises RefusedError, UsageError, and as smpclient."""
        async with self._turn():
            await super().connect(address, timeout_s)
        if not self._access.pair:
            return
        try:
            await self._pair()
        except BaseException:
            with suppress(BleakError):
                await self.disconnect()
            raise

    def _turn(self) -> AbstractAsyncContextManager[Any]:
        """On a radio one connection after the other is made: BlueZ neither scans nor connects twice."""
        return _turns.setdefault(asyncio.get_running_loop(), asyncio.Lock())

    def initialize(self, smp_server_transport_buffer_size: int) -> None:
        """The device has told its buffer size: it answers."""
        self.initialized = True
        super().initialize(smp_server_transport_buffer_size)

    async def wants_pairing(self) -> bool:
        """Whether the device refuses to be written to because the link is not protected.

        A write without response is refused without a word, so this one asks for a response; it is empty, and
        a device that takes it ignores it.
        """
        try:
            await self._client.write_gatt_char(SMP_CHARACTERISTIC_UUID, b"", response=True)
        except BleakGATTProtocolError as error:
            return int(error.code) in _INSUFFICIENT
        except BleakError:
            return False
        return False

    async def _pair(self) -> None:
        passkey = self._access.passkey
        if passkey is not None and not getattr(self._client._backend, "takes_passkey", False):
            raise UsageError(
                "a passkey cannot be given here: the operating system asks for it", "leave --passkey out"
            )
        try:
            await (self._client.pair(passkey=passkey) if passkey else self._client.pair())
        except BleakError as error:
            raise RefusedError(
                f"pairing failed: {error}",
                "check the passkey; after three wrong ones the device refuses all for up to a minute",
            ) from None

    @property
    def found(self) -> bool:
        """True once a device of the wanted name or address was seen; the rest was connecting to it."""
        return hasattr(self, "_client")

    @property
    def att_mtu(self) -> int:
        """ATT MTU of the connection in bytes; a write takes 3 less, and never more than 512."""
        return self._client.mtu_size

    @property
    def mtu(self) -> int:
        """Bytes of a request that travel in one write."""
        return write_size(self._max_write_without_response_size)

    async def wait_disconnected(self, timeout_s: float) -> bool:
        """Wait for the device to end the connection; False when it did not within `timeout_s`."""
        try:
            await asyncio.wait_for(self._disconnected_event.wait(), timeout_s)
        except asyncio.TimeoutError:
            return False
        return True

    async def send_and_receive(self, data: bytes) -> bytes:
        """Send a request and wait for its response, while others do the same."""
        if self._disconnected_event.is_set():
            raise self._gone()
        return await self._responses.exchange(data, self.send)

    async def receive(self) -> bytes:
        """Not here: a response belongs to a request, see `send_and_receive`."""
        raise NotImplementedError("responses come from send_and_receive")

    async def _notify_callback(self, sender: BleakGATTCharacteristic, data: bytes) -> None:
        self._responses.feed(data)

    def _set_disconnected_event(self, client: BleakClient) -> None:
        super()._set_disconnected_event(client)
        self._responses.fail(self._gone())

    def _gone(self) -> SMPTransportDisconnected:
        return SMPTransportDisconnected(f"disconnected from {self._client.address}")
