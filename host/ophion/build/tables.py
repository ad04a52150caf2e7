"""Comb tables of the keys that a device verifies with at every boot, made with the device's own code.

A table stands for its key, so it is made here, from the key, and goes into the same frozen module; there is
no way to hand one in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ophion_boot.core.keys import table_mark
from ophion_boot.crypto import CryptoError, ed25519, ed25519_table, p256, p256_table
from ophion_boot.fmt.key import ECDSA_P256, ED25519, algorithm_of, from_raw, key_hash
from ophion_boot.fmt.statement import INTERMEDIATE, SIGNING, Statement

# Keys of RSA have no such table.
_MAKERS: dict[int, Callable[[bytes], bytes]] = {
    ED25519: lambda key: ed25519_table.make_table(ed25519.public_key(key)),
    ECDSA_P256: lambda key: p256_table.make_table(p256.public_key(key)),
}


def key_tables(keys: Iterable[bytes]) -> dict[bytes, tuple[bytes, bytes]]:
    """{key hash: (table, mark)} for those of `keys` (raw Ed25519 or encoded) that can have one.

    Raises CryptoError for a key that is not a point of its curve.
    """
    found = {}
    for key in keys:
        encoded = from_raw(key)
        maker = _MAKERS.get(algorithm_of(encoded))
        if maker is None:
            continue
        hashed = key_hash(encoded)
        try:
            table = maker(encoded)
        except CryptoError as error:
            raise CryptoError(f"key {hashed[:4].hex()}...: {error}") from error
        found[hashed] = (table, table_mark(hashed, table))
    return found


def steady_keys(
    keys: Iterable[bytes], roots: Iterable[bytes], chain: Iterable[Statement], cache: bool
) -> list[bytes]:
    """The keys that a boot verifies with: `keys` of the device and the signing key of `chain`.

    Without a `cache` of checked chains the `roots` and the intermediate key, too.
    """
    wanted = list(keys) + [s.key for s in chain if s.role == SIGNING]
    if not cache:
        wanted += [*roots, *(s.key for s in chain if s.role == INTERMEDIATE)]
    return wanted
