"""ECDSA and ECDH over P-256: published vectors, strict DER, ranges, points, exceptional sums, tables."""

import hashlib

from ophion_boot.crypto import CryptoError, p256, p256_table, weierstrass
from ophion_boot.crypto.inverse import inverse
from support import raises, read_file

N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
P = weierstrass.P
G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
# RFC 6979, A.2.5, SHA-256 of "sample".
KEY = bytes.fromhex(
    "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
    "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299"
)
DIGEST = hashlib.sha256(b"sample").digest()
R = 0xEFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716
S = 0xF7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8


def integer(n):
    size = 1
    while n >> 8 * size - 1:
        size += 1
    return bytes((2, size)) + n.to_bytes(size, "big")


def signature(r, s):
    body = integer(r) + integer(s)
    return bytes((0x30, len(body))) + body


def test_rfc6979_signature_is_accepted():
    p256.verify(KEY, DIGEST, signature(R, S))
    # Both s and n - s are valid in ECDSA.
    p256.verify(KEY, DIGEST, signature(R, N - S))


def test_changes_are_refused():
    assert "match" in raises(
        CryptoError, p256.verify, KEY, hashlib.sha256(b"simple").digest(), signature(R, S)
    )
    for bit in range(0, 256, 41):
        assert "match" in raises(CryptoError, p256.verify, KEY, DIGEST, signature(R ^ 1 << bit, S))
        assert "match" in raises(CryptoError, p256.verify, KEY, DIGEST, signature(R, S ^ 1 << bit))
    assert "match" in raises(CryptoError, p256.verify, KEY, DIGEST, signature(N - R, S))
    assert "not 32" in raises(CryptoError, p256.verify, KEY, DIGEST[1:], signature(R, S))


def test_numbers_are_between_zero_and_the_group_order():
    for r, s in ((0, S), (N, S), (R, 0), (R, N), (R + N, S), (R, S + N)):
        assert "group order" in raises(CryptoError, p256.verify, KEY, DIGEST, signature(r, s))


def test_der_is_strict():
    good = signature(R, S)
    body = good[2:]
    r, s = integer(R), integer(S)
    for bad, reason in (
        (b"", "no element 0x30"),
        (good[:-1], "cut short"),
        (good + b"\0", "after the end"),
        (b"\x31" + good[1:], "no element 0x30"),
        (b"\x30\x81" + good[1:], "shortest"),
        (b"\x30\x82\0" + good[1:], "shortest"),
        (b"\x30\x80" + body + b"\0\0", "bad length"),
        (b"\x30\x83\0\0" + good[1:], "bad length"),
        (b"\x30\x47\x02\x22\0" + body[2:], "shortest"),
        (b"\x30\x45\x02\x20" + body[3:], "negative"),
        (bytes((0x30, 2 + len(s))) + b"\x02\0" + s, "empty"),
        (b"\x30\x03\x02\x02\x01", "cut short"),
        (b"\x30\x06\x02\x01\x01\x02\x02\x01", "cut short"),
        (b"\x30\x49" + body + integer(1), "3 numbers"),
        (bytes((0x30, len(r))) + r, "1 numbers"),
        (b"\x30\0", "0 numbers"),
        (b"\x30\x46\x03" + body[1:], "no element 0x02"),
    ):
        assert reason in raises(CryptoError, p256.verify, KEY, DIGEST, bad), bad.hex()


def test_keys_are_points_of_the_curve():
    good = signature(R, S)
    for key, reason in (
        (KEY[:-1], "uncompressed"),
        (KEY + b"\0", "uncompressed"),
        (b"\x02" + KEY[1:33], "uncompressed"),
        (b"\x06" + KEY[1:], "uncompressed"),
        (b"\x04" + bytes(64), "not on the curve"),
        (KEY[:-1] + bytes((KEY[-1] ^ 1,)), "not on the curve"),
        (b"\x04" + G[0].to_bytes(32, "big") + P.to_bytes(32, "big"), "below p"),
        (b"\x04" + b"\xff" * 64, "below p"),
    ):
        assert reason in raises(CryptoError, p256.verify, key, DIGEST, good)
        assert reason in raises(CryptoError, p256_table.make_table, key)
        assert reason in raises(CryptoError, p256.ecdh, bytes(31) + b"\1", key)


