"""Root sets, and the signatures of a chain from the roots down (SPEC.md 8.4)."""

import hashlib
import struct

from ophion_boot.core.keys import check_signature
from ophion_boot.crypto import CryptoError
from ophion_boot.fmt.key import ID_BYTES, from_raw, key_hash
from ophion_boot.fmt.statement import BY_ROOTS, INTERMEDIATE, ROOTS, Statement


class TrustError(ValueError):
    """Something that is not to be trusted; `str(error)` is the reason, in one line.

    `old` is True when it was to be trusted once, and the device has gone on to something newer.
    """

    def __init__(self, reason: str, old: bool = False) -> None:
        super().__init__(reason)
        self.old = old


class RootSet:
    """`threshold` of `keys` (encoded, or raw Ed25519) have to sign what the roots say.

    `tables` make the checks faster (core/keys.py).
    """

    def __init__(self, version: int, threshold: int, keys: list[bytes], tables: dict | None = None) -> None:
        self.version = version
        self.threshold = threshold
        self.tables = tables
        self._keys = {}
        sha = hashlib.sha256(struct.pack("<IB", version, threshold))
        for key in keys:
            encoded = from_raw(key)
            self._keys[key_hash(encoded)[:ID_BYTES]] = encoded
            sha.update(encoded)
        self.digest = sha.digest()

    @classmethod
    def of(cls, statement: Statement, tables: dict | None = None) -> "RootSet":
        """The root set that a root set statement says."""
        return cls(statement.version, statement.threshold, statement.keys, tables)

    def key(self, key_id: bytes) -> bytes | None:
        """The key with that id (8 bytes), or None."""
        return self._keys.get(key_id)

    def ids(self) -> list[bytes]:
        """The ids of the keys."""
        return list(self._keys)

    def check(self, statement: Statement) -> None:
        """Raise TrustError unless enough of these roots signed `statement`, and nobody else did."""
        for key_id, _ in statement.signatures:
            if self.key(key_id) is None:
                raise TrustError("%s: signed by an unknown key" % statement.name())
        self._check_enough(statement, "by roots")
        for key_id, signature in statement.signatures:
            _check(statement, self.key(key_id), signature, self.tables)

    def check_successor(self, statement: Statement) -> None:
        """Raise TrustError unless `statement` is a root set that may follow this one.

        Enough of these keys and enough of its own have to sign. Signatures by keys of neither are not
        looked at: they are for devices that have another root set.
        """
        if statement.version <= self.version:
            raise TrustError("%s is superseded by %d" % (statement.name(), self.version))
        new = RootSet.of(statement)
        self._check_enough(statement, "by the roots before")
        new._check_enough(statement, "by its own keys")
        for key_id, signature in statement.signatures:
            key = self.key(key_id) or new.key(key_id)
            if key is not None:
                _check(statement, key, signature, self.tables)

    def _check_enough(self, statement: Statement, whose: str) -> None:
        count = len([1 for key_id, _ in statement.signatures if self.key(key_id) is not None])
        if count < self.threshold:
            text = "%s: %d of %d signatures %s"
            raise TrustError(text % (statement.name(), count, self.threshold, whose))


def _check(statement: Statement, key: bytes | None, signature: bytes, tables: dict | None) -> None:
    try:
        check_signature(key or b"", statement.digest, signature, None, tables)
    except CryptoError as e:
        raise TrustError("%s: signature: %s" % (statement.name(), e))


def check_chain(roots: RootSet, chain: list[Statement]) -> None:
    """Raise TrustError unless every statement of `chain` is signed as it has to be, beginning with `roots`.

    A root set that is older than `roots` is passed over.
    """
    intermediate: Statement = None  # type: ignore[assignment]
    for statement in chain:
        if statement.role == ROOTS:
            roots = _next(roots, statement)
        elif statement.issuer == BY_ROOTS:
            roots.check(statement)
        else:
            _check_by(intermediate, statement, roots.tables)
        if statement.role == INTERMEDIATE:
            intermediate = statement


def _next(roots: RootSet, statement: Statement) -> RootSet:
    if statement.version < roots.version:
        return roots
    if statement.version == roots.version:
        if RootSet.of(statement).digest != roots.digest:
            raise TrustError("%s: another root set has that version" % statement.name())
        return roots
    roots.check_successor(statement)
    return RootSet.of(statement, roots.tables)


def _check_by(intermediate: Statement, statement: Statement, tables: dict | None) -> None:
    """The parser saw to it that the intermediate key is the issuer."""
    key_id, signature = statement.signatures[0]
    if len(statement.signatures) > 1 or key_id != intermediate.subject[:ID_BYTES]:
        raise TrustError("%s: signed by an unknown key" % statement.name())
    _check(statement, intermediate.key, signature, tables)
