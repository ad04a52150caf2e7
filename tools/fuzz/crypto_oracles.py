"""Random cases for the crypto modules, with the verdict of `cryptography` (OpenSSL) or `ecdsa`."""

import hashlib
import hmac as std_hmac
import random
from collections.abc import Iterator

import ecdsa
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, utils
from cryptography.hazmat.primitives.asymmetric import ed25519 as ed
from cryptography.hazmat.primitives.asymmetric import rsa as rsa_keys
from cryptography.hazmat.primitives.asymmetric import x25519 as x
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from ophion_boot.crypto import edwards

Case = list[bytes]
NO, YES = b"-", b"+"
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
B = (
    15112221349535400772501151409588531511454012693041857206046113283949847762202,
    46316835694926478169428394003475163141307993866256225615783033603165251855960,
)
# A point of order 8 (RFC 7748 curve, Edwards form): its multiples are all points of small order.
Y8 = int.from_bytes(
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little"
)
SHA256 = hashes.SHA256()
PSS32 = padding.PSS(padding.MGF1(SHA256), 32)


def flip(rng: random.Random, data: bytes) -> bytes:
    """`data` with one to three bits changed."""
    out = bytearray(data)
    for _ in range(rng.randrange(1, 4)):
        bit = rng.randrange(8 * len(out))
        out[bit >> 3] ^= 1 << (bit & 7)
    return bytes(out)


# Edwards points, extended coordinates, by the complete addition of the module under test's reference half.


def _extended(x_: int, y: int) -> tuple[int, ...]:
    return x_, y, 1, x_ * y % P


def _times(n: int, point: tuple[int, ...]) -> tuple[int, ...]:
    total: tuple[int, ...] = (0, 1, 1, 0)
    while n:
        if n & 1:
            total = edwards.add(total, point)
        point = edwards.add(point, point)
        n >>= 1
    return total


def _encoded(point: tuple[int, ...]) -> bytes:
    z = pow(point[2], -1, P)
    x_, y = point[0] * z % P, point[1] * z % P
    return (y | (x_ & 1) << 255).to_bytes(32, "little")


def _torsion() -> list[tuple[int, ...]]:
    d = -121665 * pow(121666, -1, P) % P
    x2 = (Y8 * Y8 - 1) * pow(d * Y8 * Y8 + 1, -1, P) % P
    x_ = pow(x2, (P + 3) // 8, P)
    if x_ * x_ % P != x2:
        x_ = x_ * pow(2, (P - 1) // 4, P) % P
    return [_times(i, _extended(x_, Y8)) for i in range(8)]


TORSION = _torsion()
SMALL = {_encoded(t) for t in TORSION}


def openssl_accepts_ed25519(key: bytes, message: bytes, signature: bytes) -> bool:
    try:
        ed.Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def _strict(encoded: bytes) -> bool:
    """Canonical and not of small order: what SPEC and docstring ask beyond OpenSSL."""
    y = int.from_bytes(encoded, "little") & ((1 << 255) - 1)
    return y < P and not {y, P - y} & {int.from_bytes(s, "little") & ((1 << 255) - 1) for s in SMALL}


def _mixed_order(rng: random.Random) -> tuple[bytes, bytes, bytes]:
    """A signature whose key and R may have a part of small order: valid for one R in eight."""
    a, r = rng.randrange(1, L), rng.randrange(1, L)
    message = rng.randbytes(8)
    key = _encoded(edwards.add(_times(a, _extended(*B)), rng.choice(TORSION)))
    point = _times(r, _extended(*B))
    for t in rng.sample(TORSION, 8):
        big_r = _encoded(edwards.add(point, t))
        h = int.from_bytes(hashlib.sha512(big_r + key + message).digest(), "little") % L
        signature = big_r + ((r + h * a) % L).to_bytes(32, "little")
        if openssl_accepts_ed25519(key, message, signature) or rng.random() < 0.1:
            break
    return key, message, signature


def ed25519(rng: random.Random) -> Iterator[Case]:
    """Signatures, good, changed, with S beyond L, with points of small or mixed order."""
    private = ed.Ed25519PrivateKey.from_private_bytes(rng.randbytes(32))
    own_key = private.public_key().public_bytes_raw()
    while True:
        key, message = own_key, rng.randbytes(rng.choice((0, 1, 32, 63, 64, 65, 200)))
        signature = private.sign(message)
        what = rng.randrange(9)
        if what == 1:
            signature = flip(rng, signature)
        elif what == 2:
            key = flip(rng, key)
        elif what == 3:
            message = flip(rng, message + b"x")
        elif what == 4:
            s = int.from_bytes(signature[32:], "little") + rng.choice((L, 2 * L, 8 * L))
            signature = signature[:32] + (s % 2**256).to_bytes(32, "little")
        elif what == 5:
            key = rng.choice(sorted(SMALL))
            signature = rng.choice((signature[:32], key, rng.choice(sorted(SMALL)))) + bytes(32)
        elif what >= 6:
            key, message, signature = _mixed_order(rng)
        good = openssl_accepts_ed25519(key, message, signature)
        good = good and _strict(key) and _strict(signature[:32])
        yield [b"ed25519", key, message, signature, YES if good else NO]
        if what in (0, 1, 3, 4):
            yield [b"ed25519-table", key, message, signature, YES if good else NO]


def openssl_accepts_p256(key: bytes, digest: bytes, signature: bytes) -> bool:
    try:
        public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), key)
        public.verify(signature, digest, ec.ECDSA(utils.Prehashed(SHA256)))
    except (InvalidSignature, ValueError):
        return False
    return True


