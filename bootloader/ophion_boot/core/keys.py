"""One question for every kind of key: did it sign this digest?

The code of an algorithm is imported when the first signature of its kind is checked, so a board may leave
the others out of its firmware.
"""

import hashlib

from ophion_boot.crypto import CryptoError
from ophion_boot.fmt.key import (
    ALGORITHMS,
    ECDSA_P256,
    ED25519,
    RSA2048,
    RSA3072,
    RSA4096,
    algorithm_name,
    algorithm_of,
    key_hash,
)


def _ed25519(key: bytes, digest: bytes, signature: bytes, table: bytes | None) -> None:
    from ophion_boot.crypto.ed25519 import public_key, verify

    verify(public_key(key), digest, signature, table)


def _ecdsa(key: bytes, digest: bytes, signature: bytes, table: bytes | None) -> None:
    from ophion_boot.crypto.p256 import public_key, verify

    verify(public_key(key), digest, signature, table)


def _rsa(key: bytes, digest: bytes, signature: bytes, table: bytes | None) -> None:
    from ophion_boot.crypto.rsa import verify

    verify(key, digest, signature)


# algorithm: function(encoded key, SHA-256 digest, signature, table or None) that raises CryptoError.
_CHECKS = {ED25519: _ed25519, ECDSA_P256: _ecdsa, RSA2048: _rsa, RSA3072: _rsa, RSA4096: _rsa}


def table_mark(hashed: bytes, table: bytes) -> bytes:
    """What vouches for the table of the key with that hash: SHA-256 over both (32 bytes)."""
    sha = hashlib.sha256(hashed)
    sha.update(table)
    return sha.digest()


def _table_of(key: bytes, tables: dict | None) -> bytes | None:
    """The table of `key`; None, which is slow and no less right, when there is none or it is not whole."""
    if not tables:
        return None
    hashed = key_hash(key)
    table, mark = tables.get(hashed, (b"", b""))
    return table if table and table_mark(hashed, table) == mark else None


def check_signature(
    key: bytes, digest: bytes, signature: bytes, kind: int | None = None, tables: dict | None = None
) -> None:
    """Raise CryptoError unless `signature` over `digest` (SHA-256, 32 bytes) is by the encoded `key`.

    `kind` is the algorithm that the signature claims to be of; None: the key's own. `tables` are those that
    the firmware holds, {key hash: (table, mark)}. A table stands for its key: from nowhere else may one come.
    """
    algorithm = algorithm_of(key)
    if kind is not None and kind != algorithm:
        raise CryptoError("it is %s, and the key is %s" % (algorithm_name(kind), algorithm_name(algorithm)))
    _, _, _, _, least, most = ALGORITHMS[algorithm]
    if not least <= len(signature) <= most:
        raise CryptoError("%d bytes are no %s signature" % (len(signature), algorithm_name(algorithm)))
    try:
        _CHECKS[algorithm](key, digest, signature, _table_of(key, tables))
    except ImportError:
        raise CryptoError("this firmware has no code for " + algorithm_name(algorithm))
