"""What the device sends by itself: notifications (a bounded queue) and indications (one at a time)."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from bumble import att
from bumble.device import Connection, Device

from ophion.sim.options import RadioOptions

# Status of INDICATE_DONE: NimBLE's BLE_HS_ENOTCONN and BLE_HS_ETIMEOUT (host/ble_hs.h), 0 for success.
_NOT_CONNECTED = 7
_TIMED_OUT = 13
_INDICATION_TIMEOUT_S = 30.0  # Core 5.x Vol 3 Part F 3.3.3


class Outgoing:
    """Sends for one active radio; `credit(cost)` is called when a notification's buffers are free."""

    def __init__(self, device: Device, options: RadioOptions, credit: Callable[[int], None]) -> None:
        self._device = device
        self._gap = options.notify_gap
        self._credit = credit
        self._paced: deque[tuple[int, int, bytes, int]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._sent: deque[tuple[int, int]] = deque()  # (queue position, cost)
        queue = device.host.le_acl_packet_queue
        assert queue is not None  # power_on has made it
        self._queue = queue
        queue.on("flow", self._on_flow)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._paced.clear()
        self._sent.clear()

    def notify(self, connection: int, value: int, data: bytes, cost: int) -> None:
        """Queue a notification; sent whether the client subscribed or not, cut to the MTU."""
        if not self._gap or connection not in self._device.connections:
            # Nothing waits for a link that is gone: the next one may have the same handle.
            self._send(connection, value, data, cost)
            return
        self._paced.append((connection, value, data, cost))
        if self._timer is None:
            self._on_timer()

    async def indicate(self, connection: int, value: int, data: bytes) -> int:
        """Send an indication and wait for its confirmation; returns NimBLE's status."""
        link = self._device.connections.get(connection)
        if link is None:
            return _NOT_CONNECTED
        server = self._device.gatt_server
        confirmed = asyncio.get_running_loop().create_future()
        ended = link.once(Connection.EVENT_DISCONNECTION, lambda _: confirmed.cancel())
        server.pending_confirmations[link] = confirmed
        pdu = att.ATT_Handle_Value_Indication(
            attribute_handle=value, attribute_value=data[: link.att_mtu - 3]
        )
        server.send_gatt_pdu(link, bytes(pdu))
        try:
            await asyncio.wait_for(confirmed, _INDICATION_TIMEOUT_S)
        except asyncio.TimeoutError:
            return _TIMED_OUT
        except asyncio.CancelledError:
            if connection in self._device.connections:
                raise  # we are being cancelled, not the indication
            return _NOT_CONNECTED
        finally:
            server.pending_confirmations.pop(link, None)
            if ended in link.listeners(Connection.EVENT_DISCONNECTION):
                link.remove_listener(Connection.EVENT_DISCONNECTION, ended)
        return 0

    def forget(self, connection: int) -> None:
        """The link is gone: what waited for it is free."""
        for entry in [e for e in self._paced if e[0] == connection]:
            self._paced.remove(entry)
            self._credit(entry[3])
        asyncio.get_running_loop().call_soon(self._on_flow)

    def _on_timer(self) -> None:
        self._timer = None
        if self._paced:
            self._send(*self._paced.popleft())
            self._timer = asyncio.get_running_loop().call_later(self._gap, self._on_timer)

    def _send(self, connection: int, value: int, data: bytes, cost: int) -> None:
        link = self._device.connections.get(connection)
        if link is None:
            self._credit(cost)
            return
        pdu = att.ATT_Handle_Value_Notification(
            attribute_handle=value, attribute_value=data[: link.att_mtu - 3]
        )
        self._device.gatt_server.send_gatt_pdu(link, bytes(pdu))
        self._sent.append((self._queue.queued, cost))

    def _on_flow(self) -> None:
        while self._sent and self._queue.completed >= self._sent[0][0]:
            self._credit(self._sent.popleft()[1])