def ecdsa_accepts_p256(key: bytes, digest: bytes, signature: bytes) -> bool:
    try:
        public = ecdsa.VerifyingKey.from_string(key, ecdsa.NIST256p, valid_encodings=("uncompressed",))
        return bool(public.verify_digest(signature, digest, sigdecode=ecdsa.util.sigdecode_der))
    except (ecdsa.BadSignatureError, ecdsa.errors.MalformedPointError, ecdsa.der.UnexpectedDER):
        return False


def _point(private: ec.EllipticCurvePrivateKey) -> bytes:
    return private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def _constructed(rng: random.Random) -> tuple[bytes, bytes, bytes]:
    """A valid signature from small multiples, where a sum of points meets equal or opposite ones."""

    def small() -> int:
        return rng.choice((rng.randrange(1, 20), rng.randrange(1, 2**16), N - rng.randrange(1, 20)))

    while True:
        d, u1, u2 = small(), rng.choice((0, small())), small()
        k = (u1 + u2 * d) % N
        if k:
            break
    r = ec.derive_private_key(k, ec.SECP256R1()).public_key().public_numbers().x % N
    s = r * pow(u2, -1, N) % N
    digest = (u1 * s % N).to_bytes(32, "big")
    return _point(ec.derive_private_key(d, ec.SECP256R1())), digest, utils.encode_dss_signature(r, s)


def _p256_signature(rng: random.Random, private: ec.EllipticCurvePrivateKey) -> tuple[bytes, bytes, bytes]:
    key, digest = _point(private), rng.randbytes(32)
    signature = private.sign(digest, ec.ECDSA(utils.Prehashed(SHA256)))
    r, s = utils.decode_dss_signature(signature)
    what = rng.randrange(8)
    if what == 1:
        signature = flip(rng, signature)
    elif what == 2:
        key = flip(rng, key)
    elif what == 3:
        digest = flip(rng, digest)
    elif what == 4:
        r, s = rng.choice(((r, N - s), (N - r, s), (r + N, s), (r, s + N), (0, s), (r, 0), (N, s), (r, N)))
        signature = utils.encode_dss_signature(r, s)
    elif what == 5:
        at = rng.randrange(len(signature) + 1)
        signature = (
            signature[:at] + rng.choice((b"", b"\0", rng.randbytes(2))) + signature[at + rng.randrange(2) :]
        )
    elif what >= 6:
        key, digest, signature = _constructed(rng)
    return key, digest, signature


def p256(rng: random.Random) -> Iterator[Case]:
    """Signatures: good, changed, with other DER, and made for the exceptional cases of the addition."""
    private = ec.derive_private_key(rng.randrange(1, N), ec.SECP256R1())
    while True:
        key, digest, signature = _p256_signature(rng, private)
        good = openssl_accepts_p256(key, digest, signature)
        if good != ecdsa_accepts_p256(key, digest, signature):
            # The two disagree on some encodings; a strict reader accepts only what both accept.
            good = False
        yield [b"p256", key, digest, signature, YES if good else NO]
        if key == _point(private):
            yield [b"p256-table", key, digest, signature, YES if good else NO]


