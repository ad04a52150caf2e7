"""One Bumble host in the central role, shared by the scanners and clients of a program.

Opened when the first of them needs it, closed when the last is done: a program that has finished
holds no socket and no task.
"""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

from bumble import hci
from bumble.device import Device, DeviceConfiguration
from bumble.host import Host
from bumble.transport import open_transport
from bumble.transport.common import Transport

from ophion.sim.bonds import CentralBonds
from ophion.sim.hosts import before_transport_loss

_Key = tuple[asyncio.AbstractEventLoop, str]


class CentralRadio:
    """A powered Bumble device over one transport; use `acquire` and `release`."""

    _open: ClassVar[dict[_Key, CentralRadio]] = {}

    def __init__(self, key: _Key) -> None:
        self.connecting = asyncio.Lock()
        self._key = key
        self._users = 0
        self._transport: Transport | None = None
        self._host: Host | None = None
        self._ready = key[0].create_task(self._power_on())

    @classmethod
    async def acquire(cls, transport: str) -> CentralRadio:
        """The radio on `transport` for this event loop; OSError or a Bumble error if it cannot be opened."""
        key = (asyncio.get_running_loop(), transport)
        radio = cls._open.get(key)
        if radio is None:
            radio = cls._open[key] = cls(key)
        radio._users += 1
        try:
            await asyncio.shield(radio._ready)
        except BaseException:
            await radio.release()
            raise
        return radio

    async def release(self) -> None:
        """One user less; the last one closes the transport."""
        self._users -= 1
        if self._users:
            return
        if self._open.get(self._key) is self:
            del self._open[self._key]
        self._ready.cancel()
        await asyncio.gather(self._ready, return_exceptions=True)
        if self._host is not None:
            before_transport_loss(self._host)
        if self._transport is not None:
            await self._transport.close()
            await asyncio.sleep(0)  # the socket is closed in the next turn of the loop

    @property
    def device(self) -> Device:
        return self._ready.result()

    async def _power_on(self) -> Device:
        self._transport = await open_transport(self._key[1])
        bonds = CentralBonds.of(self._key[1])
        address = hci.Address(bonds.address) if bonds.address else hci.Address.generate_static_address()
        bonds.using = str(address)
        self._host = host = Host(self._transport.source, self._transport.sink)
        config = DeviceConfiguration(name="ophion", address=address)
        device = Device(config=config, host=host)
        device.keystore = bonds
        await device.power_on()
        return device

    def off(self, event: str, listener: Any) -> None:
        """Stop listening; no error if the listener was never there."""
        if listener in self.device.listeners(event):
            self.device.remove_listener(event, listener)
