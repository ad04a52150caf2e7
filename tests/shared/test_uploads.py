"""Uploads that are interrupted: they go on after a lost link, a reset and a power cut, and end well."""

import hashlib
import struct
import sys

from nor import PowerCut, _rng
from rig_uploads import BUF, KINDS, Client, LinkLost, UploadDevice
from support import SECTOR, image, sealed

SMALL = sys.implementation.name == "micropython"
UPLOADS = 200
STEPS = (0, 0, 128, 241, 1000, 1023, 1025, 1700)


def plain(payload, size=None):
    """An image without a signature, `size` bytes with FF behind it: good for all that an upload looks at."""
    head = struct.pack("<IIHHIIBBHII", 0x96F3B83D, 0, 32, 0, len(payload), 0, 1, 0, 0, 0, 0)
    digest = hashlib.sha256(head + payload).digest()
    data = head + payload + struct.pack("<HHHH", 0x6907, 40, 0x10, 32) + digest
    return data + b"\xff" * ((size or len(data)) - len(data))


def erased_runs(seed, size=24000):
    """An image that is erased flash for the most part."""
    number = _rng(seed)
    payload = b""
    while len(payload) < size:
        payload += bytes((number() & 255,)) * (number() % 40 + 1) + b"\xff" * (number() % 9000)
    return plain(payload[: size // 32 * 32])


def image_for(kind):
    return sealed("six") if kind == "sealed" else image("rt3" if kind == "runtime" else "six")


class Interrupter:
    """Ends an attempt by chance: what, and when, come from `number`."""

    def __init__(self, client, number):
        self.client = client
        self.number = number
        self.seen = {"link": 0, "reset": 0, "power": 0}

    def attempt(self):
        """One attempt; True when the upload is complete."""
        kind = ("link", "reset", "power")[self.number() % 3]
        lost = self.number() % 12
        flash = self.client.device.flash
        if kind != "link":
            shape = ("before", "after") if kind == "reset" else ("torn",)
            flash.arm_cut(self.number() % 36 + 1, shape[self.number() % len(shape)], self.number())
        try:
            answer = self.client.send(0, self._loses if kind == "link" and lost == 0 else None)
            while answer["off"] < len(self.client.data):
                lost -= 1
                answer = self.client.send(
                    answer["off"], self._loses if kind == "link" and lost == 0 else None
                )
        except LinkLost:
            self.seen["link"] += 1
            self.client.device.inbox.reset_partial()
            return False
        except PowerCut:
            self.seen[kind] += 1
            self.client.device.boot_through_cuts()
            return False
        flash.disarm()
        assert answer["match"] is True, answer
        return True

    def _loses(self, request):
        """A link that ends with the request, in the middle of it, or before the answer."""
        how = self.number() % 3
        if how:
            self.client.device.ask(request, self.number() % 5 if how == 1 else None)


def interrupted(device, data, step, seed):
    """Upload with up to 4 interruptions; returns (Client, how often each kind was)."""
    client = Client(device, data, step)
    interrupter = Interrupter(client, _rng(seed))
    for _ in range(4):
        if interrupter.attempt():
            break
    else:
        assert client.finish()["match"] is True
    return client, interrupter.seen


def test_uploads_that_are_interrupted_go_on_where_they_were():
    total = {"link": 0, "reset": 0, "power": 0}
    uploads = seed = 0
    while uploads < UPLOADS:
        seed += 1
        kind = KINDS[seed % len(KINDS)]
        ff = kind not in ("sealed", "runtime") and seed % 4 == 0
        device = UploadDevice(kind, 4, not ff)
        data = erased_runs(seed) if ff else image_for(kind)
        client, seen = interrupted(device, data, STEPS[seed % len(STEPS)], seed)
        where = kind, seed, seen
        assert device.staged(len(data)) == data, where
        assert client.most <= BUF, (where, client.most)
        assert client.sent <= len(data) + 2 * BUF * client.attempts, where
        uploads += sum(seen.values()) > 0
        for name in seen:
            total[name] += seen[name]
    assert min(total.values()) >= UPLOADS // 4, total


def test_where_a_unit_is_programmed_once_a_torn_one_costs_its_sector():
    """Flash encryption: units of 16 and 32 bytes. Without a torn unit it is as everywhere."""
    torn = 0
    for seed in range(6 if SMALL else 60):
        kind = KINDS[seed % len(KINDS)]
        device = UploadDevice(kind, (16, 32)[seed // 6 % 2])
        data = image_for(kind)
        client, seen = interrupted(device, data, STEPS[seed % len(STEPS)], seed)
        assert device.staged(len(data)) == data, (kind, seed)
        # The TLVs of a runtime share their sector with its header: when they are torn, all begins anew.
        bound = len(data) if kind == "runtime" else BUF + SECTOR
        assert client.most <= (bound if seen["power"] + seen["reset"] else BUF), (kind, seed, client.most)
        torn += BUF < client.most <= BUF + SECTOR
    assert SMALL or torn, "none was torn"
