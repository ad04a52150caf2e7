"""What access needs of a device: a clock, a known secret, an operator whose tokens were signed before."""

import binascii
import json

from ophion_boot.core.access import GROUP, OPERATOR, Access
from ophion_boot.core.smp_session import SmpError
from ophion_boot.fmt.key import key_hash
from ophion_boot.fmt.smp import Request, pack_request
from support import ROOT

NAME, UID = "rig", b"\x01\x02\x03\x04\x05\xa6"
COMMAND = 20


class Clock:
    """MicroPython's ticks, wrap and all; time as the test says."""

    PERIOD = 1 << 30

    def __init__(self, now=5):
        self.now = now

    def ticks_ms(self):
        return self.now % self.PERIOD

    def ticks_diff(self, a, b):
        half = self.PERIOD // 2
        return (a - b + half) % self.PERIOD - half

    def ticks_add(self, a, ms):
        return (a + ms) % self.PERIOD


def vectors():
    """tests/vectors/access/tokens.json."""
    with open(ROOT + "/tests/vectors/access/tokens.json") as f:
        return json.load(f)


class Door:
    """An Access, and what may be sent to it. `name` and `uid` are the device's."""

    def __init__(
        self, mode="token", passkey="random", operators=("ed25519", "ecdsa-p256"), name=NAME, uid=UID
    ):
        self.clock = Clock()
        self.vectors = vectors()
        self.keys = {kind: binascii.unhexlify(key) for kind, key in self.vectors["keys"].items()}
        self.asked = 0
        self.steady = False
        policy = {"mode": mode, "operators": [self.keys[kind] for kind in operators], "passkey": passkey}
        self.access = Access(policy, lambda: name, uid, self.entropy, self.clock)

    def entropy(self, count):
        """The vectors' secret the first time, then others; always that one while `steady`."""
        self.asked += 1
        secret = binascii.unhexlify(self.vectors["secret"])
        assert count == len(secret)
        return secret if self.asked == 1 or self.steady else bytes([self.asked & 255] * count)

    def token(self, link=1, serial=0, kind="ed25519", name=NAME, uid=UID):
        """The vector for that challenge."""
        wanted = (kind, link, serial, name, binascii.hexlify(uid).decode())
        for item in self.vectors["tokens"]:
            if (item["key"], item["link"], item["serial"], item["name"], item["uid"]) == wanted:
                return item
        raise AssertionError("no vector for %r" % (wanted,))

    def challenge(self, link=1):
        return self.access.handle(request(False), {}, link)["challenge"]

    def answer(self, item, link=1, signature=None, key=None):
        """Send a vector; returns the answer, raises SmpError."""
        sig = binascii.unhexlify(item["sig"]) if signature is None else signature
        args = {
            "challenge": binascii.unhexlify(item["challenge"]),
            "key": key_hash(self.keys[item["key"]])[:8] if key is None else key,
            "sig": sig,
        }
        return self.access.handle(request(True), args, link)

    def refused(self, *args, **options):
        """(rc, reason) of a token that is not taken; fails when it is."""
        try:
            self.answer(*args, **options)
        except SmpError as e:
            return e.rc, e.reason
        raise AssertionError("it was taken")

    def wrong(self, link):
        """Send a wrong token for a good challenge of `link`: what a flood is made of. Returns the rc."""
        args = {
            "challenge": self.challenge(link),
            "key": key_hash(self.keys["ed25519"])[:8],
            "sig": bytes(64),
        }
        try:
            self.access.handle(request(True), args, link)
        except SmpError as e:
            return e.rc
        raise AssertionError("it was taken")

    def let_in(self, link=1, serial=0):
        """Become an operator on `link`."""
        assert self.challenge(link)
        assert self.answer(self.token(link, serial), link) == {"who": OPERATOR}


def request(write, group=GROUP, command=COMMAND):
    """A request's header."""
    return Request(pack_request(1, write, group, 0, command, b""))
