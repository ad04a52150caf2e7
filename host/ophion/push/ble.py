"""smpclient's BLE transport, mended where a wait is cancelled, and able to tell when the device has gone."""

from __future__ import annotations

import asyncio

from bleak import BleakClient
from smpclient.transport import SMPTransportDisconnected
from smpclient.transport.ble import SMPBLETransport


class BleTransport(SMPBLETransport):
    """What smpclient does, with another way to wait.

    smpclient 7.3.0 waits for "notification or disconnect" in two helper tasks. When the wait itself is
    cancelled (a timeout, Ctrl-C) the helper still owns the condition's lock, and leaving `async with`
    raises RuntimeError("Lock is not acquired"), which hides the timeout or the cancellation. Here the
    caller waits itself, and a disconnect wakes it.
    """

    _waking: asyncio.Task[None] | None = None

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
