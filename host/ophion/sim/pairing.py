"""Pairing from the central's side of a Bumble radio, for the bleak backend."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from bumble import hci
from bumble.device import Connection
from bumble.pairing import PairingConfig, PairingDelegate
from bumble.smp import Session

from ophion.sim.bonds import CentralBonds

Passkey = Callable[[], Awaitable[int]]
"""Asked while the device shows its passkey; returns the six digits as a number."""


class CentralSession(Session):
    """Bumble's, without the call that it warns of itself (0.0.228, `Host.send_command_sync`)."""

    def start_encryption(self, key: bytes) -> None:
        command = hci.HCI_LE_Enable_Encryption_Command(
            connection_handle=self.connection.handle,
            random_number=bytes(8),
            encrypted_diversifier=0,
            long_term_key=key,
        )
        self.connection.cancel_on_disconnection(self.manager.device.send_async_command(command))


class _Keyboard(PairingDelegate):
    """Somebody who can type, or nobody."""

    def __init__(self, passkey: Passkey | None) -> None:
        super().__init__(self.KEYBOARD_INPUT_ONLY if passkey else self.NO_OUTPUT_NO_INPUT)
        self._passkey = passkey

    async def get_number(self) -> int | None:
        return await self._passkey() if self._passkey else None


async def use_bond(connection: Connection, bonds: CentralBonds) -> None:
    """Encrypt the link with the bond, if there is one, as operating systems do.

    A bond that the device does not have any more is forgotten; the link stays as it is.
    """
    if await bonds.get(str(connection.peer_address)) is None:
        return
    try:
        await connection.encrypt()
    except hci.HCI_Error:
        await bonds.delete(str(connection.peer_address))


async def pair(connection: Connection, passkey: Passkey | None, secure: bool = True) -> None:
    """Pair, and keep the bond. Raises a Bumble error when the device, or the passkey, says no."""

    def config(_: Connection) -> PairingConfig:
        return PairingConfig(sc=secure, mitm=passkey is not None, bonding=True, delegate=_Keyboard(passkey))

    connection.device.smp_manager.session_proxy = CentralSession
    connection.device.pairing_config_factory = config
    await connection.pair()
