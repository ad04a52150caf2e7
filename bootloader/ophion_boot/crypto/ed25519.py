"""Ed25519 signature verification (RFC 8032, 5.1.7, cofactorless), strict.

Stricter than the RFC asks: points must be canonical, and a key or R of small order is refused.
Nothing here is secret, so nothing is constant-time. Points are (X, Y, Z, T) with x = X/Z, y = Y/Z,
xy = T/Z (Hisil, Wong, Carter, Dawson 2008); the double scalar product interleaves two windowed
non-adjacent forms (Straus 1964; Moeller 2001).
"""

from ophion_boot.crypto import CryptoError
from ophion_boot.crypto.sha512 import sha512

_P = 2**255 - 19
_L = 2**252 + 27742317777372353535851937790883648493
_D = 37095705934669439343138083508754565189542113879843219016388785533085940283555
_D2 = 2 * _D % _P
_SQRT_M1 = 19681161376707505956807079304988542015446066515923890162744021073123829784752
_BASE_Y = 46316835694926478169428394003475163141307993866256225615783033603165251855960
_IDENTITY = (0, 1, 1, 0)
_WINDOW = 5


def verify(public_key: bytes, message: bytes, signature: bytes) -> None:
    """Raise CryptoError unless `signature` (64 bytes) of `message` by `public_key` (32 bytes) is valid."""
    if len(public_key) != 32 or len(signature) != 64:
        raise CryptoError(
            "key is %d and signature %d bytes, not 32 and 64" % (len(public_key), len(signature))
        )
    s = int.from_bytes(signature[32:], "little")
    if s >= _L:
        raise CryptoError("S is not below the group order")
    r = signature[:32]
    _check_order(r, "R")
    _check_order(public_key, "the key")
    a = _decode(public_key)
    h = int.from_bytes(sha512(r + public_key + message), "little") % _L
    point = _double_product(s, _base_table(), h, _odd_multiples((_P - a[0], a[1], 1, _P - a[3])))
    if _encode(point) != r:
        raise CryptoError("it does not match")


def _check_order(encoded: bytes, name: str) -> None:
    y = int.from_bytes(encoded, "little") & ((1 << 255) - 1)
    if y >= _P:
        raise CryptoError(name + " is not canonical")
    if y in (0, 1, _P - 1) or _has_order_eight(y):
        raise CryptoError(name + " has a small order")


def _has_order_eight(y: int) -> bool:
    # Doubling a point of order 8 gives one of order 4, whose y is 0: so x^2 + y^2 = 0, and the curve
    # equation -x^2 + y^2 = 1 + d x^2 y^2 becomes d y^4 + 2 y^2 - 1 = 0.
    yy = y * y % _P
    return (_D * yy % _P * yy + 2 * yy - 1) % _P == 0


def _decode(encoded: bytes) -> tuple:
    number = int.from_bytes(encoded, "little")
    y = number & ((1 << 255) - 1)
    u = (y * y - 1) % _P
    v = (_D * y * y + 1) % _P
    v3 = v * v * v % _P
    x = u * v3 % _P * pow(u * v3 % _P * v3 % _P * v % _P, (_P - 5) // 8, _P) % _P
    check = v * x % _P * x % _P
    if check != u:
        if check != _P - u:
            raise CryptoError("the key is not a point of the curve")
        x = x * _SQRT_M1 % _P
    if x & 1 != number >> 255:
        x = _P - x
    return x, y, 1, x * y % _P


def _encode(point: tuple) -> bytes:
    inverse = pow(point[2], _P - 2, _P)
    x = point[0] * inverse % _P
    y = point[1] * inverse % _P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def _double(p: tuple) -> tuple:
    x, y, z, _ = p
    a = x * x % _P
    b = y * y % _P
    h = a + b
    e = h - (x + y) * (x + y) % _P
    g = a - b
    f = 2 * z * z % _P + g
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _add(p: tuple, q: tuple) -> tuple:
    """p + q, where q is (Y-X, Y+X, 2Z, 2dT)."""
    a = (p[1] - p[0]) * q[0] % _P
    b = (p[1] + p[0]) * q[1] % _P
    c = p[3] * q[3] % _P
    d = p[2] * q[2] % _P
    e = b - a
    f = d - c
    g = d + c
    h = b + a
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _prepare(p: tuple) -> tuple:
    return (p[1] - p[0]) % _P, (p[1] + p[0]) % _P, 2 * p[2] % _P, _D2 * p[3] % _P


def _odd_multiples(p: tuple) -> list[tuple]:
    """[1p, 3p, 5p ...], ready to be added."""
    twice = _prepare(_double(p))
    table = [_prepare(p)]
    for _ in range((1 << (_WINDOW - 2)) - 1):
        p = _add(p, twice)
        table.append(_prepare(p))
    return table


_base: list[tuple] = []


def _base_table() -> list[tuple]:
    if not _base:
        _base.extend(_odd_multiples(_decode(_BASE_Y.to_bytes(32, "little"))))
    return _base


def _signed_digits(n: int) -> bytearray:
    """The windowed non-adjacent form of `n`, lowest first: odd digits, offset by 128, or 128 for 0."""
    digits = bytearray(b"\x80" * 256)
    at = 0
    while n:
        if n & 1:
            digit = n & ((1 << _WINDOW) - 1)
            if digit >> (_WINDOW - 1):
                digit -= 1 << _WINDOW
            n -= digit
            digits[at] = 128 + digit
        n >>= 1
        at += 1
    return digits


def _double_product(m: int, table_m: list[tuple], n: int, table_n: list[tuple]) -> tuple:
    """m times the point of `table_m` plus n times the point of `table_n`."""
    digits_m, digits_n = _signed_digits(m), _signed_digits(n)
    point = _IDENTITY
    for i in range(255, -1, -1):
        point = _double(point)
        if digits_m[i] != 128:
            point = _add_digit(point, table_m, digits_m[i] - 128)
        if digits_n[i] != 128:
            point = _add_digit(point, table_n, digits_n[i] - 128)
    return point


def _add_digit(point: tuple, table: list[tuple], digit: int) -> tuple:
    if digit > 0:
        return _add(point, table[digit >> 1])
    low, high, z2, t2 = table[-digit >> 1]
    return _add(point, (high, low, z2, _P - t2))
