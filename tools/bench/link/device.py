"""A device in virtual time: the real inbox, session, groups and upload over a flash that takes its time.

The shell around them does what port/ble.py does: it takes writes when the processor is free, answers the
oldest whole request, and sends the answer when flash and processor are done with it.
"""

import asyncio
import io
from collections import deque
from dataclasses import dataclass

from nor import NorFlash
from ophion_boot.core.area import Area
from ophion_boot.core.inbox import Inbox
from ophion_boot.core.receive import Upload
from ophion_boot.core.smp_image import Component, ImageGroup
from ophion_boot.core.smp_os import OsGroup
from ophion_boot.core.smp_session import Session
from ophion_boot.core.strategies import make
from ophion_boot.core.verify import Verifier
from powercut.images import KEYS

SECTOR = 4096
PAGE = 256
ERASE_S = 0.045
"""Sector erase, typical: Winbond W25Q32JV, AC characteristics, tSE (400 ms at most)."""
PROGRAM_S = 0.0004
"""Page program, typical: the same, tPP (3 ms at most)."""
READ_S = 1 / 20e6
"""A byte, over two lines at 80 MHz."""
HOST_BUFFERS = 24
"""ACL buffers of MicroPython's ESP32 builds (CONFIG_BT_NIMBLE_TRANSPORT_ACL_FROM_LL_COUNT), a packet each."""


@dataclass(frozen=True)
class Kind:
    """What device it is: its buffers, the processor's time for a write and for a request in seconds, and
    whether it erases sectors before the data needs them, when it has nothing else to do."""

    name: str
    buf_size: int
    buf_count: int
    write_s: float
    request_s: float
    erases_ahead: bool = True


OURS = Kind("ours", 2475, 4, 0.0002, 0.001)
"""Times rounded up from the counts of tools/bench/qemu.py at 90 million instructions a second."""
ZEPHYR = Kind("Zephyr-like", 384, 4, 0.0, 0.0, False)
"""The buffers of MCUmgr in Zephyr by default (CONFIG_MCUMGR_TRANSPORT_NETBUF_SIZE, _COUNT)."""


class TimedFlash(NorFlash):
    """Counts the seconds of what is done to it in `spent`."""

    spent = 0.0

    def readblocks(self, n, buf, off=0):
        self.spent += len(buf) * READ_S
        NorFlash.readblocks(self, n, buf, off)

    def _program_in_sector(self, addr, data):
        self.spent += ((addr + len(data) - 1) // PAGE - addr // PAGE + 1) * PROGRAM_S
        NorFlash._program_in_sector(self, addr, data)

    def _erase(self, addr):
        self.spent += ERASE_S
        NorFlash._erase(self, addr)


def flash_rate(blank: bool) -> float:
    """Bytes a second that the flash takes, sector after sector, in whole pages."""
    return SECTOR / (SECTOR // PAGE * PROGRAM_S + (0 if blank else ERASE_S))


class Device:
    """A device of a `kind` whose free slot is written all over, or `blank`; `answer(value)` notifies.

    `busy` is how many seconds of its time were flash or processor.
    """

    def __init__(self, kind: Kind, size: int, blank: bool, answer) -> None:
        self.kind = kind
        self.busy = 0.0
        sectors = -(-size // SECTOR) + 4
        content = (b"\xff" if blank else b"\0") * ((2 * sectors + 1) * SECTOR)
        self.flash = TimedFlash(io.BytesIO(content), len(content), SECTOR, 4)
        areas = {"primary": (0, sectors), "secondary": (sectors, sectors + 1)}

        def area(name):
            return Area(self.flash, areas[name][0] * SECTOR, areas[name][1] * SECTOR, SECTOR, 4)

        buf = bytearray(SECTOR)
        self.strategy = make("swap_offset", area, buf, 3)
        self.strategy.discard()
        verifier = Verifier(KEYS, buf)
        component = Component(self.strategy, Upload(self.strategy, buf, verifier), False)
        self.inbox = Inbox(kind.buf_count, kind.buf_size)
        groups = {0: OsGroup(self.inbox, None), 1: ImageGroup([component], verifier, None)}
        self._session = Session(groups, kind.buf_size)
        self._answer = answer
        self._packets: deque = deque()
        self._busy = False
        self._ahead = False
        self._loop = asyncio.get_running_loop()

    def room(self) -> bool:
        """True when the host has a buffer for another packet."""
        return len(self._packets) < HOST_BUFFERS

    def arrive(self, value: bytes | None) -> None:
        """A packet has arrived; `value` is the write that it completed."""
        self._packets.append(value)
        if not self._busy:
            self._work()

    def staged(self, size: int) -> bytes:
        """The first bytes of what lies where updates are staged."""
        out = bytearray(size)
        self.strategy.staged().read(0, out)
        return bytes(out)

    def _idle(self) -> None:
        before = self.flash.spent
        self._session.idle()
        self._ahead = self.flash.spent != before

    def _work(self) -> None:
        """Take what has arrived, answer one request, and come back when that is done."""
        self._busy = True
        self._ahead = False
        took = 0.0
        while self._packets:
            value = self._packets.popleft()
            if value is not None:
                took += self.kind.write_s
                self.inbox.put(value)
        request = self.inbox.take()
        response = None
        before = self.flash.spent
        if request is not None:
            response = bytes(self._session.handle(request))
            took += self.kind.request_s
        elif self.kind.erases_ahead and not self.inbox.partial():
            self._idle()
        took += self.flash.spent - before
        self.busy += took
        self._loop.call_later(took, self._done, response)

    def _done(self, response: bytes | None) -> None:
        if response is not None:
            self.inbox.release()
            self._answer(response)
            self._ahead = True
        self._busy = False
        if self._packets or self.inbox.waiting() or self._ahead:
            self._work()
