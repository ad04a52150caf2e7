"""Tokens: an operator signs the device's challenge (SPEC.md 11.3).

Challenges are made out of a secret that changes, not remembered one by one: nobody can crowd out somebody
else's by asking for many. A wrong signature costs a verification, so each one is followed by a pause, on its
link and, shorter, on all of them. A pause costs nothing to keep and ends by itself.
"""

import hashlib
import struct

from ophion_boot.compat import const
from ophion_boot.core.keys import check_signature
from ophion_boot.core.smp_session import SmpError
from ophion_boot.crypto import CryptoError
from ophion_boot.fmt.key import ID_BYTES, key_hash
from ophion_boot.fmt.token import token_digest

_EBUSY = const(10)
_EACCESSDENIED = const(11)
_LIFE_MS = const(30_000)
_SECRET_BYTES = const(32)
_LINK_FIRST_MS, _LINK_MOST_MS = const(1000), const(32_000)
_ALL_FIRST_MS, _ALL_MOST_MS = const(250), const(4000)


def pause_left(pause: list, clock) -> int:  # type: ignore[no-untyped-def]
    """Milliseconds until `pause` ([end in ticks, wrong tokens in a row]) is over; 0: it is."""
    left = clock.ticks_diff(pause[0], clock.ticks_ms()) if pause[1] else 0
    # Ticks wrap: an end that seems to be further away than any pause is long past.
    return left if 0 < left <= _LINK_MOST_MS else 0


def _lengthen(pause: list, first: int, most: int, clock) -> None:  # type: ignore[no-untyped-def]
    """One more wrong token: the next pause is twice as long, up to `most` (ms)."""
    pause[0] = clock.ticks_add(clock.ticks_ms(), min(most, first << min(pause[1], 16)))
    pause[1] += 1


class Tokens:
    """Makes challenges and checks what answers them.

    `operators` are encoded public keys (fmt/key.py); the rest is as for Access.
    """

    def __init__(self, operators: list, name, uid: bytes, entropy, clock) -> None:  # type: ignore[no-untyped-def]
        self.keys = {key_hash(key)[:ID_BYTES]: key for key in operators}
        self._name = name
        self._uid = uid
        self._entropy = entropy
        self._clock = clock
        self._secrets = [b"", b""]  # the newest first
        self._since = 0
        self._serial = 0
        self._pause = [0, 0]

    def challenge(self, link: object) -> bytes:
        """The challenge (32 bytes) for `link`; good for 30 to 60 s, and until a token was taken."""
        if not self._secrets[0] or not 0 <= self._age() < _LIFE_MS:
            old = self._secrets[0] if 0 <= self._age() < 2 * _LIFE_MS else b""
            self._secrets = [self._entropy(_SECRET_BYTES), old]
            self._since = self._clock.ticks_ms()
        return self._made(self._secrets[0], link)

    def renew(self) -> None:
        """All challenges that were given out are void."""
        self._serial += 1

    def check(self, link: object, challenge: bytes, key_id: bytes, signature: bytes, pause: list) -> None:
        """Raise SmpError unless `signature` answers a challenge of this `link`, by the operator `key_id`.

        `pause` is the link's, [0, 0] at first. What costs no verification lengthens no pause.
        """
        left = max(pause_left(pause, self._clock), pause_left(self._pause, self._clock))
        if left:
            raise SmpError(_EBUSY, "wrong tokens came: try again in %d ms" % left)
        if challenge not in self._good(link):
            raise SmpError(_EACCESSDENIED, "the challenge is not of this link, was used, or is too old")
        if key_id not in self.keys:
            raise SmpError(_EACCESSDENIED, "the key is no operator's here")
        serial = self._serial
        try:
            check_signature(self.keys[key_id], token_digest(self._name(), self._uid, challenge), signature)
        except CryptoError as e:
            _lengthen(pause, _LINK_FIRST_MS, _LINK_MOST_MS, self._clock)
            _lengthen(self._pause, _ALL_FIRST_MS, _ALL_MOST_MS, self._clock)
            raise SmpError(_EACCESSDENIED, "wrong token: %s" % e)
        if serial != self._serial:
            # The peer went while its token was checked; the link may be another one's now.
            raise SmpError(_EACCESSDENIED, "the link ended")
        self.renew()
        pause[1] = self._pause[1] = 0

    def _good(self, link: object) -> list[bytes]:
        """The challenges that may be answered on `link` now."""
        age = self._age()
        if not self._secrets[0] or not 0 <= age < 2 * _LIFE_MS:
            return []
        old = self._secrets[1] if age < _LIFE_MS else b""
        return [self._made(secret, link) for secret in (self._secrets[0], old) if secret]

    def _made(self, secret: bytes, link: object) -> bytes:
        return hashlib.sha256(secret + struct.pack("<I", self._serial) + str(link).encode()).digest()

    def _age(self) -> int:
        return int(self._clock.ticks_diff(self._clock.ticks_ms(), self._since))
