"""ECDSA and ECDH over NIST P-256 (FIPS 186-5, 6.4.2; SEC 1, 3.3.1; SP 800-56A, 5.7.1.2).

`verify` handles nothing secret and is not constant-time. `ecdh` takes the same steps for every private
key, but Python cannot promise more: long integers take longer when they are longer, and which table
entry is read depends on the key. On the field machine (viper) arithmetic takes the same time for all values.
"""

from ophion_boot.crypto import CryptoError, weierstrass
from ophion_boot.crypto.comb import TEETH, regular_schedule, schedule
from ophion_boot.crypto.der import SEQUENCE, integers, whole
from ophion_boot.crypto.inverse import inverse
from ophion_boot.crypto.odd_p256 import TABLE as ODD
from ophion_boot.crypto.weierstrass import P

try:
    from ophion_boot.crypto.p256_vm import product, shared_x
except (ImportError, SyntaxError, ValueError, MemoryError):
    from ophion_boot.crypto.weierstrass import product, shared_x

_B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
_N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_SPKI = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200")


def public_key(spki: bytes) -> bytes:
    """The 65 bytes of a key given as SubjectPublicKeyInfo (RFC 5480, 2) with a named curve, uncompressed."""
    if len(spki) != 91 or bytes(spki[:26]) != _SPKI:
        raise CryptoError("not the SubjectPublicKeyInfo of a P-256 key with an uncompressed point")
    return bytes(spki[26:])


def verify(key: bytes, digest: bytes, signature: bytes, table: bytes | memoryview | None = None) -> None:
    """Raise CryptoError unless `signature` of `digest` (SHA-256, 32 bytes) by `key` is valid.

    `key` is an uncompressed point (65 bytes), `signature` DER, strict. `table` is what
    `p256_table.make_table(key)` gave. It takes the place of the key's point: keep it as safe as the key.
    """
    if len(digest) != 32:
        raise CryptoError("digest is %d bytes, not 32" % len(digest))
    r, s = _split(signature)
    w = inverse(s, _N)
    a = int.from_bytes(digest, "big") * w % _N
    b = r * w % _N
    points: tuple = ()
    if table is not None:
        from ophion_boot.crypto.base_p256 import TABLE as base

        if len(table) != 64 << TEETH - 1:
            raise CryptoError("the table is %d bytes, not %d" % (len(table), 64 << TEETH - 1))
        steps = schedule((), _N, a, b)
    else:
        points = (point_of(key),)
        base = ODD
        # A bit less each: one doubling less.
        steps = schedule((_centred(b),), _N, odd_base=_centred(a))
    x, _, z = product(steps, points, base, table)
    if not z:
        # The machine's addition is incomplete: it ends with 0 when it met an exceptional case.
        x, _, z = weierstrass.product(steps, points, base, table)
    zz = z * z % P
    # x/z^2 modulo n is r: x/z^2 is r or r + n.
    if not z or ((r * zz - x) % P and (r + _N >= P or ((r + _N) * zz - x) % P)):
        raise CryptoError("it does not match")


def ecdh(private: bytes, public: bytes) -> bytes:
    """The shared secret (32 bytes) of a private key (32 bytes, big-endian) and a point (65 bytes)."""
    k = int.from_bytes(private, "big")
    if len(private) != 32 or not 0 < k < _N:
        raise CryptoError("not a private key of P-256")
    point = point_of(public)
    # k and n - k lead to the same x, and one of them is odd.
    k = (_N - k, k)[k & 1]
    return shared_x(regular_schedule(k), point).to_bytes(32, "big")


def _centred(n: int) -> int:
    """The number from -_N/2 to _N/2 that is `n` modulo _N."""
    return n - _N if 2 * n > _N else n


def _split(signature: bytes) -> tuple[int, int]:
    signature = bytes(signature)
    numbers = integers(signature, *whole(signature, SEQUENCE))
    if len(numbers) != 2:
        raise CryptoError("signature has %d numbers, not 2" % len(numbers))
    for name, number in zip("rs", numbers):
        if not 0 < number < _N:
            raise CryptoError(name + " is not between 0 and the group order")
    return numbers[0], numbers[1]


def point_of(key: bytes) -> tuple[int, int]:
    """(x, y) of an uncompressed point (SEC 1, 2.3.4), which lies on the curve (5.6.2.3.4 of SP 800-56A)."""
    if len(key) != 65 or key[0] != 4:
        raise CryptoError("not an uncompressed point of P-256")
    x = int.from_bytes(key[1:33], "big")
    y = int.from_bytes(key[33:], "big")
    if x >= P or y >= P:
        raise CryptoError("a coordinate of the point is not below p")
    if (y * y - (x * x - 3) * x - _B) % P:
        raise CryptoError("the point is not on the curve")
    return x, y
