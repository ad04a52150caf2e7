"""Ed25519 signature verification (RFC 8032, 5.1.7, cofactorless), strict.

Stricter than the RFC asks: points must be canonical, and a key or R of small order is refused.
Nothing here is secret, so nothing is constant-time.

With h = H(R, A, M) modulo L, a signature is valid when sB - hA - R is the neutral element O. For an unknown
key both sides are multiplied by an odd v of 128 bits for which u = hv modulo 8L has 128 bits too, found
by the Euclidean algorithm on (8L, h) (Antipa et al. 2005): vsB - uA - vR takes half the doublings. Because
8L is the order of the whole group and v is coprime to it, the sum is O for the same signatures.
"""

from ophion_boot.crypto import CryptoError
from ophion_boot.crypto.curve25519 import P
from ophion_boot.crypto.odd_ed25519 import TABLE
from ophion_boot.crypto.scalars import ADD_BASE, ADD_WINDOW, SUB_BASE, SUB_WINDOW, signed_digits, steps_of
from ophion_boot.crypto.sha512 import sha512

try:
    from ophion_boot.crypto.edwards_vm import power, product
except (ImportError, SyntaxError, ValueError, MemoryError):
    from ophion_boot.crypto.edwards import power, product

L = 2**252 + 27742317777372353535851937790883648493
_D = 37095705934669439343138083508754565189542113879843219016388785533085940283555
_SQRT_M1 = 19681161376707505956807079304988542015446066515923890162744021073123829784752
_SPKI = bytes.fromhex("302a300506032b6570032100")


def public_key(spki: bytes) -> bytes:
    """The 32 bytes of a key given as SubjectPublicKeyInfo (RFC 8410, 4), which has one form only."""
    if len(spki) != 44 or bytes(spki[:12]) != _SPKI:
        raise CryptoError("not the SubjectPublicKeyInfo of an Ed25519 key")
    return bytes(spki[12:])


def verify(key: bytes, message: bytes, signature: bytes, table: bytes | memoryview | None = None) -> None:
    """Raise CryptoError unless `signature` (64 bytes) of `message` by `key` (32 bytes) is valid.

    `table` is what `ed25519_table.make_table(key)` gave. It takes the place of the key's point: keep it as
    safe as the key.
    """
    if len(key) != 32 or len(signature) != 64:
        raise CryptoError("key is %d and signature %d bytes, not 32 and 64" % (len(key), len(signature)))
    s = int.from_bytes(signature[32:], "little")
    if s >= L:
        raise CryptoError("S is not below the group order")
    r = bytes(signature[:32])
    key = bytes(key)
    check_order(r, "R")
    if table is None:
        check_order(key, "the key")
    h = int.from_bytes(sha512(r + key + message), "little") % L
    if table is not None:
        from ophion_boot.crypto.ed25519_comb import match

        good = match(table, r, s, h)
    else:
        good = _by_points(key, r, s, h)
    if not good:
        raise CryptoError("it does not match")


def _by_points(key: bytes, r: bytes, s: int, h: int) -> bool:
    points = [(P - x, y) for x, y in (decode_point(key, "the key"), decode_point(r, "R"))]
    u, v = _halves(h)
    k = v * s % L
    events = _events(u, v, ADD_WINDOW, SUB_WINDOW)
    events += _events(k & (1 << 127) - 1, k >> 127, ADD_BASE, SUB_BASE)
    x, y, z = product(steps_of(events), points, TABLE)
    return x % P == 0 and (y - z) % P == 0 and z % P != 0


def _events(a: int, b: int, plus: int, minus: int) -> list[int]:
    """What `scalars.steps_of` takes for a times the first point of a table and b times the second one."""
    return signed_digits(a, 5, plus << 8, minus << 8) + signed_digits(b, 5, plus << 8 | 8, minus << 8 | 8)


def _halves(h: int) -> tuple[int, int]:
    """(u, v) with u = hv modulo 8L, v odd, and both of about 128 bits (v may be negative)."""
    limit = 1 << 128
    r, s, t, v = 8 * L, h, 0, 1
    while s >= limit:
        q, rest = divmod(r, s)
        r = s
        s = rest
        rest = t - q * v
        t = v
        v = rest
    if v & 1:
        return s, v
    # Neighbours are coprime, so both neighbours of an even v are odd: take the shorter.
    if s:
        q = r // s
        if abs(t - q * v) < r:
            return r - q * s, t - q * v
    return r, t


def check_order(encoded: bytes, name: str) -> None:
    """Raise CryptoError for a point (32 bytes), called `name`, that is not canonical or has a small order."""
    y = int.from_bytes(encoded, "little") & ((1 << 255) - 1)
    if y >= P:
        raise CryptoError(name + " is not canonical")
    if y in (0, 1, P - 1) or _has_order_eight(y):
        raise CryptoError(name + " has a small order")


def _has_order_eight(y: int) -> bool:
    # Doubling a point of order 8 gives one of order 4, whose y is 0: so x^2 + y^2 = 0, and the curve
    # equation -x^2 + y^2 = 1 + d x^2 y^2 becomes d y^4 + 2 y^2 - 1 = 0.
    yy = y * y % P
    return (_D * yy % P * yy + 2 * yy - 1) % P == 0


def decode_point(encoded: bytes, name: str) -> tuple[int, int]:
    """(x, y) of a point called `name` (RFC 8032, 5.1.3), which `check_order` has seen: x is not 0.

    Raises CryptoError when it is not on the curve.
    """
    number = int.from_bytes(encoded, "little")
    y = number & ((1 << 255) - 1)
    yy = y * y % P
    u = yy - 1
    v = (_D * yy + 1) % P
    uv3 = v * v * v % P * u % P
    x = uv3 * power(uv3 * v % P * v % P * v % P * v % P) % P
    check = x * x % P * v % P
    if check != u % P:
        if (check + u) % P:
            raise CryptoError(name + " is not a point of the curve")
        x = x * _SQRT_M1 % P
    if x & 1 != number >> 255:
        x = P - x
    return x, y
