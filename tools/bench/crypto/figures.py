"""What is measured: each row a program for the rig, its limit, and the public code beside it."""

import hashlib
from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

DIGEST = hashlib.sha256(b"ophion").digest()
# Of each elliptic curve: what one costs depends on its numbers.
SIGNATURES = 8
SHA256 = hashes.SHA256()
# Modules without which only bytecode is left.
VIPER = (
    "aes_ctr_viper",
    "edwards_vm",
    "field_25519",
    "field_p256",
    "ladder_vm",
    "machine",
    "p256_vm",
    "sha512_viper",
    "word32",
)


@dataclass
class Row:
    """`call` is measured after `setup`, less what `minus` takes, and divided by `parts`.

    Of several `signatures` the worst counts; `call` names the number of one `n`.

    `limit` is in million instructions. `peer` is (setup, call) of public code. Without `viper` there is
    bytecode only.
    """

    name: str
    setup: str
    call: str
    limit: float
    peer: tuple[str, str] = ("", "")
    viper: bool = True
    minus: str = ""
    parts: int = 1
    signatures: int = 1

    def program(self, call: str) -> str:
        """What prints the instructions of `call`, the second time, for each signature.

        `setup` is in bench_setup.py.
        """
        return (
            "from bench_setup import *\nimport counting, gc\n"
            f"for n in range({self.signatures}):\n"
            f"    f = lambda: ({call})\n    f()\n    gc.collect()\n    print(counting.instructions(f))"
        )


def rows() -> list[Row]:
    return [*_ed25519(), *_p256(), *_rsa(), *_exchange(), *_symmetric()]


def _digests() -> list[bytes]:
    return [hashlib.sha256(b"ophion %d" % n).digest() for n in range(SIGNATURES)]


def _ed25519() -> list[Row]:
    private = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    key = private.public_key().public_bytes_raw()
    signed = [(message, private.sign(message)) for message in _digests()]
    setup = f"from ophion_boot.crypto import ed25519\nkey, signed = {(key, signed)!r}"
    call = "ed25519.verify(key, *signed[n])"
    peer = (
        f"{setup}\nfrom ophion_boot.crypto.sha512 import sha512\nfrom pure25519_peer import verify",
        "verify(key, *signed[0], sha512)",
    )
    return [
        Row("Ed25519, any key", setup, call, 14, peer, signatures=SIGNATURES),
        Row(
            "Ed25519, table of 6 KB",
            f"{setup}\nfrom ophion_boot.crypto.ed25519_table import make_table\ntable = make_table(key)",
            "ed25519.verify(key, *signed[n], table)",
            5.5,
            peer,
            signatures=SIGNATURES,
        ),
        Row("Ed25519, bytecode only", setup, call, 36, peer, viper=False, signatures=SIGNATURES),
    ]


def _p256() -> list[Row]:
    private = ec.derive_private_key(int.from_bytes(bytes(range(1, 33)), "big"), ec.SECP256R1())
    key = private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    signed = []
    for digest in _digests():
        # Signatures of our own making, so that two runs give the same numbers.
        nonce = int.from_bytes(hashlib.sha256(digest).digest(), "big")
        r, s = _ecdsa(private.private_numbers().private_value, nonce, digest)
        signed.append((digest, utils.encode_dss_signature(r, s)))
        private.public_key().verify(signed[-1][1], digest, ec.ECDSA(utils.Prehashed(SHA256)))
    setup = f"from ophion_boot.crypto import p256\nkey, signed = {(key, signed)!r}"
    call = "p256.verify(key, *signed[n])"
    digest = signed[-1][0]
    peer = (
        "from starkbank_peer.curve import prime256v1 as curve\nfrom starkbank_peer.math import Math\n"
        "from starkbank_peer.point import Point\n"
        f"key, digest, r, s = {(key, digest, r, s)!r}\n"
        "def verify():\n"
        "    q = Point(int.from_bytes(key[1:33], 'big'), int.from_bytes(key[33:], 'big'))\n"
        "    if not curve.contains(q): raise ValueError\n"
        "    w = Math.inv(s, curve.N)\n"
        "    u = int.from_bytes(digest, 'big') * w % curve.N\n"
        "    v = Math.multiplyAndAdd(curve.G, u, q, r * w % curve.N, curve=curve)\n"
        "    if v.x % curve.N != r: raise ValueError",
        "verify()",
    )
    return [
        Row("ECDSA P-256, any key", setup, call, 18, peer, signatures=SIGNATURES),
        Row(
            "ECDSA P-256, table of 4 KB",
            f"{setup}\nfrom ophion_boot.crypto.p256_table import make_table\ntable = make_table(key)",
            "p256.verify(key, *signed[n], table)",
            8,
            peer,
            signatures=SIGNATURES,
        ),
        Row("ECDSA P-256, bytecode only", setup, call, 45, peer, viper=False, signatures=SIGNATURES),
    ]


