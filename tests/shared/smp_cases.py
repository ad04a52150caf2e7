"""Hostile SMP: requests that are almost right, CBOR of every kind, fragments in any order, from a seed.

Runs on both runtimes, against the real Inbox, Session and groups over a flash in memory. `Fuzz.run` raises
AssertionError, or whatever the device raised.
"""

import gc
import hashlib

import rig as rigs
from ophion_boot.core.access import Access
from ophion_boot.core.inbox import Inbox
from ophion_boot.core.patching import Patching, bases
from ophion_boot.core.receive import Upload
from ophion_boot.core.settings import Settings
from ophion_boot.core.smp_clock import OsMore
from ophion_boot.core.smp_image import Component, ImageGroup
from ophion_boot.core.smp_ophion import OphionGroup
from ophion_boot.core.smp_os import OsGroup
from ophion_boot.core.smp_session import Session
from ophion_boot.core.smp_settings import SettingsGroup
from ophion_boot.core.smp_stat import StatGroup
from ophion_boot.fmt.cbor import decode_map, encode
from ophion_boot.fmt.delta import MAGIC
from ophion_boot.fmt.key import from_raw
from ophion_boot.fmt.smp import pack_request
from ophion_boot.fmt.stream import Stream
from support import SECTOR, image, patch, vector_keys

BUF = 2475
NAMES = ("d1", "one", "two", "six", "d2", "d3")
PATCHES = ("d3", "d3-alone", "d2", "bad-tlvs")
AGAIN_MAX = 64
HEALTH = {"period_s": 86400, "jitter_s": 3600, "postpone_s": 7200, "settle_s": 60, "fresh_s": 600}
KEYS = (
    "off",
    "data",
    "len",
    "sha",
    "image",
    "hash",
    "confirm",
    "slot",
    "name",
    "val",
    "d",
    "query",
    "format",
)
# (write, group, command) of what is there, and a few that are not.
COMMANDS = (
    (True, 0, 0),
    (False, 0, 0),
    (False, 0, 4),
    (True, 0, 4),
    (True, 0, 5),
    (False, 0, 6),
    (False, 0, 7),
    (False, 0, 8),
    (False, 1, 0),
    (True, 1, 0),
    (True, 1, 1),
    (True, 1, 5),
    (False, 1, 6),
    (False, 2, 0),
    (False, 2, 1),
    (False, 3, 0),
    (True, 3, 0),
    (True, 3, 1),
    (True, 3, 2),
    (True, 3, 3),
    (False, 3, 3),
    (False, 64, 0),
    (False, 64, 1),
    (True, 64, 2),
    (False, 64, 3),
    (False, 64, 5),
    (False, 64, 10),
    (True, 64, 10),
    (False, 64, 20),
    (True, 64, 20),
    (True, 8, 0),
    (False, 63, 0),
)


class Random:
    """The same numbers on both runtimes (Numerical Recipes' generator, its upper bits)."""

    def __init__(self, seed):
        self._x = seed & 0xFFFFFFFF

    def below(self, limit):
        self._x = (self._x * 1664525 + 1013904223) & 0xFFFFFFFF
        return (self._x >> 8) % limit

    def pick(self, choices):
        return choices[self.below(len(choices))]

    def bytes(self, count):
        return bytes([self.below(256) for _ in range(count)])


class Clock:
    """Time goes on by a second whenever somebody looks."""

    def __init__(self):
        self.now = 0

    def ticks_ms(self):
        self.now += 1000
        return self.now

    def ticks_diff(self, a, b):
        return a - b

    def ticks_add(self, a, b):
        return a + b


