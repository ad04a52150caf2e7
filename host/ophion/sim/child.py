"""The simulated chip's processor: one MicroPython process, from a start to a reset.

Bytes in, callbacks out; what the messages mean is decided by the supervisor.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from ophion.sim.device import ophion_messages as m
from ophion.sim.errors import SimError

_LAUNCH = str(Path(__file__).with_name("launch.py"))

MessageHandler = Callable[[int, bytes], None]
ConsoleHandler = Callable[[bytes], None]


class _Wire(asyncio.Protocol):
    """Cuts the byte stream from the chip into messages."""

    def __init__(self, on_message: MessageHandler) -> None:
        self._on_message = on_message
        self._buffer = bytearray()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        at = 0
        while len(self._buffer) - at >= m.HEADER_SIZE:
            length, kind = struct.unpack_from(m.HEADER, self._buffer, at)
            end = at + m.HEADER_SIZE + length
            if len(self._buffer) < end:
                break
            payload = bytes(self._buffer[at + m.HEADER_SIZE : end])
            at = end
            self._on_message(kind, payload)
        del self._buffer[:at]


class _Process(asyncio.SubprocessProtocol):
    """Collects the console and the end of the process."""

    def __init__(self, on_console: ConsoleHandler) -> None:
        loop = asyncio.get_running_loop()
        self._on_console = on_console
        self.exited: asyncio.Future[None] = loop.create_future()
        self.drained: asyncio.Future[None] = loop.create_future()

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        self._on_console(data)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        if fd == 1 and not self.drained.done():
            self.drained.set_result(None)

    def process_exited(self) -> None:
        if not self.exited.done():
            self.exited.set_result(None)


class Child:
    """A running MicroPython; made by `Child.start`, ended by `kill` and awaited with `ended`."""

    def __init__(
        self,
        process: asyncio.SubprocessTransport,
        protocol: _Process,
        wire: asyncio.Transport,
    ) -> None:
        self._process = process
        self._protocol = protocol
        self._wire = wire

    @classmethod
    async def start(
        cls,
        runtime: str,
        arguments: Sequence[str],
        config: str,
        on_message: MessageHandler,
        on_console: ConsoleHandler,
        fds: Sequence[int] = (),
    ) -> Child:
        """Start `runtime` (see launch.py) with the MicroPython `arguments` and the board's JSON.

        `fds` are open files that it inherits.
        """
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        try:
            command = [sys.executable, "-I", _LAUNCH, str(os.getpid()), runtime]
            # Arguments of MicroPython become qstrs, of 255 bytes at most: the board's JSON is a message.
            process, protocol = await loop.subprocess_exec(
                lambda: _Process(on_console),
                *command,
                *arguments,
                str(theirs.fileno()),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                pass_fds=(theirs.fileno(), *fds),
                start_new_session=True,
            )
        except OSError as e:
            ours.close()
            raise SimError(f"MicroPython cannot be started: {e}") from e
        finally:
            theirs.close()
        try:
            transport, _ = await loop.create_unix_connection(lambda: _Wire(on_message), sock=ours)
        except BaseException:
            process.kill()
            process.close()
            ours.close()
            raise
        child = cls(process, protocol, transport)
        child.send(m.CONFIG, config.encode())
        return child

    @property
    def pid(self) -> int:
        return self._process.get_pid()

    @property
    def exited(self) -> asyncio.Future[None]:
        """Done when the process has ended, by itself or not."""
        return self._protocol.exited

    def describe_exit(self) -> str:
        code = self._process.get_returncode()
        return f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"

    def send(self, kind: int, payload: bytes = b"") -> None:
        if not self._wire.is_closing():
            self._wire.write(m.frame(kind, payload))

    def kill(self) -> None:
        """SIGKILL, now; safe to call twice and on a process that has ended."""
        if self._process.get_returncode() is None:
            self._process.kill()

    async def ended(self) -> None:
        """Wait until the process is gone and all it printed has been read; frees what it held."""
        await self._protocol.exited
        await self._protocol.drained
        self._wire.abort()
        self._process.close()