def _ecdsa(d: int, k: int, digest: bytes) -> tuple[int, int]:
    n = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    r = ec.derive_private_key(k, ec.SECP256R1()).public_key().public_numbers().x % n
    return r, pow(k, -1, n) * (int.from_bytes(digest, "big") + r * d) % n


def _rsa() -> list[Row]:
    found = []
    for bits, limit in ((2048, 10.5), (3072, 21), (4096, 36)):
        private = rsa.generate_private_key(65537, bits)
        key = private.public_key().public_bytes(Encoding.DER, PublicFormat.PKCS1)
        signature = private.sign(DIGEST, padding.PSS(padding.MGF1(SHA256), 32), utils.Prehashed(SHA256))
        setup = f"from ophion_boot.crypto import rsa\nkey, digest, signature = {(key, DIGEST, signature)!r}"
        n = private.public_key().public_numbers().n
        peer = f"n = {n}\nx = {int.from_bytes(signature, 'big')}", "pow(x, 65537, n)"
        found.append(Row(f"RSA-PSS {bits}", setup, "rsa.verify(key, digest, signature)", limit, peer))
    return found


def _exchange() -> list[Row]:
    private, public = bytes(range(1, 33)), ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32))
    u = public.public_key().public_bytes_raw()[:31] + b"\x12"
    setup = f"from ophion_boot.crypto import x25519\nprivate, public = {(private, u)!r}"
    x_peer = (
        f"from eccsnacks_peer import X25519, clamp\nprivate, public = {(private, u)!r}",
        "X25519(clamp(int.from_bytes(private, 'little')), int.from_bytes(public, 'little'))",
    )
    point = ec.derive_private_key(77, ec.SECP256R1()).public_key()
    key = point.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    p_setup = f"from ophion_boot.crypto import p256\nprivate, key = {(private, key)!r}"
    p_peer = (
        "from starkbank_peer.curve import prime256v1 as c\nfrom starkbank_peer.math import Math\n"
        f"from starkbank_peer.point import Point\nprivate, key = {(private, key)!r}\n"
        "q = Point(int.from_bytes(key[1:33], 'big'), int.from_bytes(key[33:], 'big'))",
        "Math.multiply(q, int.from_bytes(private, 'big'), c.N, c.A, c.P)",
    )
    return [
        Row("X25519", setup, "x25519.shared(private, public)", 12, x_peer),
        Row("P-256 ECDH", p_setup, "p256.ecdh(private, key)", 16, p_peer),
    ]


def _symmetric() -> list[Row]:
    aes = (
        "from ophion_boot.crypto.aes_ctr import AesCtr\n"
        # The rig has no AES; what is measured is all but the AES core.
        "class Core:\n"
        "    def __init__(self, key, mode, iv=None):\n"
        "        if mode != 1: raise ValueError\n"
        "    def encrypt(self, data, out): pass\n"
        "cipher = AesCtr(bytes(16), bytes(16), Core)\nbuf = bytearray(4096)\nat = [0]\n"
        "def sector():\n"
        "    at[0] += 4096\n"
        "    cipher.xor(buf, at[0])"
    )
    loop = (
        "from ophion_boot.core.verify import hash_into\n"
        "class Area:\n"
        "    def read(self, at, buf): pass\n"
        "class Sha:\n"
        "    def update(self, data): pass\n"
        "area, sha, buf = Area(), Sha(), memoryview(bytearray(4096))\n"
        "def calls():\n    read, update, data = area.read, sha.update, buf\n"
        + "    read(0, data)\n    update(data)\n"
        * 16
    )
    return [
        Row("AES-CTR, 1 KiB without the AES core", aes, "sector()", 0.008, parts=4),
        Row(
            "hash loop, 4 KiB without read and hash",
            loop,
            "hash_into(sha, area, 65536, buf)",
            0.0025,
            minus="calls()",
            parts=16,
        ),
    ]