class Device:
    """A running image, and the whole SMP service over it; `boot` restarts it.

    With `guarded` only an operator may do more than look (SPEC.md 11), and nobody here is one.
    """

    def __init__(self, guarded=False):
        self.access = None
        if guarded:
            random = Random(1)
            policy = {"mode": "token", "passkey": "none", "operators": [from_raw(vector_keys()[0][1])]}
            self.access = Access(policy, lambda: "fuzz", b"123456", random.bytes, Clock())
        self.rig = rigs.Rig(trials=3)
        self.rig.flash_primary(image(NAMES[0]))
        self.images = [image(name) for name in NAMES]
        self.files = self.images + [patch(name) for name in PATCHES] * 2
        self.now = (2000, 1, 1, 5, 0, 0, 0, 0)
        self.boot()

    def boot(self):
        """A reset: what runs then is one of the images that somebody signed."""
        boot = self.rig.boot()
        assert boot.image is not None, boot.reason
        self.running = [data for data in self.images if self.rig.primary_is(data)]
        assert len(self.running) == 1, "what runs is nobody's image"
        rig = self.rig
        upload = Upload(rig.strategy, bytearray(SECTOR), rig.verifier)
        upload = Patching(upload, rig.strategy, rig.verifier, 0, None, rig.log)
        self.group = ImageGroup([Component(rig.strategy, upload, True)], rig.verifier, rig.strategy.confirm)
        self.group._confirm = lambda reason: rig.strategy.confirm()
        settings = Settings(rig.cells, {"name": "fuzz", "health": HEALTH})
        counters = {"events": rig.log.totals}
        self.inbox = Inbox(4, BUF)
        self.stream = Stream(BUF)
        ignore = lambda *args: None  # noqa: E731
        groups = {
            0: OsGroup(self.inbox, ignore, "swap_offset", OsMore(self.clock, lambda: {"s": "fuzz"})),
            1: self.group,
            2: StatGroup(counters),
            3: SettingsGroup(settings, {"ophion/access": lambda: b"open"}, ignore),
            64: OphionGroup(
                {"name": "fuzz"},
                rig.log,
                ignore,
                rig.verifier.trust,
                rig.strategy.on_trial,
                {3: lambda: {"counters": {}}, 5: lambda: bases(self.group.components)},
            ),
        }
        self.session = Session(groups, BUF, lambda why: rig.log.add("refused", "", why), self.access)

    def clock(self, value=None):
        if value is None:
            return self.now
        self.now = value
        return None


