"""smpclient's transports without a radio, with what ours adds to the one over Bluetooth.

A device is named "udp:HOST:PORT", "serial:PATH" (lines of base64 between other text), "raw:PATH" (packets
alone) or "sim:DIR" (a simulated one, over its radio); anything else is a Bluetooth name or address.
"""

from __future__ import annotations

import asyncio
from typing import Any

from smpclient.transport.udp import SMPUDPTransport

from ophion.errors import UsageError
from ophion.push.access import SIMULATED, WIRES, Access
from ophion.push.ble import BleTransport
from ophion.push.simulated import sim_transport

SMP_PORT = 1337
FORMS = "NAME, udp:HOST:PORT, serial:PATH, raw:PATH or sim:DIR"
_GONE_S = 1.0
_RESEND_S = 0.5
_SEQ = 6
"""Where the sequence number stands in a packet."""


class _Wire:
    """Nobody tells when the other end goes; a device that was reset is gone a moment later."""

    FIRST_ANSWER_S = 2.0
    at_once = 1
    """How many requests may be on their way."""
    initialized = True
    """Nobody has to pair here."""
    _smp_server_transport_buffer_size: int | None = None

    @property
    def found(self) -> bool:
        """True when the device has answered."""
        return self._smp_server_transport_buffer_size is not None

    @property
    def att_mtu(self) -> int:
        """There is none: 0."""
        return 0

    async def wait_disconnected(self, timeout_s: float) -> bool:
        """Wait as long as a reset takes to begin (300 ms after its answer)."""
        await asyncio.sleep(min(timeout_s, _GONE_S))
        return True

    async def settle(self) -> None:
        """Nothing is left to be done."""


class UdpTransport(_Wire, SMPUDPTransport):
    """One datagram is one packet. The address is HOST:PORT, or HOST (port 1337)."""

    async def connect(self, address: str, timeout_s: float, port: int = SMP_PORT) -> None:
        """Open a socket; whether anybody is there shows with the first answer."""
        host, number = host_and_port(address)
        await super().connect(host, timeout_s, number)

    async def send_and_receive(self, data: bytes) -> bytes:
        """Ask until an answer comes: a datagram may be lost, and a request that comes twice does no harm (a
        chunk that the device has is answered with what it expects next). The caller sets the limit."""
        wait_s = _RESEND_S
        while True:
            await self.send(data)
            try:
                return await asyncio.wait_for(self._answer_to(data[_SEQ]), wait_s)
            except asyncio.TimeoutError:
                wait_s *= 2

    async def _answer_to(self, seq: int) -> bytes:
        """The answer to the request of this sequence number; one that came late to another is passed over."""
        while True:
            answer = await self.receive()
            if answer[_SEQ] == seq:
                return answer

    async def disconnect(self) -> None:
        """Close the socket, if there is one."""
        if hasattr(self._client, "_transport"):
            await super().disconnect()


def host_and_port(address: str) -> tuple[str, int]:
    """HOST:PORT, [IPv6]:PORT or HOST in parts; raises UsageError."""
    host, colon, port = address.rpartition(":")
    if not colon or address.endswith("]"):
        host, port = address, str(SMP_PORT)
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise UsageError(f"{address!r} is not HOST:PORT", "as in 192.168.1.20:1337")
    return host.strip("[]"), int(port)


def transport_of_device(device: str, access: Access) -> tuple[Any, str]:
    """(transport, address for it) of a device's name; raises UsageError."""
    kind, _, rest = device.partition(":")
    if access.pair and device.startswith(WIRES):
        raise UsageError(f"nobody pairs over {kind}", "leave --pair and --passkey out; --operator works here")
    if kind == "udp":
        host_and_port(rest)
        return UdpTransport(), rest
    if kind in ("serial", "raw"):
        return _serial(kind), rest
    if device.startswith(SIMULATED):
        return sim_transport(access), rest
    return BleTransport(access), device


def _serial(kind: str) -> Any:
    try:
        from smpclient.transport.serial import SMPSerialRawTransport, SMPSerialTransport
    except ImportError as error:
        raise UsageError(f"no serial ports here: {error}", "pip install ophion") from None

    class Console(_Wire, SMPSerialTransport):
        """Lines of base64 between other text."""

    class Raw(_Wire, SMPSerialRawTransport):
        """Packets alone. smp reads their headers to find the end, and refuses commands it does not know."""

        KNOWN_COMMANDS_ONLY = True

    return Raw() if kind == "raw" else Console()
