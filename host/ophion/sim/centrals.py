"""The way in for centrals: every TCP client gets a virtual controller of its own on the radio.

Clients speak HCI (H4 framing): Bumble's `tcp-client:HOST:PORT`.
"""

from __future__ import annotations

import asyncio
from typing import cast

from bumble.controller import Controller
from bumble.transport.common import PacketParser

from ophion.sim.ether import Ether, RadioController

_HOST = "127.0.0.1"


class _Client(asyncio.Protocol):
    """One central's HCI connection; the controller vanishes with it."""

    def __init__(self, gate: CentralGate) -> None:
        self._gate = gate
        self._parser = PacketParser()
        self._transport: asyncio.Transport | None = None
        self._controller: Controller | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._controller = RadioController("central", host_sink=self, link=self._gate.ether)
        self._parser.set_packet_sink(self._controller)
        self._gate.clients.add(self)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except ValueError:  # not HCI: whoever this is, it is no central
            self.close()

    def on_packet(self, packet: bytes) -> None:
        """From the controller to the central's host."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(packet)

    def connection_lost(self, exc: Exception | None) -> None:
        self._gate.clients.discard(self)
        if self._controller is not None:
            self._gate.ether.vanish(self._controller)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()


class CentralGate:
    """Listens on a free local port and makes controllers for those who come."""

    def __init__(self, ether: Ether) -> None:
        self.ether = ether
        self.clients: set[_Client] = set()
        self._server: asyncio.Server | None = None

    async def open(self) -> str:
        """Start to listen; returns the Bumble transport for centrals."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Client(self), _HOST, 0)
        port = self._server.sockets[0].getsockname()[1]
        return f"tcp-client:{_HOST}:{port}"

    async def close(self) -> None:
        if self._server is None:
            return
        self._server.close()
        for client in list(self.clients):
            client.close()
        await self._server.wait_closed()
        self._server = None
        while self.clients:  # connection_lost runs in the next turns of the loop
            await asyncio.sleep(0)