class Fuzz:
    """`run(rounds)` of whatever `seed` makes of it.

    Counts: `requests` put, `answers` that came, `uploads` that were complete, `installs`: other images that
    ran after a reset; `again`: requests that were handed in once more. `reached` has (op, group, command,
    well answered) of every answer.
    """

    def __init__(self, seed, device=None):
        self.random = Random(seed)
        # Every fourth seed is for a device that knows nobody.
        self.device = device or Device(guarded=seed % 4 == 0)
        self.requests = self.answers = self.uploads = self.installs = self.again = 0
        self.reached = set()
        self._sending = None

    def run(self, rounds):
        """So many rounds: a request or two and their answers, then a look at the running image."""
        ops = self.device.rig.flash.ops
        for _ in range(rounds):
            for _ in range(1 + self.random.below(2)):
                self._round()
            self._drain()
            assert self.device.rig.primary_is(self.device.running[0]), "the running image was changed"
            guarded = self.device.access is not None
            assert not guarded or self.device.rig.flash.ops == ops, "a stranger changed something"
        before = self.device.running
        self.device.boot()
        self.installs += self.device.running != before

    def _round(self):
        r = self.random
        if r.below(4) == 0:
            self._send_on()
        data = self._valid() if r.below(10) < 7 else self._hostile()
        if r.below(3) == 0:
            data = self._mutated(data)
        how = r.below(8)
        if how == 0:
            self._feed_stream(data)
        elif how == 1:
            self._interleaved(data, self._valid())
        elif how == 2:
            self._shuffled(data)
        else:
            self._fragments(data)
        if r.below(6) == 0:
            self.device.inbox.reset_partial()  # silence, or a disconnect
            self.device.session.closed(r.below(2))
        if r.below(2):
            self.device.session.idle()
        self.requests += 1

    def _send_on(self):
        """Some chunks in a row, as they should be; sometimes the image is asked for then."""
        for _ in range(self.random.below(12)):
            self._fragments(self._chunk())
            self._drain()
        images = self.device.group.state()["images"]
        if self.random.below(3) == 0 and len(images) > 1:
            args = {"hash": images[1]["hash"], "confirm": self.random.below(2) == 1}
            self._fragments(self._pack(True, 1, 0, args))

    # What is sent

    def _valid(self):
        """A request that a client might send, an upload more often than others."""
        r = self.random
        if r.below(3) == 0:
            return self._chunk()
        write, group, command = r.pick(COMMANDS)
        return self._pack(write, group, command, self._arguments(group, command))

    def _pack(self, write, group, command, args):
        return pack_request(self.random.below(2), write, group, self.random.below(256), command, encode(args))

    def _chunk(self):
        """The next chunk of an upload that goes on, or the first of another."""
        r = self.random
        if self._sending is None or r.below(40) == 0:
            data = r.pick(self.device.files)
            if data[:4] == MAGIC and len(data) < SECTOR and r.below(3) == 0:  # nobody made this one
                data = bytearray(data)
                for _ in range(1 + r.below(3)):
                    data[r.below(len(data))] ^= 1 << r.below(8)
            self._sending = [data, 0]
        data, at = self._sending
        step = 32 + r.below(2000)
        args = {"off": at, "data": data[at : at + step]}
        if at == 0:
            args["len"] = len(data)
            if r.below(4):
                args["sha"] = hashlib.sha256(data).digest()
        self._sending[1] = min(at + step, len(data))
        return self._pack(True, 1, 1, args)

    def _arguments(self, group, command):
        r = self.random
        args = {}
        if (group, command) == (1, 0):
            known = [entry["hash"] for entry in self.device.group.state()["images"]]
            args = {"hash": r.pick(known + [r.bytes(32)]), "confirm": r.below(2) == 1}
            if r.below(4) == 0:
                del args["hash"]
        elif group == 3:
            value = r.pick((b"barn", b"\x20\x1c\0\0", r.bytes(4)))
            args = {"name": r.pick(("ophion/name", "ophion/period_s", "ophion/access", "x")), "val": value}
        elif group == 0:
            args = {
                "d": "x" * r.below(300),
                "format": r.pick(("a", "s", "q")),
                "datetime": "2026-01-02T03:04:05",
            }
        elif (group, command) == (1, 5):
            args = {"slot": r.below(6)}
        if r.below(4) == 0:
            args[r.pick(KEYS)] = self._value(0)
        return args

    def _value(self, depth):
        r = self.random
        kind = r.below(9 if depth < 4 else 6)
        if kind == 0:
            return r.below(1 << 24) << r.below(40)
        if kind == 1:
            return -1 - r.below(1000)
        if kind == 2:
            return r.bytes(r.below(60))
        if kind == 3:
            return "".join([chr(32 + r.below(90)) for _ in range(r.below(20))])
        if kind == 4:
            return r.below(2) == 1
        if kind == 5:
            return None
        if kind == 6:
            return [self._value(depth + 1) for _ in range(r.below(5))]
        return {r.pick(KEYS): self._value(depth + 1) for _ in range(r.below(5))}

    def _hostile(self):
        """Some bytes that may be CBOR behind a header that is one."""
        r = self.random
        write, group, command = r.pick(COMMANDS)
        kind = r.below(6)
        if kind == 0:
            payload = r.bytes(r.below(200))
        elif kind == 1:  # nested as deep as it goes
            payload = r.pick((b"\x81", b"\xa1\x61a", b"\x9f", b"\xbf\x61a", b"\xc1", b"\xd8\x20")) * r.below(
                600
            )
        elif kind == 2:  # sizes that lie
            payload = b"\xa1\x61a" + bytes((r.pick((0x5B, 0x7B, 0x9B, 0xBB, 0x5A, 0x7A)),)) + r.bytes(8)
        elif kind == 3:  # many items
            payload = b"\xa1\x64data" + b"\x98\xff" + b"\x00" * r.below(300)
        elif kind == 4:
            payload = b"\xbf" + r.bytes(r.below(30)) + b"\xff"
        else:
            payload = encode({r.pick(KEYS): self._value(0) for _ in range(r.below(8))})
        return pack_request(r.below(2), write, group, r.below(256), command, payload[: BUF - 8])

    def _mutated(self, data):
        r = self.random
        data = bytearray(data)
        for _ in range(1 + r.below(4)):
            kind = r.below(6)
            at = r.below(len(data)) if data else 0
            if kind == 0 and data:
                data[at] ^= 1 << r.below(8)
            elif kind == 1 and data:
                data[at] = r.pick((0, 1, 0x7F, 0x80, 0xFF, 0x5F, 0xBF))
            elif kind == 2:
                data = data[:at]
            elif kind == 3:
                data[at:at] = r.bytes(r.below(20))
            elif kind == 4 and len(data) >= 8:  # a length that fits what is there
                length = len(data) - 8
                data[2], data[3] = length >> 8 & 255, length & 255
            elif data:
                end = min(len(data), at + r.below(40))
                data[at:end] = data[at:end] + data[at:end]
        return bytes(data[: 2 * BUF])

    # How it arrives

    def _pieces(self, data):
        r = self.random
        step = r.pick((20, 100, 244, 509))
        pieces = []
        at = 0
        while at < len(data):
            size = max(8, step) if at == 0 else 1 + r.below(step)
            pieces.append(data[at : at + size])
            at += size
        return pieces

    def _put(self, piece, tag):
        if self.device.inbox.put(piece, tag) and self.random.below(2):
            self._drain()

    def _fragments(self, data):
        for piece in self._pieces(data):
            self._put(piece, 1)

    def _shuffled(self, data):
        r = self.random
        pieces = self._pieces(data)
        for _ in range(len(pieces)):
            piece = pieces.pop(r.below(len(pieces)))
            if r.below(5):
                self._put(piece, 1)

    def _interleaved(self, one, two):
        queues = [self._pieces(one), self._pieces(two)]
        while queues[0] or queues[1]:
            which = self.random.below(2)
            if queues[which]:
                self._put(queues[which].pop(0), which)

    def _feed_stream(self, data):
        for byte in data:
            packet = self.device.stream.take(byte)
            if packet is not None:
                self._check(bytes(packet), self._handle(packet, "wire"))
        if self.random.below(3) == 0:
            self.device.stream.reset()

    # What comes back

    def _drain(self):
        inbox = self.device.inbox
        while inbox.waiting():
            request = bytes(inbox.take())
            try:
                answer = self._handle(memoryview(request), inbox.tag())
            finally:
                inbox.release()
            self._check(request, answer)
        self.device.session.idle()

    def _handle(self, request, link):
        """The answer to a request, which may have to be handed in more than once."""
        for _ in range(AGAIN_MAX):
            answer = self.device.session.handle(request, link)
            if answer != b"":
                return answer
            self.again += 1
            if self.random.below(4) == 0:
                self.device.session.idle()
        raise AssertionError("a request without an end")

    def _check(self, request, answer):
        if answer is None:
            assert request[0] & 7 not in (0, 2) or request[0] >> 3 & 3 > 1, "a request without an answer"
            return
        self.answers += 1
        good = "err" not in (body := decode_map(answer[8:])) and "rc" not in body
        self.reached.add((request[0] & 2, request[5], request[7], good))
        if good and request[5] == 1 and request[7] == 1 and "off" in body and self._sending:
            self._sending[1] = body["off"]
            if body["off"] >= len(self._sending[0]):
                self._sending = None
                self.uploads += 1
        assert len(answer) <= BUF
        assert answer[0] == (request[0] & 0x1F) + 1 and bytes(answer[4:8]) == request[4:8]
        assert (answer[2] << 8 | answer[3]) == len(answer) - 8
        if "err" in body:
            assert request[0] >> 3 & 3 == 1 and sorted(body["err"]) == ["group", "rc"]
        elif "rc" in body:
            assert body["rc"] > 0


def allocated():
    """Bytes of the heap that are in use, without what only the rig keeps; 0 on CPython."""
    rigs._verdicts.clear()
    gc.collect()
    return gc.mem_alloc() if hasattr(gc, "mem_alloc") else 0
