"""Signed statements about keys: who may sign what, and who no longer may (SPEC.md 8).

A chain is a row of statements: root sets, an intermediate key, revocations, a signing key, in this order.
Parsing checks the form of every byte; whether the signatures hold is `core/trust.py`'s question.
"""

import hashlib
import struct

from ophion_boot.compat import const
from ophion_boot.fmt import FormatError
from ophion_boot.fmt.key import ID_BYTES, algorithm_name, algorithm_of, key_hash

INTERMEDIATE, SIGNING, REVOCATION, ROOTS = 1, 2, 3, 4
ROLES = {
    INTERMEDIATE: "intermediate key",
    SIGNING: "signing key",
    REVOCATION: "revocation",
    ROOTS: "root set",
}
# Flag of a revocation: the image that runs is refused too.
STOP = 1
BY_ROOTS = bytes(32)
ANY_HARDWARE = bytes(8)
COUNTER_MAX = 0xFFFFFFFF

MAGIC = b"OPHS"
FORMAT = 1
HEAD = "<4sBBBBI32s"  # magic, format, role, algorithm, flags, version, issuer
LIMITS = "<8sIIIH"  # hardware, images, least counter, greatest counter, bytes of the key
_HEAD_BYTES = const(44)
_LIMITS_BYTES = const(22)
_HASH_BYTES = const(32)
ROOTS_MAX = 5
SIGNATURES_MAX = 10
STATEMENT_MAX = 2048
CHAIN_MAX = 3072
STATEMENTS_MAX = 8
# The place of a role in a chain.
_ORDER = {ROOTS: 0, INTERMEDIATE: 1, REVOCATION: 2, SIGNING: 3}


class Limits:
    """What a key may sign: `hardware` (8 bytes, zeros: any), `images` (bit n: image number n), and the
    security counters from `counter_min` to `counter_max`."""

    def __init__(self, hardware: bytes, images: int, counter_min: int, counter_max: int) -> None:
        self.hardware = hardware
        self.images = images
        self.counter_min = counter_min
        self.counter_max = counter_max


class Statement:
    """One statement, well-formed.

    `body` is what the signatures cover, `signatures` is [(key id of 8 bytes, signature)]. `issuer` is the
    hash of the key that has to sign, BY_ROOTS when the roots have to. `subject` is the hash of the key that
    it is about; `key` and `limits` are those of an intermediate or signing key; `threshold` and `keys` those
    of a root set.
    """

    def __init__(self, data: bytes | memoryview) -> None:
        """Parse `data`, which is one statement and nothing else; raises FormatError."""
        if len(data) > STATEMENT_MAX:
            raise FormatError("statement: %d bytes, more than %d" % (len(data), STATEMENT_MAX))
        self.bytes = bytes(data)
        self.flags = 0
        self.subject = b""
        self.key = b""
        self.limits: Limits = None  # type: ignore[assignment]
        self.threshold = 0
        self.keys: list[bytes] = []
        at = self._head()
        if self.role in (INTERMEDIATE, SIGNING):
            at = self._key_body(at)
        elif self.role == REVOCATION:
            at = self._revocation_body(at)
        else:
            at = self._roots_body(at)
        self.body = self.bytes[:at]
        self.digest = hashlib.sha256(self.body).digest()
        self.signatures = self._signatures(at)

    def name(self) -> str:
        """What it is, for reasons: `signing key statement 3`."""
        return "%s statement %d" % (ROLES[self.role], self.version)

    def _head(self) -> int:
        self._need(0, _HEAD_BYTES, "its header")
        magic, form, role, algorithm, flags, self.version, self.issuer = struct.unpack_from(HEAD, self.bytes)
        if magic != MAGIC:
            raise FormatError("statement: it does not begin with OPHS")
        if form != FORMAT:
            raise FormatError("statement: format %d is not %d" % (form, FORMAT))
        if role not in ROLES:
            raise FormatError("statement: role %d is unknown" % role)
        self.role = role
        self._algorithm = algorithm
        self.flags = flags
        if flags & ~(STOP if role == REVOCATION else 0):
            raise FormatError("%s: flags %#x are unknown" % (self.name(), flags))
        if self.version == 0:
            raise FormatError("%s: version 0" % self.name())
        self._check_issuer()
        return _HEAD_BYTES

    def _check_issuer(self) -> None:
        by_roots = self.issuer == BY_ROOTS
        if self.role in (INTERMEDIATE, ROOTS) and not by_roots:
            raise FormatError("%s: only the roots issue it, not a key" % self.name())
        if self.role == SIGNING and by_roots:
            raise FormatError("%s: the roots do not issue it, an intermediate key does" % self.name())
        if self.role in (REVOCATION, ROOTS) and self._algorithm:
            raise FormatError("%s: algorithm %#x where there is no key" % (self.name(), self._algorithm))

    def _key_body(self, at: int) -> int:
        self._need(at, _LIMITS_BYTES, "its limits")
        hardware, images, least, most, size = struct.unpack_from(LIMITS, self.bytes, at)
        if images == 0:
            raise FormatError("%s: it allows no image" % self.name())
        if least > most:
            raise FormatError("%s: counters from %d to %d" % (self.name(), least, most))
        self.limits = Limits(hardware, images, least, most)
        at += _LIMITS_BYTES
        self.key = self._key(at, size, self._algorithm)
        self.subject = key_hash(self.key)
        if self.subject == self.issuer:
            raise FormatError("%s: a key vouches for itself" % self.name())
        return at + size

    def _revocation_body(self, at: int) -> int:
        self._need(at, _HASH_BYTES, "the hash of the revoked key")
        self.subject = self.bytes[at : at + _HASH_BYTES]
        return at + _HASH_BYTES

    def _roots_body(self, at: int) -> int:
        self._need(at, 2, "its threshold")
        self.threshold, count = self.bytes[at], self.bytes[at + 1]
        at += 2
        if not 1 <= count <= ROOTS_MAX:
            raise FormatError("%s: %d keys, not 1 to %d" % (self.name(), count, ROOTS_MAX))
        if not 1 <= self.threshold <= count:
            raise FormatError("%s: threshold %d of %d keys" % (self.name(), self.threshold, count))
        for _ in range(count):
            self._need(at, 4, "a key")
            algorithm, zero, size = struct.unpack_from("<BBH", self.bytes, at)
            if zero:
                raise FormatError("%s: a reserved byte is %d" % (self.name(), zero))
            key = self._key(at + 4, size, algorithm)
            if key in self.keys:
                raise FormatError("%s: a key stands twice" % self.name())
            self.keys.append(key)
            at += 4 + size
        return at

    def _key(self, at: int, size: int, algorithm: int) -> bytes:
        self._need(at, size, "a key")
        key = self.bytes[at : at + size]
        try:
            found = algorithm_of(key)
        except FormatError as e:
            raise FormatError("%s: %s" % (self.name(), e))
        if found != algorithm:
            names = (self.name(), algorithm_name(found), algorithm_name(algorithm))
            raise FormatError("%s: the key is %s, not %s" % names)
        return key

    def _signatures(self, at: int) -> list[tuple[bytes, bytes]]:
        self._need(at, 1, "its signatures")
        count = self.bytes[at]
        at += 1
        if not 1 <= count <= SIGNATURES_MAX:
            raise FormatError("%s: %d signatures, not 1 to %d" % (self.name(), count, SIGNATURES_MAX))
        found: list[tuple[bytes, bytes]] = []
        for _ in range(count):
            self._need(at, ID_BYTES + 2, "a signature")
            key_id = self.bytes[at : at + ID_BYTES]
            size = self.bytes[at + ID_BYTES] | self.bytes[at + ID_BYTES + 1] << 8
            at += ID_BYTES + 2
            self._need(at, size, "a signature")
            if found and key_id <= found[-1][0]:
                raise FormatError(
                    "%s: %s"
                    % (
                        self.name(),
                        "two signatures by one key"
                        if key_id == found[-1][0]
                        else "signatures are not in order",
                    )
                )
            found.append((key_id, self.bytes[at : at + size]))
            at += size
        if at != len(self.bytes):
            raise FormatError("%s: %d bytes after the signatures" % (self.name(), len(self.bytes) - at))
        return found

    def _need(self, at: int, size: int, what: str) -> None:
        if at + size > len(self.bytes):
            raise FormatError("statement: cut off in %s" % what)


