"""A device that is sent files over SMP, and a client that judges what it has to send again.

Real: the SMP session with its groups, the inbox, the upload, the strategy, the cells on the same flash. What
ends an attempt is a lost link (a request or a response that is gone, half a request), a reset or a power
cut at a flash operation.
"""

import hashlib

from nor import PowerCut
from ophion_boot.core.area import Area
from ophion_boot.core.inbox import Inbox
from ophion_boot.core.progress import Progress
from ophion_boot.core.receive import Upload
from ophion_boot.core.smp_image import Component, ImageGroup
from ophion_boot.core.smp_session import Session
from ophion_boot.fmt.cbor import decode_map, encode
from ophion_boot.fmt.smp import pack_request
from ophion_boot.port.flash_cells import FlashCells
from rig import Rig
from rig_ab import ABRig
from rig_golden import GoldenRig
from rig_release import ReleaseRig
from support import SECTOR, image, ram_flash, secret_keys

BUF = 2475
CELLS = 40
FRAGMENT = 512
KINDS = ("swap_offset", "swap_scratch", "golden", "ab", "sealed", "runtime")


class LinkLost(Exception):
    """The client knows no more than that."""


def make_rig(kind, write_size, old="one"):
    """The rig of `kind`: a strategy, "sealed" (encrypted images) or "runtime" (the other image number).

    `old` is the application that runs.
    """
    flash = ram_flash(CELLS + 2, write_size)
    if kind == "runtime":
        return ReleaseRig(flash=flash, write_size=write_size)
    if kind == "golden":
        rig = GoldenRig(old, "two", flash=flash, write_size=write_size)
    elif kind == "ab":
        rig = ABRig(old, flash=flash, write_size=write_size)
    else:
        keys = secret_keys() if kind == "sealed" else None
        name = "swap_offset" if kind == "sealed" else kind
        rig = Rig(flash=flash, write_size=write_size, kind=name, keys=keys)
        rig.flash_primary(image(old))
    flash.on_op = None
    return rig


class UploadDevice:
    """`rig` with an SMP session; `checks` lets the verifier look at what it is sent.

    `again` counts how often a request had to be handed in once more before it was answered.
    """

    old = "one"

    def __init__(self, kind="swap_offset", write_size=4, checks=True):
        self.rig = make_rig(kind, write_size, self.old)
        self.again = 0
        self.flash = self.rig.flash
        self.number = 1 if kind == "runtime" else 0
        self.checks = checks
        self.boot()

    def boot(self):
        """What a reset does: everything is made anew from flash."""
        area = Area(self.flash, CELLS * SECTOR, 2 * SECTOR, SECTOR, self.flash.write_size)
        rig = self.rig
        rig.cells = self.cells = FlashCells(area)
        self.booted = rig.boot()
        self.target = rig.runtime if self.number else rig.strategy
        progress = Progress(self.cells, rig.log.trim)
        parts = [Component(rig.strategy, self.taker(rig.strategy, 0, progress), True)]
        if self.number:
            parts.append(Component(rig.runtime, self.taker(rig.runtime, 1, progress), True, "1.0.0"))
        self.upload = parts[self.number].upload
        self.inbox = Inbox(4, BUF)
        self.session = Session({1: ImageGroup(parts, rig.verifier, None)}, BUF)

    def taker(self, strategy, number, progress):
        """What takes an upload of this image number."""
        verifier = self.rig.verifier if self.checks else None
        return Upload(strategy, bytearray(SECTOR), verifier, number, progress)

    def boot_through_cuts(self):
        while True:
            try:
                return self.boot()
            except PowerCut:
                pass

    def ask(self, request, count=None):
        """Send one request in fragments, or the first `count` of them; the decoded response."""
        pieces = [request[at : at + FRAGMENT] for at in range(0, len(request), FRAGMENT)]
        for piece in pieces[:count]:
            self.inbox.put(piece)
        taken = self.inbox.take()
        if taken is None:
            return None
        try:
            answer = self.session.handle(taken)
            while answer == b"":
                self.again += 1
                answer = self.session.handle(taken)
            return decode_map(answer[8:])
        finally:
            self.inbox.release()

    def staged(self, size):
        """The first `size` bytes of what lies where an update is staged."""
        out = bytearray(size)
        self.target.staged().read(0, out)
        return bytes(out)


class Client:
    """Sends `data`, `step` bytes at a time or, with 0, as much as the device's buffer takes.

    The judge of what is sent again: bytes below the highest offset that the device has answered, the first
    chunk of each attempt among them. `most` is the most of them in one attempt, `attempts` counts these,
    `sent` all bytes.
    """

    def __init__(self, device, data, step=0):
        self.device = device
        self.data = data
        self.step = step
        self.sha = hashlib.sha256(data).digest()
        self.attempts = self.sent = self.most = 0
        self._answered = self._again = 0

    def request(self, offset):
        """(request, the offset behind its data)."""
        args = {"off": offset, "data": b""}
        if offset == 0:
            args.update(len=len(self.data), sha=self.sha, image=self.device.number)
        # A byte string of 256 bytes or more has two bytes of length more than an empty one.
        room = BUF - 8 - len(encode(args)) - 2
        args["data"] = self.data[offset : offset + (min(room, self.step) or room)]
        request = pack_request(1, True, 1, 1, 1, encode(args))
        assert len(request) <= BUF
        return request, offset + len(args["data"])

    def send(self, offset, deliver=None):
        """Send the chunk at `offset`, 0 for a new attempt; returns the answer.

        `deliver(request)` stands for a link that loses something.
        """
        request, end = self.request(offset)
        if offset == 0:
            self.attempts += 1
            self._again = 0
        self._again += max(0, min(end, self._answered) - offset)
        self.most = max(self.most, self._again)
        self.sent += end - offset
        answer = deliver(request) if deliver else self.device.ask(request)
        if answer is None:
            raise LinkLost
        assert "off" in answer, answer
        self._answered = max(self._answered, answer["off"])
        return answer

    def finish(self):
        """A new attempt, which nothing disturbs; returns the last answer."""
        answer = self.send(0)
        while answer["off"] < len(self.data):
            answer = self.send(answer["off"])
        return answer