def _encoded_message(rng: random.Random, digest: bytes, size: int) -> bytes:
    """EMSA-PSS with one thing wrong, or nothing."""
    salt = rng.randbytes(rng.choice((32, 32, 0, 20, 31, 33)))
    hashed = hashlib.sha256(bytes(8) + digest + salt).digest()
    block = bytearray(bytes(size - 34 - len(salt)) + b"\x01" + salt)
    if rng.random() < 0.3:
        block[rng.randrange(len(block) - 32)] ^= 1 << rng.randrange(8)
    mask = b"".join(hashlib.sha256(hashed + i.to_bytes(4, "big")).digest() for i in range(size // 32 + 1))
    masked = bytes(a ^ b for a, b in zip(block, mask, strict=False))
    first = masked[0] & 0x7F if rng.random() < 0.9 else masked[0]
    return bytes((first,)) + masked[1:] + hashed + (b"\xbc" if rng.random() < 0.9 else b"\xcc")


def rsa(rng: random.Random) -> Iterator[Case]:
    """PSS signatures, good, changed, with other salts, and of encoded messages with one defect."""
    keys = [rsa_keys.generate_private_key(65537, bits) for bits in (2048, 3072, 4096)]
    while True:
        private = rng.choice(keys)
        numbers = private.private_numbers()
        n, size = numbers.public_numbers.n, private.key_size // 8
        digest = rng.randbytes(32)
        what = rng.randrange(4)
        if what == 0:
            pss = padding.PSS(padding.MGF1(SHA256), rng.choice((32, 0, 20, 64)))
            signature = private.sign(digest, pss, utils.Prehashed(SHA256))
        else:
            encoded = int.from_bytes(_encoded_message(rng, digest, size), "big") % n
            signature = pow(encoded, numbers.d, n).to_bytes(size, "big")
        if what == 2:
            signature = flip(rng, signature)
        elif what == 3 and rng.random() < 0.3:
            signature = (int.from_bytes(signature, "big") + n).to_bytes(size + 1, "big")[-size:]
        try:
            private.public_key().verify(signature, digest, PSS32, utils.Prehashed(SHA256))
            verdict = YES
        except InvalidSignature:
            verdict = NO
        key = private.public_key().public_bytes(Encoding.DER, PublicFormat.PKCS1)
        yield [b"rsa", key, digest, signature, verdict]


def x25519(rng: random.Random) -> Iterator[Case]:
    """Shared secrets with honest keys and with coordinates around p, 0 and the small orders."""
    edge = [
        0,
        1,
        P - 1,
        P,
        P + 1,
        2**255 - 1,
        325606250916557431795983626356110631294008115727848805560023387167927233504,
    ]
    while True:
        private = rng.randbytes(32)
        public = rng.randbytes(32)
        if rng.random() < 0.3:
            public = (rng.choice(edge) + rng.randrange(-3, 4) & (2**256 - 1)).to_bytes(32, "little")
        try:
            own = x.X25519PrivateKey.from_private_bytes(private)
            verdict = YES + own.exchange(x.X25519PublicKey.from_public_bytes(public))
        except ValueError:
            verdict = NO
        yield [b"x25519", private, public, verdict]


def ecdh(rng: random.Random) -> Iterator[Case]:
    """Shared secrets of P-256 with private keys of all sizes and points that may be off the curve."""
    while True:
        k = rng.choice(
            (rng.randrange(1, N), rng.randrange(1, 40), N - rng.randrange(1, 40), 2 ** rng.randrange(256))
        )
        public = _point(
            ec.derive_private_key(rng.choice((rng.randrange(1, N), rng.randrange(1, 9))), ec.SECP256R1())
        )
        if rng.random() < 0.2:
            public = flip(rng, public)
        private = (k % N or 1).to_bytes(32, "big")
        try:
            point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public)
            own = ec.derive_private_key(k % N or 1, ec.SECP256R1())
            verdict = YES + own.exchange(ec.ECDH(), point) if public[0] == 4 else NO
        except ValueError:
            verdict = NO
        yield [b"ecdh", private, public, verdict]


def symmetric(rng: random.Random) -> Iterator[Case]:
    """SHA-512, HMAC, HKDF and AES-CTR at random places."""
    while True:
        data = rng.randbytes(rng.choice((0, 1, 111, 112, 113, 127, 128, 129, 500)))
        yield [b"sha512", data, YES + hashlib.sha512(data).digest()]
        key = rng.randbytes(rng.choice((0, 1, 32, 64, 65, 200)))
        yield [b"hmac", key, data, YES + std_hmac.new(key, data, "sha256").digest()]
        length = rng.randrange(1, 200)
        info = rng.randbytes(rng.randrange(20))
        for kind, algorithm in ((b"hkdf", SHA256), (b"hkdf512", hashes.SHA512())):
            okm = HKDF(algorithm, length, key, info).derive(data)  # type: ignore[arg-type]
            yield [kind, data, key, info, length.to_bytes(2, "big"), YES + okm]
        aes_key = rng.randbytes(rng.choice((16, 32)))
        counter = rng.choice(
            (bytes(16), rng.randbytes(16), rng.randbytes(13) + b"\xff\xff\x80", b"\xff" * 15 + b"\x80")
        )
        offset = rng.choice((0, 1, 15, 16, 2047, 2048, rng.randrange(20000)))
        data = rng.randbytes(rng.choice((0, 1, 16, 100, 2048, 5000)))
        stream = Cipher(algorithms.AES(aes_key), modes.CTR(counter)).encryptor().update(bytes(offset) + data)
        yield [b"aes", aes_key, counter, offset.to_bytes(4, "big"), data, YES + stream[offset:]]


FUZZERS = {f.__name__: f for f in (ed25519, p256, rsa, x25519, ecdh, symmetric)}