def hardware_tag(hw: str) -> bytes:
    """The 8 bytes by which limits name the hardware id `hw`: the first ones of its SHA-256."""
    return hashlib.sha256(hw.encode()).digest()[:8]


def parse_chain(data: bytes | memoryview) -> list[Statement]:
    """The statements of a chain, each behind its u16 size, in the order that SPEC.md 8.3 asks for.

    At most 8 statements and 3072 bytes. Raises FormatError.
    """
    if not len(data):
        raise FormatError("chain: it is empty")
    if len(data) > CHAIN_MAX:
        raise FormatError("chain: %d bytes, more than %d" % (len(data), CHAIN_MAX))
    chain: list[Statement] = []
    at = 0
    while at < len(data):
        if at + 2 > len(data):
            raise FormatError("chain: cut off in a size")
        size = data[at] | data[at + 1] << 8
        at += 2
        if at + size > len(data):
            raise FormatError("chain: a statement of %d bytes runs over the end" % size)
        if len(chain) == STATEMENTS_MAX:
            raise FormatError("chain: more than %d statements" % STATEMENTS_MAX)
        statement = Statement(data[at : at + size])
        _check_place(chain, statement)
        chain.append(statement)
        at += size
    return chain


def _check_place(chain: list[Statement], statement: Statement) -> None:
    name = statement.name()
    for other in chain:
        if other.body == statement.body:
            raise FormatError("chain: %s stands twice" % name)
    last = chain[-1] if chain else None
    if last is not None and _ORDER[last.role] > _ORDER[statement.role]:
        raise FormatError("chain: %s stands after %s" % (name, last.name()))
    if last is not None and last.role == statement.role:
        if statement.role in (INTERMEDIATE, SIGNING):
            raise FormatError("chain: a second %s" % ROLES[statement.role])
        if statement.role == ROOTS and statement.version <= last.version:
            raise FormatError("chain: %s after %s" % (name, last.name()))
    if statement.issuer != BY_ROOTS:
        issuers = [other.subject for other in chain if other.role == INTERMEDIATE]
        if not issuers:
            raise FormatError("chain: %s without its intermediate key" % name)
        if statement.issuer != issuers[0]:
            raise FormatError("chain: %s is not by the intermediate key before it" % name)