def test_key_of_subject_public_key_info():
    spki = read_file("key-ecdsa-p256-pub.raw")
    assert p256.public_key(spki) == spki[-65:]
    for bad in (spki[:-1], spki + b"\0", b"\x31" + spki[1:], spki[:22] + b"\x08" + spki[23:]):
        assert "P-256" in raises(CryptoError, p256.public_key, bad)


def test_a_table_gives_the_same_verdicts():
    table = p256_table.make_table(KEY)
    assert len(table) == 4096
    p256.verify(KEY, DIGEST, signature(R, S), table)
    assert "match" in raises(CryptoError, p256.verify, KEY, DIGEST, signature(R, S - 1), table)
    assert "match" in raises(CryptoError, p256.verify, KEY, bytes(32), signature(R, S), table)
    assert "table" in raises(CryptoError, p256.verify, KEY, DIGEST, signature(R, S), table[1:])


def times(n, point):
    """n times an affine point, the slow way."""
    x, y, z = 1, 1, 0
    for bit in bin(n)[2:]:
        if z:
            (u, v), (x, y, z) = weierstrass.to_affine([(x, y, z)])[0], (1, 1, 0)
            x, y, z = weierstrass.add(u, v, 1, u, v)
        if bit == "1":
            x, y, z = weierstrass.add(x, y, z, point[0], point[1])
    return weierstrass.to_affine([(x, y, z)])[0]


def constructed(d, u1, u2):
    """Key, digest and signature for which the verifier computes u1 G + u2 (d G)."""
    r = times((u1 + u2 * d) % N, G)[0] % N
    s = r * inverse(u2, N) % N
    x, y = times(d, G)
    key = b"\x04" + x.to_bytes(32, "big") + y.to_bytes(32, "big")
    return key, (u1 * s % N).to_bytes(32, "big"), signature(r, s)


def test_sums_of_equal_and_opposite_points():
    # Small multiples of G make the schedule add a point to itself, to its negative, and to nothing.
    for d, u1, u2 in (
        (1, 1, 1),
        (1, 2, 1),
        (2, 1, 1),
        (N - 1, 3, 1),
        (3, 5, 7),
        (1, 0, 5),
        (N - 2, 1, 1),
        (1, N - 2, 1),
    ):
        key, digest, good = constructed(d, u1, u2)
        p256.verify(key, digest, good)
        p256.verify(key, digest, good, p256_table.make_table(key))
        bad = bytes((digest[0] ^ 1,)) + digest[1:]
        assert "match" in raises(CryptoError, p256.verify, key, bad, good)


def test_a_sum_of_zero_is_refused():
    # u1 G + u2 Q = O for Q = G and u1 = n - u2: no r can match.
    s = 5
    r = 7
    digest = (N - r).to_bytes(32, "big")
    key = b"\x04" + G[0].to_bytes(32, "big") + G[1].to_bytes(32, "big")
    for table in (None, p256_table.make_table(key)):
        assert "match" in raises(CryptoError, p256.verify, key, digest, signature(r, s), table)


def test_ecdh_of_nist():
    # CAVS 14.1, ECC CDH primitive, P-256, count 0.
    public = bytes.fromhex(
        "04700c48f77f56584c5cc632ca65640db91b6bacce3a4df6b42ce7cc838833d287"
        "db71e509e3fd9b060ddb20ba5c51dcc5948d46fbf640dfe0441782cab85fa4ac"
    )
    private = bytes.fromhex("7d7dc5f71eb29ddaf80d6214632eeae03d9058af1fb6d22ed80badb62bc1a534")
    secret = "46fc62106420ff012e54a434fbdd2d25ccc5852060561e68040dd7778997bd7b"
    assert p256.ecdh(private, public).hex() == secret
    negative = (N - int.from_bytes(private, "big")).to_bytes(32, "big")
    assert p256.ecdh(negative, public).hex() == secret


def test_ecdh_with_small_and_large_private_keys():
    public = b"\x04" + G[0].to_bytes(32, "big") + G[1].to_bytes(32, "big")
    for k in (1, 2, 3, 15, 16, 17, 30, 31, 32, N - 1, N - 2, N - 4, N - 6, N - 30, N - 32):
        assert p256.ecdh(k.to_bytes(32, "big"), public) == times(min(k, N - k), G)[0].to_bytes(32, "big")
    for k in (0, N, 2**256 - 1):
        assert "private key" in raises(CryptoError, p256.ecdh, k.to_bytes(32, "big"), public)
    assert "private key" in raises(CryptoError, p256.ecdh, b"\1", public)
