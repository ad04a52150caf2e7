"""The signing chain: root set -> intermediate key -> signing key, as statements that devices check.

    intermediate = key_statement(INTERMEDIATE, public, roots_signer, version=1)
    chain = Chain([intermediate, key_statement(SIGNING, signing_public, intermediate_signer, version=1)])

A `Chain` is what `ophion sign --chain` puts into an image and what is delivered to a device alone. The format
is the device's own (`ophion_boot.fmt.statement`, SPEC.md 8).
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ophion_boot.fmt import FormatError
from ophion_boot.fmt.key import ID_BYTES, algorithm_of, key_hash
from ophion_boot.fmt.statement import (
    ANY_HARDWARE,
    BY_ROOTS,
    COUNTER_MAX,
    FORMAT,
    HEAD,
    INTERMEDIATE,
    LIMITS,
    MAGIC,
    REVOCATION,
    ROLES,
    ROOTS,
    SIGNING,
    STOP,
    Statement,
    hardware_tag,
    parse_chain,
)

from ophion.errors import KeyFileError, UsageError
from ophion.files import read_file
from ophion.keys.public import PublicKey
from ophion.keys.sample import refuse_hash
from ophion.keys.signer import Signer

__all__ = [
    "INTERMEDIATE",
    "REVOCATION",
    "ROLES",
    "ROOTS",
    "SIGNING",
    "Chain",
    "KeyLimits",
    "add_signatures",
    "key_statement",
    "load_chain",
    "revocation",
    "root_set",
]
_ALL_IMAGES = 0xFFFFFFFF
_VERSION_MAX = 0xFFFFFFFF
_ORDER = {ROOTS: 0, INTERMEDIATE: 1, REVOCATION: 2, SIGNING: 3}


@dataclass(frozen=True)
class KeyLimits:
    """What a key may sign.

    hardware     hardware id (`board.hw` of a layout), "" for any
    images       image numbers, empty for any
    counter_min  least security counter of an image
    counter_max  greatest one: a key without a clock expires when the counter goes beyond it
    """

    hardware: str = ""
    images: Sequence[int] = ()
    counter_min: int = 0
    counter_max: int = COUNTER_MAX

    @classmethod
    def of(cls, statement: Statement) -> KeyLimits | None:
        """The limits of a statement; None if they name hardware, of which only a hash is known."""
        limits = statement.limits
        if limits.hardware != ANY_HARDWARE:
            return None
        images = () if limits.images == _ALL_IMAGES else [n for n in range(32) if limits.images >> n & 1]
        return cls("", tuple(images), limits.counter_min, limits.counter_max)

    def pack(self, key: bytes) -> bytes:
        """As a statement about `key` carries them, the key behind them. Raises UsageError."""
        for number in self.images:
            if not 0 <= number < 32:
                raise UsageError(f"image number {number} is not 0 to 31")
        for name, value in (("least", self.counter_min), ("greatest", self.counter_max)):
            if not 0 <= value <= COUNTER_MAX:
                raise UsageError(f"the {name} security counter {value} is not 0 to {COUNTER_MAX}")
        mask = sum(1 << number for number in set(self.images)) or _ALL_IMAGES
        tag = hardware_tag(self.hardware) if self.hardware else ANY_HARDWARE
        return struct.pack(LIMITS, tag, mask, self.counter_min, self.counter_max, len(key)) + key


@dataclass(frozen=True)
class Chain:
    """Statements in the order in which a device reads them; well-formed, their signatures unchecked."""

    statements: tuple[Statement, ...]

    @classmethod
    def of(cls, statements: Iterable[Statement]) -> Chain:
        """The chain of `statements`, brought into order; the same one twice counts once.

        Raises KeyFileError when they do not make a chain.
        """
        unique = list({statement.body: statement for statement in statements}.values())
        unique.sort(key=_place)
        return cls.parse(b"".join(struct.pack("<H", len(one.bytes)) + one.bytes for one in unique))

    @classmethod
    def parse(cls, data: bytes, where: str = "chain") -> Chain:
        """Read the bytes of a chain; `where` names it in errors. Raises KeyFileError."""
        try:
            return cls(tuple(parse_chain(data)))
        except FormatError as error:
            raise KeyFileError(f"{where}: {error}") from None

    @property
    def data(self) -> bytes:
        """The bytes: of the file, of the TLV, of what is delivered."""
        return b"".join(struct.pack("<H", len(one.bytes)) + one.bytes for one in self.statements)

    def one(self, role: int) -> Statement | None:
        """The statement of that role, None if there is none."""
        return next((one for one in self.statements if one.role == role), None)

    def need(self, role: int, where: str = "the chain") -> Statement:
        """The statement of that role. Raises UsageError if there is none."""
        found = self.one(role)
        if found is None:
            raise UsageError(f"{where} holds no {ROLES[role]} statement")
        return found

    def refuse_samples(self, allow: bool | None = None) -> None:
        """Raise KeyFileError if a key of which the private half is published may sign by this chain."""
        for statement in self.statements:
            if statement.role != REVOCATION:
                for found in [statement.subject] if statement.key else map(key_hash, statement.keys):
                    refuse_hash(found, "anyone can sign with it", "use keys of your own", allow)

    def check_signs_with(self, public: PublicKey) -> None:
        """Raise UsageError unless this chain vouches for `public` as a signing key, or when it revokes it."""
        if self.need(SIGNING).subject != public.keyhash:
            raise UsageError(
                "the chain is for another signing key than the one given", "see `ophion keys chain show`"
            )
        revoked = {one.subject for one in self.statements if one.role == REVOCATION}
        for one in self.statements:
            if one.role in (INTERMEDIATE, SIGNING) and one.subject in revoked:
                raise UsageError(
                    f"the chain itself revokes its {ROLES[one.role]}: no device would take the image",
                    "sign with a key that replaces it: `ophion keys rotate`",
                )


def _place(statement: Statement) -> tuple[int, int, bool]:
    """Sorts statements into the order of a chain, root sets by version, what roots revoke first."""
    version = statement.version if statement.role == ROOTS else 0
    return _ORDER[statement.role], version, statement.issuer != BY_ROOTS


def load_chain(path: str | os.PathLike[str]) -> Chain:
    """Read a chain file. Raises InputError (no file) or KeyFileError (not a chain)."""
    return Chain.parse(read_file(path, "chain"), os.fspath(path))


def key_statement(
    role: int,
    public: PublicKey,
    signers: Sequence[Signer],
    version: int = 1,
    limits: KeyLimits | None = None,
    issuer: PublicKey | None = None,
) -> Statement:
    """The statement that `public` is an intermediate (role INTERMEDIATE, signed by roots) or a signing key
    (role SIGNING, signed by the intermediate key `issuer`). Raises UsageError, KeyFileError."""
    key = public.mcuboot
    body = _head(role, version, issuer, algorithm=algorithm_of(key)) + (limits or KeyLimits()).pack(key)
    return _signed(body, signers)


def revocation(
    subject: bytes,
    signers: Sequence[Signer],
    version: int = 1,
    issuer: PublicKey | None = None,
    stop: bool = False,
) -> Statement:
    """The statement that the key with hash `subject` is not to be trusted any more.

    `issuer` is the intermediate key that signs it, None: the roots. With `stop` devices refuse to go on with
    an image that they run already. Raises UsageError, KeyFileError.
    """
    return _signed(_head(REVOCATION, version, issuer, flags=STOP if stop else 0) + subject, signers)


def root_set(
    keys: Sequence[PublicKey], threshold: int, signers: Sequence[Signer], version: int = 1
) -> Statement:
    """The statement that `threshold` of `keys` are the roots from now on. Raises UsageError, KeyFileError."""
    if not 1 <= threshold <= len(keys):
        raise UsageError(f"threshold {threshold} of {len(keys)} keys")
    body = _head(ROOTS, version, None) + bytes((threshold, len(keys)))
    for public in keys:
        key = public.mcuboot
        body += struct.pack("<BBH", algorithm_of(key), 0, len(key)) + key
    return _signed(body, signers)


def add_signatures(statement: Statement, signers: Sequence[Signer]) -> Statement:
    """The same statement with the signatures of `signers` too. Raises KeyFileError when one fails."""
    signatures = dict(statement.signatures)
    for signer in signers:
        signatures[signer.public.keyhash[:ID_BYTES]] = signer.sign_digest(statement.digest)
    return _statement(statement.body, signatures)


def _head(role: int, version: int, issuer: PublicKey | None, algorithm: int = 0, flags: int = 0) -> bytes:
    if not 1 <= version <= _VERSION_MAX:
        raise UsageError(f"statement version {version} is not 1 to {_VERSION_MAX}")
    name = issuer.keyhash if issuer else BY_ROOTS
    return struct.pack(HEAD, MAGIC, FORMAT, role, algorithm, flags, version, name)


def _signed(body: bytes, signers: Sequence[Signer]) -> Statement:
    if not signers:
        raise UsageError("a statement needs somebody who signs it")
    digest = hashlib.sha256(body).digest()
    return _statement(
        body, {signer.public.keyhash[:ID_BYTES]: signer.sign_digest(digest) for signer in signers}
    )


def _statement(body: bytes, signatures: dict[bytes, bytes]) -> Statement:
    parts = [body, bytes((len(signatures),))]
    for key_id, signature in sorted(signatures.items()):
        parts += [key_id, struct.pack("<H", len(signature)), signature]
    try:
        return Statement(b"".join(parts))
    except FormatError as error:
        raise KeyFileError(str(error)) from None
