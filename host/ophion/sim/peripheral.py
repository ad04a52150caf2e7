"""The device's side of the radio: a Bumble host and GATT server, driven by the device's `bluetooth`.

The attribute values are in the device's heap (sim/device/bluetooth.py): every read and write of a
client is a message to the device and waits for its answer, as NimBLE's access callback waits for
the Python handler on an ESP32.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import logging
import struct
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from bumble import att, hci
from bumble.core import BaseBumbleError
from bumble.device import AdvertisingType, Connection, Device, DeviceConfiguration
from bumble.host import Host

from ophion.sim.device import ophion_messages as m
from ophion.sim.ether import Ether, RadioController
from ophion.sim.gate import AclGate, buffers_for
from ophion.sim.hosts import before_transport_loss
from ophion.sim.options import RadioOptions
from ophion.sim.outgoing import Outgoing
from ophion.sim.security import Security
from ophion.sim.services import Attribute, install_services, set_device_name
from ophion.sim.state import Board

_ATT_OVERHEAD = 7  # L2CAP header and ATT opcode and handle
_UNLIKELY = int(att.ErrorCode.UNLIKELY_ERROR)
_GOODBYE = hci.HCI_ErrorCode.REMOTE_USER_TERMINATED_CONNECTION_ERROR
Send = Callable[[int, bytes], None]
_log = logging.getLogger(__name__)


class _Stack:
    """What exists between active(True) and active(False): controller, host, GATT server."""

    def __init__(self, ether: Ether, board: Board, options: RadioOptions, name: str) -> None:
        self.occupied = 0
        self.controller = RadioController("device", link=ether)
        self.host = Host(controller_sink=self.controller)
        self.gate = AclGate(self.host, options, lambda: self.occupied)
        self.controller.set_packet_sink(self.gate)
        config = DeviceConfiguration(name=name, address=hci.Address(board.address))
        self.device = Device(config=config, host=self.host)
        self.attributes: dict[int, Attribute] = {}
        self.advertising_data = b""
        self.scan_response = b""


class Peripheral:
    """Takes the BLE messages of one process of the device; `shut_down` when that process ends."""

    def __init__(self, ether: Ether, board: Board, options: RadioOptions, send: Send) -> None:
        self._ether = ether
        self._board = board
        self._options = options
        self._send = send
        self._stack: _Stack | None = None
        self._outgoing: Outgoing | None = None
        self._security: Security | None = None
        self._waiting: dict[int, asyncio.Future[tuple[int, bytes]]] = {}
        self._sequence = 0
        self._ended = False
        self._held: dict[int, bytes] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._mtu = 256
        self._name = b""
        self._requests: dict[int, Callable[[bytes], Awaitable[bytes]]] = {
            m.BLE_ACTIVE: self._activate,
            m.BLE_SERVICES: self._register,
            m.BLE_ADVERTISE: self._advertise,
            m.BLE_STOP: self._stop_advertising,
        }
        self._notes: dict[int, Callable[[bytes], None]] = {
            m.BLE_MTU: self._set_mtu,
            m.BLE_NAME: self._set_name,
            m.BLE_NOTIFY: self._notify,
            m.BLE_INDICATE: self._indicate,
            m.BLE_UPDATE: self._update,
            m.BLE_DISCONNECT: self._disconnect,
            m.BLE_SECURITY: self._set_security,
            m.BLE_PAIR: self._pair,
            m.BLE_PASSKEY: self._give_passkey,
            m.WRITE_DONE: self._on_write_done,
            m.READ_DONE: self._on_read_done,
            m.SECRET_DONE: self._on_read_done,
        }

    @property
    def dropped(self) -> int:
        """ACL packets lost for want of buffers since active(True)."""
        return self._stack.gate.dropped if self._stack else 0

    def handle(self, kind: int, payload: bytes) -> None:
        """One message of the device that is the radio's business."""
        request = self._requests.get(kind)
        if request is not None:
            self._spawn(self._answer(request, payload))
        elif kind in self._notes and (self._stack or kind in (m.BLE_MTU, m.BLE_NAME)):
            self._notes[kind](payload)

    async def shut_down(self, *, politely: bool) -> None:
        """End with the process: politely as a soft reset does, or vanish as a chip does."""
        self._ended = True
        self._drop_waiting()
        if politely:
            await self._say_goodbye()
        stack, self._stack = self._stack, None
        tasks, self._tasks = self._tasks, set()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if stack is not None:
            self._close(stack)
            before_transport_loss(stack.host)
            stack.host.on_transport_lost()  # type: ignore[no-untyped-call]

    # Requests

    async def _answer(self, request: Callable[[bytes], Awaitable[bytes]], payload: bytes) -> None:
        try:
            error, result = 0, await request(payload)
        except OSError as e:
            error, result = e.errno or errno.EIO, b""
        except Exception:  # the device waits for an answer, whatever happens here
            _log.exception("the radio failed")
            error, result = errno.EIO, b""
        self._send(m.REPLY, struct.pack("<H", error) + result)

    async def _activate(self, payload: bytes) -> bytes:
        if payload[0]:
            stack = _Stack(self._ether, self._board, self._options, self._name.decode("utf-8", "replace"))
            self._stack = stack
            stack.device.on(Device.EVENT_CONNECTION, self._on_connection)
            self._security = Security(
                stack.device,
                self._ask_secret,
                self._order,
                self._tell,
                self._spawn,
                self._options.secure_only,
            )
            await stack.device.power_on()
            self._outgoing = Outgoing(stack.device, self._options, self._credit)
        else:
            await self._say_goodbye()
            stack, self._stack = self._require(), None
            self._close(stack)
        return b""

    def _drop_waiting(self) -> None:
        """Nobody is there any more who could answer the clients."""
        for waiting in self._waiting.values():
            waiting.cancel()
        self._waiting.clear()

    def _close(self, stack: _Stack) -> None:
        self._drop_waiting()
        self._held.clear()
        if self._outgoing is not None:
            self._outgoing.close()
            self._outgoing = None
        stack.gate.close()
        self._ether.vanish(stack.controller)

    async def _register(self, payload: bytes) -> bytes:
        """ble_gatts_reset refuses while the table is in use (NimBLE: BLE_HS_EBUSY)."""
        stack = self._require()
        if stack.device.connections or stack.device.is_advertising:
            raise OSError(errno.EBUSY, "advertising or connected")
        handles, stack.attributes = install_services(stack.device, json.loads(payload), self._make_value)
        stack.device.gatt_server.max_mtu = self._mtu
        set_device_name(stack.device, self._name)
        return json.dumps(handles).encode()

    async def _advertise(self, payload: bytes) -> bytes:
        stack = self._require()
        interval_us, connectable, given, length = struct.unpack_from("<IBBB", payload)
        data = payload[7:]
        if given & m.ADV_DATA:
            stack.advertising_data = data[:length]
        if given & m.ADV_RESPONSE:
            stack.scan_response = data[length:]
        stack.controller.connectable = bool(connectable)
        interval_ms = min(max(interval_us / 1000, 20), 10240)  # Core Vol 4 Part E 7.8.5
        await stack.device.start_advertising(
            AdvertisingType.UNDIRECTED_CONNECTABLE_SCANNABLE,
            advertising_data=stack.advertising_data,
            scan_response_data=stack.scan_response,
            advertising_interval_min=interval_ms,
            advertising_interval_max=interval_ms,
        )
        return b""

    async def _stop_advertising(self, payload: bytes) -> bytes:
        await self._require().device.stop_advertising()
        return b""

    # Notes

    def _set_mtu(self, payload: bytes) -> None:
        self._mtu = struct.unpack("<H", payload)[0]
        if self._stack:
            self._stack.device.gatt_server.max_mtu = self._mtu

    def _set_name(self, payload: bytes) -> None:
        self._name = payload
        if self._stack:
            set_device_name(self._stack.device, payload)

    def _notify(self, payload: bytes) -> None:
        handle, value, data = self._outgoing_parts(payload)
        if self._outgoing:
            self._outgoing.notify(handle, value, data, m.notify_cost(len(data)))

    def _indicate(self, payload: bytes) -> None:
        handle, value, data = self._outgoing_parts(payload)
        self._credit(m.notify_cost(len(data)))
        self._spawn(self._run_indication(handle, value, data))

    def _update(self, payload: bytes) -> None:
        value, data = struct.unpack_from("<H", payload)[0], payload[2:]
        stack = self._require()
        for bearer, settings in list(stack.device.gatt_server.subscribers.items()):
            wanted = settings.get(value, b"\0")[0]
            if not isinstance(bearer, Connection):
                continue
            if wanted & 1 and self._outgoing:
                self._outgoing.notify(bearer.handle, value, data, 0)
            elif wanted & 2:
                self._spawn(self._run_indication(bearer.handle, value, data))

    def _disconnect(self, payload: bytes) -> None:
        connection = self._require().device.connections.get(struct.unpack("<H", payload)[0])
        if connection is not None:
            self._spawn(self._hang_up(connection))

    def _set_security(self, payload: bytes) -> None:
        if self._security:
            self._security.configure(payload)

    def _pair(self, payload: bytes) -> None:
        connection = self._require().device.connections.get(struct.unpack("<H", payload)[0])
        if connection is not None:
            connection.request_pairing()

    def _give_passkey(self, payload: bytes) -> None:
        if self._security:
            self._security.give_passkey(payload)

    def _on_write_done(self, payload: bytes) -> None:
        self._resolve(struct.unpack("<I", payload)[0], 0, b"")

    def _on_read_done(self, payload: bytes) -> None:
        sequence, error = struct.unpack_from("<IB", payload)
        self._resolve(sequence, error, payload[5:])

    # Links

    def _on_connection(self, connection: Connection) -> None:
        peer = connection.peer_address
        body = struct.pack("<HB6s", connection.handle, int(not peer.is_public), bytes(peer)[::-1])

        def on_mtu() -> None:
            self._send(m.MTU, struct.pack("<HH", connection.handle, connection.att_mtu))
            self._tell_connected(connection.handle)

        def on_end(reason: int) -> None:
            self._tell_connected(connection.handle)
            if self._outgoing:
                self._outgoing.forget(connection.handle)
            self._send(m.DISCONNECTED, body)

        if self._security:
            self._security.watch(connection)
        connection.on(Connection.EVENT_CONNECTION_ATT_MTU_UPDATE, on_mtu)
        connection.on(Connection.EVENT_DISCONNECTION, on_end)
        self._held[connection.handle] = body
        if not self._options.mtu_before_connect:
            self._tell_connected(connection.handle)

    def _tell(self, kind: int, payload: bytes) -> None:
        """A message about the connection that it begins with."""
        self._tell_connected(struct.unpack_from("<H", payload)[0])
        self._send(kind, payload)

    def _tell_connected(self, handle: int) -> None:
        body = self._held.pop(handle, None)
        if body is not None:
            self._send(m.CONNECTED, body)

    async def _hang_up(self, connection: Connection) -> None:
        with contextlib.suppress(BaseBumbleError):  # the link may end by itself meanwhile
            await connection.disconnect(_GOODBYE)

    async def _say_goodbye(self) -> None:
        if self._stack is not None and self._stack.device.powered_on:
            for connection in list(self._stack.device.connections.values()):
                await self._hang_up(connection)

    # Attribute values

    def _make_value(self, handle_of: Callable[[], int], flags: int) -> att.AttributeValue[bytes]:
        security = self._security
        assert security is not None

        async def read(connection: Connection) -> bytes:
            await security.permit(connection, flags, write=False)
            error, value = await self._ask(m.READ, connection, handle_of(), b"")
            if error:
                raise att.ATT_Error(att.ErrorCode(error))
            return value

        async def write(connection: Connection, value: bytes) -> None:
            await security.permit(connection, flags, write=True)
            await self._ask(m.WRITE, connection, handle_of(), value)

        return att.AttributeValue(read, write)

    async def _ask(self, kind: int, connection: Connection, handle: int, data: bytes) -> tuple[int, bytes]:
        """Pass a client's access to the device; the packet's buffers are taken until it answers."""
        stack = self._stack
        if stack is None or self._ended:
            return _UNLIKELY, b""  # nobody is there to ask
        self._tell_connected(connection.handle)
        cost = buffers_for(len(data) + _ATT_OVERHEAD)
        stack.occupied += cost
        try:
            return await self._answered(kind, struct.pack("<HH", connection.handle, handle) + data)
        finally:
            stack.occupied -= cost
            stack.gate.freed()

    async def _ask_secret(self, kind: int, body: bytes) -> tuple[int, bytes]:
        """Ask the device for a bond, or to keep one."""
        if self._stack is None or self._ended:
            return 0, b""
        return await self._answered(kind, body)

    def _order(self, kind: int, body: bytes) -> None:
        """A message with a sequence number whose answer nobody waits for."""
        self._sequence += 1
        self._send(kind, struct.pack("<I", self._sequence) + body)

    async def _answered(self, kind: int, body: bytes) -> tuple[int, bytes]:
        """What the device answers to a message that gets a sequence number."""
        self._sequence += 1
        sequence = self._sequence
        waiting = asyncio.get_running_loop().create_future()
        self._waiting[sequence] = waiting
        self._send(kind, struct.pack("<I", sequence) + body)
        try:
            error, value = await waiting
        finally:
            self._waiting.pop(sequence, None)
        return error, value

    def _resolve(self, sequence: int, error: int, value: bytes) -> None:
        waiting = self._waiting.get(sequence)
        if waiting is not None and not waiting.done():
            waiting.set_result((error, value))

    # Helpers

    def _outgoing_parts(self, payload: bytes) -> tuple[int, int, bytes]:
        connection, value = struct.unpack_from("<HH", payload)
        return connection, value, payload[4:]

    async def _run_indication(self, connection: int, value: int, data: bytes) -> None:
        if self._outgoing is not None:
            status = await self._outgoing.indicate(connection, value, data)
            self._send(m.INDICATED, struct.pack("<HHB", connection, value, status))

    def _credit(self, cost: int) -> None:
        if cost:
            self._send(m.CREDIT, struct.pack("<H", cost))

    def _require(self) -> _Stack:
        if self._stack is None:
            raise OSError(errno.ENODEV, "the radio is off")
        return self._stack

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
