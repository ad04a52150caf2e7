"""smpclient's BLE transport, mended where a wait is cancelled, and able to tell when the device has gone."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from bleak import BleakClient
from bleak.exc import BleakError, BleakGATTProtocolError
from smpclient.transport import SMP_CHARACTERISTIC_UUID, SMPTransportDisconnected
from smpclient.transport.ble import SMPBLETransport

from ophion.errors import RefusedError, UsageError
from ophion.push.access import Access

_INSUFFICIENT = (0x05, 0x0F)  # authentication, encryption (Core specification, Vol 3 Part F, 3.4.1.1)


class BleTransport(SMPBLETransport):
    """What smpclient does, with another way to wait.

    smpclient 7.3.0 waits for "notification or disconnect" in two helper tasks. When the wait itself is
    cancelled (a timeout, Ctrl-C) the helper still owns the condition's lock, and leaving `async with`
    raises RuntimeError("Lock is not acquired"), which hides the timeout or the cancellation. Here the
    caller waits itself, and a disconnect wakes it.
    """

    _waking: asyncio.Task[None] | None = None

    def __init__(self, access: Access | None = None) -> None:
        """`access` says whether to pair."""
        super().__init__()
        self._access = access or Access()
        self.initialized = False

    async def connect(self, address: str, timeout_s: float) -> None:
        """Connect, and pair before anything is asked. Raises RefusedError, UsageError, and as smpclient."""
        await super().connect(address, timeout_s)
        if not self._access.pair:
            return
        try:
            await self._pair()
        except BaseException:
            with suppress(BleakError):
                await self.disconnect()
            raise

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

    async def wait_disconnected(self, timeout_s: float) -> bool:
        """Wait for the device to end the connection; False when it did not within `timeout_s`."""
        try:
            await asyncio.wait_for(self._disconnected_event.wait(), timeout_s)
        except asyncio.TimeoutError:
            return False
        return True

    async def settle(self) -> None:
        """Let what a disconnect started come to its end."""
        if self._waking is not None:
            await self._waking

    def _set_disconnected_event(self, client: BleakClient) -> None:
        super()._set_disconnected_event(client)
        self._waking = asyncio.get_running_loop().create_task(self._wake())

    async def _wake(self) -> None:
        async with self._notify_condition:
            self._notify_condition.notify_all()

    async def _notify_or_disconnect(self) -> None:
        """Return when bytes have come; the caller holds the condition. Raises SMPTransportDisconnected."""
        received = len(self._buffer)
        if not self._disconnected_event.is_set():
            await self._notify_condition.wait()
        if self._disconnected_event.is_set() and len(self._buffer) == received:
            raise SMPTransportDisconnected(f"disconnected from {self._client.address}")
