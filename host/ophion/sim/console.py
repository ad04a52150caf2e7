"""What the device prints: kept as text, written to a file, and awaited by tests."""

from __future__ import annotations

import asyncio
import codecs
from pathlib import Path
from typing import IO

from ophion.sim.errors import SimError

_TAIL_LINES = 12


class Console:
    """`wait` reads on from where the last successful wait ended, as expect does."""

    def __init__(self, log: Path) -> None:
        self._file: IO[bytes] | None = log.open("ab", buffering=0)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._text = ""
        self._read_to = 0
        self._grown = asyncio.Event()

    @property
    def lines(self) -> list[str]:
        """All complete lines since the simulator was started."""
        return self._text.split("\n")[:-1]

    def feed(self, data: bytes) -> None:
        if self._file is not None:
            self._file.write(data)
        self._text += self._decoder.decode(data).replace("\r\n", "\n")
        self._grown.set()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    async def wait(self, text: str, timeout: float) -> str:
        """The complete line in which `text` appears next; SimError after `timeout` seconds."""
        try:
            return await asyncio.wait_for(self._find(text), timeout)
        except asyncio.TimeoutError:
            tail = "\n".join(self._text.splitlines()[-_TAIL_LINES:])
            raise SimError(
                f"the device did not print {text!r} within {timeout:g} s", f"it printed last:\n{tail}"
            ) from None

    async def _find(self, text: str) -> str:
        while True:
            at = self._text.find(text, self._read_to)
            end = self._text.find("\n", at + len(text)) if at >= 0 else -1
            if end >= 0:
                self._read_to = at + len(text)
                return self._text[self._text.rfind("\n", 0, at) + 1 : end]
            self._grown.clear()
            await self._grown.wait()
