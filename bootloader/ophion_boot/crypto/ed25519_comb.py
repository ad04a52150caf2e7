"""Ed25519 with a table of the key: half the work of a verification.

Boards without key tables need none of it, nor its table of the generator.
"""

from ophion_boot.crypto import CryptoError
from ophion_boot.crypto.base_ed25519 import TABLE
from ophion_boot.crypto.comb import TEETH, schedule
from ophion_boot.crypto.curve25519 import P
from ophion_boot.crypto.ed25519 import L, product
from ophion_boot.crypto.inverse import inverse


def match(table: bytes | memoryview, r: bytes, s: int, h: int) -> bool:
    """True when R, S and the hash `h` fit the key of `table`; for `ed25519.verify`."""
    if len(table) != 96 << TEETH - 1:
        raise CryptoError("the table is %d bytes, not %d" % (len(table), 96 << TEETH - 1))
    x, y, z = product(schedule((), L, s, h), (), TABLE, table)
    z %= P
    if not z:
        return False
    number = int.from_bytes(r, "little")
    # y first: it needs no inversion.
    if ((number & P + 18) * z - y) % P:
        return False
    return x * inverse(z, P) % P & 1 == number >> 255
