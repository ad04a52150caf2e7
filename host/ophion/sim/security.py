"""The device's security manager: Bumble's, with the device's `bluetooth` deciding and keeping the bonds.

What NimBLE and MicroPython do (extmod/nimble/modbluetooth_nimble.c): bonds live in the device's handlers
(GET_SECRET, SET_SECRET) as two records, ours and the peer's, under the peer's address; a central that pairs
anew has its old bond deleted first; every ending of a pairing is an encryption update, a failed one with
"not encrypted"; what needs encryption is refused with insufficient authentication (0x05), or with
insufficient encryption (0x0F) when there is a bond that was not used.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from bumble import att, hci
from bumble.device import Connection, Device
from bumble.keys import KeyStore, PairingKeys
from bumble.pairing import PairingConfig, PairingDelegate
from bumble.smp import AuthReq, ErrorCode, Session, SMP_Pairing_Request_Command

from ophion.sim.device import ophion_messages as m

# Flags of MicroPython's `bluetooth`: what a read, and what a write, needs.
_READ_NEEDS = (0x0200, 0x0400)
_WRITE_NEEDS = (0x1000, 0x2000)
_OURS, _PEERS = 1, 2  # BLE_STORE_OBJ_TYPE_* (NimBLE, ble_store.h)
# As struct ble_store_value_sec lies on a 32-bit chip; the stack's own business, like every secret.
_RECORD = "<B6sBHxxxxxxQ16sBB16sBxxxxxxB"
_KEY_BYTES = 16
_INPUT, _DISPLAY, _COMPARE = 2, 3, 4  # _PASSKEY_ACTION_*
_NO_INPUT_NO_OUTPUT = 3

Ask = Callable[[int, bytes], Awaitable[tuple[int, bytes]]]
Send = Callable[[int, bytes], None]
Spawn = Callable[[Coroutine[Any, Any, None]], None]


@dataclass
class _State:
    """What NimBLE knows of a link (struct ble_gap_sec_state)."""

    encrypted: bool = False
    authenticated: bool = False
    bonded: bool = False


class _Session(Session):
    """A pairing as NimBLE leads it: see `Security.accepts`."""

    async def on_smp_pairing_request_command_async(self, command: SMP_Pairing_Request_Command) -> None:
        security: Security = self.manager.device.ophion_security  # type: ignore[attr-defined]
        if not await security.accepts(self.connection, bool(command.auth_req & AuthReq.SC)):
            self.send_pairing_failed(ErrorCode.AUTHENTICATION_REQUIREMENTS)
            return
        await super().on_smp_pairing_request_command_async(command)

    def on_pairing_failure(self, reason: ErrorCode) -> None:
        super().on_pairing_failure(reason)
        self.manager.on_session_end(self)  # the next try begins anew


class _Delegate(PairingDelegate):
    """Asks the device what its passkey is."""

    def __init__(self, security: Security, connection: Connection, io: int) -> None:
        super().__init__(PairingDelegate.IoCapability(io))
        self._security = security
        self._connection = connection

    async def generate_passkey(self) -> int:
        return await self._security.passkey(self._connection, _DISPLAY)

    async def get_number(self) -> int | None:
        return await self._security.passkey(self._connection, _INPUT)

    async def compare_numbers(self, number: int, digits: int) -> bool:
        return bool(await self._security.passkey(self._connection, _COMPARE, number))


class _Secrets(KeyStore):
    """Bumble's bonds in the device's handlers."""

    def __init__(self, ask: Ask, send: Send, on_bond: Callable[[str, PairingKeys], None]) -> None:
        self._ask = ask
        self._send = send
        self._on_bond = on_bond
        self.keeps = False

    async def get(self, name: str) -> PairingKeys | None:
        key = _key_of(name)
        found, value = await self._ask(m.GET_SECRET, struct.pack("<BB", _OURS, 0) + key)
        if not found or len(value) != struct.calcsize(_RECORD):
            return None
        fields = struct.unpack(_RECORD, value)
        return PairingKeys(ltk=PairingKeys.Key(fields[5], authenticated=bool(fields[-1] & 1)))

    async def update(self, name: str, keys: PairingKeys) -> None:
        """The pairing is over: all of it at once, for the central may be gone with its next breath."""
        key = _key_of(name)
        if keys.ltk is None:
            return
        irk = keys.irk.value if keys.irk else bytes(16)
        flags = int(keys.ltk.authenticated) | 2
        value = struct.pack(
            _RECORD, key[0], key[1:], _KEY_BYTES, 0, 0, keys.ltk.value, 1, 1, irk, bool(keys.irk), flags
        )
        for kind in (_PEERS, _OURS) if self.keeps else ():
            self._send(m.SET_SECRET, struct.pack("<BB", kind, len(key)) + key + value)
        self._on_bond(name, keys)

    async def delete(self, name: str) -> None:
        key = _key_of(name)
        for kind in (_OURS, _PEERS):
            await self._ask(m.SET_SECRET, struct.pack("<BB", kind, len(key)) + key)


class Security:
    """Pairing and permissions on one active radio.

    `ask` sends a message with a sequence number and returns (number, bytes) of the answer, `order` does not
    wait for it; `send` sends a message that has none and begins with the connection; `spawn` runs a
    coroutine as long as the device runs. `secure_only` as in RadioOptions.
    """

    def __init__(
        self, device: Device, ask: Ask, order: Send, send: Send, spawn: Spawn, secure_only: bool
    ) -> None:
        self._device = device
        self._send = send
        self._spawn = spawn
        self._secure_only = secure_only
        self._states: dict[int, _State] = {}
        self._passkeys: dict[int, asyncio.Future[int]] = {}
        self._pairing: dict[int, asyncio.Event] = {}
        self._bond, self._mitm, self._io, self._secure = 0, 0, _NO_INPUT_NO_OUTPUT, 0
        self._secrets = _Secrets(ask, order, self._on_bond)
        device.keystore = self._secrets
        device.ophion_security = self  # type: ignore[attr-defined]
        device.smp_manager.session_proxy = _Session
        device.pairing_config_factory = self._config

    def configure(self, payload: bytes) -> None:
        """BLE_SECURITY."""
        self._bond, self._mitm, self._io, self._secure = payload
        self._secrets.keeps = bool(self._bond)

    def give_passkey(self, payload: bytes) -> None:
        """BLE_PASSKEY."""
        handle, _, number = struct.unpack("<HBI", payload)
        waiting = self._passkeys.get(handle)
        if waiting is not None and not waiting.done():
            waiting.set_result(number)

    def watch(self, connection: Connection) -> None:
        """A new connection."""
        handle = connection.handle
        self._states[handle] = _State()

        def on_start() -> None:
            self._pairing[handle] = asyncio.Event()

        def on_failure(reason: int) -> None:
            self._set(connection, self._states.get(handle, _State()))

        def on_encryption() -> None:
            if handle not in self._pairing and connection.is_encrypted:
                on_start()
                self._spawn(self._restored(connection))

        def on_end(reason: int) -> None:
            self._states.pop(handle, None)
            self._done(handle)
            waiting = self._passkeys.pop(handle, None)
            if waiting is not None:
                waiting.cancel()

        connection.on(Connection.EVENT_PAIRING_START, on_start)
        connection.on(Connection.EVENT_PAIRING_FAILURE, on_failure)
        connection.on(Connection.EVENT_CONNECTION_ENCRYPTION_CHANGE, on_encryption)
        connection.on(Connection.EVENT_DISCONNECTION, on_end)

    async def permit(self, connection: Connection, flags: int, write: bool) -> None:
        """Raise ATT_Error unless the link is protected as the attribute's `flags` ask for."""
        encrypted, authenticated = _WRITE_NEEDS if write else _READ_NEEDS
        if not flags & (encrypted | authenticated):
            return
        pending = self._pairing.get(connection.handle)
        if pending is not None and connection.is_encrypted:
            await pending.wait()  # in NimBLE nothing comes between the encryption and what follows from it
        state = self._states.get(connection.handle, _State())
        if not state.encrypted:
            bond = await self._secrets.get(str(connection.peer_address))
            raise att.ATT_Error(
                att.ATT_INSUFFICIENT_ENCRYPTION_ERROR if bond else att.ATT_INSUFFICIENT_AUTHENTICATION_ERROR
            )
        if flags & authenticated and not state.authenticated:
            raise att.ATT_Error(att.ATT_INSUFFICIENT_AUTHENTICATION_ERROR)

    async def accepts(self, connection: Connection, secure: bool) -> bool:
        """Whether a pairing may begin; the old bond of that address is deleted (REPEAT_PAIRING)."""
        if self._secure_only and self._secure and not secure:
            return False
        if await self._secrets.get(str(connection.peer_address)) is not None:
            await self._secrets.delete(str(connection.peer_address))
        return True

    async def passkey(self, connection: Connection, action: int, number: int = 0) -> int:
        """PASSKEY_ACTION: what the device answers with gap_passkey; waits for ever if it does not."""
        waiting = asyncio.get_running_loop().create_future()
        self._passkeys[connection.handle] = waiting
        self._send(m.PASSKEY, struct.pack("<HBI", connection.handle, action, number))
        return int(await waiting)

    def _config(self, connection: Connection) -> PairingConfig:
        return PairingConfig(
            sc=bool(self._secure),
            mitm=bool(self._mitm),
            bonding=bool(self._bond),
            delegate=_Delegate(self, connection, self._io),
        )

    def _on_bond(self, name: str, keys: PairingKeys) -> None:
        """Somebody has paired."""
        authenticated = keys.ltk is not None and keys.ltk.authenticated
        for connection in self._device.connections.values():
            if str(connection.peer_address) == name:
                self._set(connection, _State(True, authenticated, bool(self._bond)))

    async def _restored(self, connection: Connection) -> None:
        """The link was encrypted with a bond."""
        keys = await self._secrets.get(str(connection.peer_address))
        authenticated = keys is not None and keys.ltk is not None and keys.ltk.authenticated
        self._set(connection, _State(True, authenticated, True))

    def _set(self, connection: Connection, state: _State) -> None:
        if connection.handle in self._states:
            self._states[connection.handle] = state
            values = (state.encrypted, state.authenticated, state.bonded)
            size = _KEY_BYTES if state.encrypted else 0
            self._send(m.ENCRYPTED, struct.pack("<HBBBB", connection.handle, *values, size))
        self._done(connection.handle)

    def _done(self, handle: int) -> None:
        pairing = self._pairing.pop(handle, None)
        if pairing is not None:
            pairing.set()


def _key_of(name: str) -> bytes:
    """ble_addr_t of the address that Bumble calls `name`: type, then six bytes, little endian."""
    address = hci.Address(name)
    return bytes((int(not address.is_public),)) + bytes(address)
