"""Pairing from the central's side of a Bumble radio, for the bleak backend."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from bumble import hci
from bumble.device import Connection
from bumble.pairing import PairingConfig, PairingDelegate

from ophion.sim.bonds import CentralBonds

Passkey = Callable[[], Awaitable[int]]
"""Asked while the device shows its passkey; returns the six digits as a number."""


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

    connection.device.pairing_config_factory = config
    await connection.pair()

