"""Ed25519: published vectors, what a strict verifier must refuse, and tables of known keys."""

from ophion_boot.crypto import CryptoError, ed25519
from ophion_boot.crypto.ed25519 import verify
from ophion_boot.crypto.ed25519_table import make_table
from ophion_boot.crypto.edwards import add
from ophion_boot.crypto.inverse import inverse
from ophion_boot.crypto.sha512 import sha512
from support import raises

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493

# RFC 8032, 7.1: public key, message, signature (tests 1, 2 and 3).
RFC8032 = (
    ("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
     "d25bf5f0595bbe24655141438e7a100b"),
    ("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
     "387b2eaeb4302aeeb00d291612bb0c00"),
    ("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659"
     "4a7c15e9716ed28dc027beceea1ec40a"),
)  # fmt: skip


def unpack(row):
    return [bytes.fromhex(text) for text in row]


def test_rfc8032_signatures_are_accepted():
    for row in RFC8032:
        key, message, signature = unpack(row)
        verify(key, message, signature)


def test_every_changed_bit_of_a_signature_is_refused():
    key, message, signature = unpack(RFC8032[1])
    for bit in range(0, 512, 7):
        bad = bytearray(signature)
        bad[bit >> 3] ^= 1 << (bit & 7)
        raises(CryptoError, verify, key, message, bytes(bad))
    assert "match" in raises(CryptoError, verify, key, message + b"x", signature)


def test_s_must_be_below_the_group_order():
    key, message, signature = unpack(RFC8032[1])
    s = int.from_bytes(signature[32:], "little") + L
    bad = signature[:32] + s.to_bytes(32, "little")
    assert "group order" in raises(CryptoError, verify, key, message, bad)


def test_points_of_small_order_are_refused():
    y8 = int.from_bytes(
        bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little"
    )
    for y in (0, 1, P - 1, y8, P - y8):
        for sign in (0, 1):
            point = (y | sign << 255).to_bytes(32, "little")
            # With such a key the all-zero scalar would verify anything.
            zero = point + bytes(32)
            assert "small order" in raises(CryptoError, verify, point, b"message", zero)
            key = bytes.fromhex(RFC8032[0][0])
            assert "small order" in raises(CryptoError, verify, key, b"message", zero)


def test_points_must_be_canonical():
    key, message, signature = unpack(RFC8032[1])
    for y in (P, P + 1, P + 18, 2**255 - 1):
        bad = y.to_bytes(32, "little")
        assert "canonical" in raises(CryptoError, verify, bad, message, signature)
        assert "canonical" in raises(CryptoError, verify, key, message, bad + signature[32:])


def test_a_key_off_the_curve_is_refused():
    _, message, signature = unpack(RFC8032[1])
    refused = 0
    for y in range(2, 40):
        text = ""
        try:
            verify(y.to_bytes(32, "little"), message, signature)
        except CryptoError as e:
            text = str(e)
        assert text, y
        refused += "not a point" in text
    assert refused > 5


def test_wrong_lengths_are_refused():
    key, message, signature = unpack(RFC8032[0])
    assert "not 32 and 64" in raises(CryptoError, verify, key[:31], message, signature)
    assert "not 32 and 64" in raises(CryptoError, verify, key, message, signature + b"\0")


def test_a_table_gives_the_same_verdicts():
    for row in RFC8032[:2]:
        key, message, signature = unpack(row)
        table = make_table(key)
        assert len(table) == 6144
        verify(key, message, signature, table)
        for bit in (3, 255, 256, 500):
            bad = bytearray(signature)
            bad[bit >> 3] ^= 1 << (bit & 7)
            raises(CryptoError, verify, key, message, bytes(bad), table)
        assert "match" in raises(CryptoError, verify, key, message + b"x", signature, table)
        assert "table" in raises(CryptoError, verify, key, message, signature, table[:-1])


def test_the_sign_of_r_counts_with_a_table_too():
    key, message, signature = unpack(RFC8032[1])
    bad = bytearray(signature)
    bad[31] ^= 0x80
    assert "match" in raises(CryptoError, verify, key, message, bytes(bad), make_table(key))
    assert "match" in raises(CryptoError, verify, key, message, bytes(bad))


def test_no_table_of_a_bad_key():
    key = unpack(RFC8032[0])[0]
    assert "not 32" in raises(CryptoError, make_table, key[1:])
    assert "small order" in raises(CryptoError, make_table, bytes(32))
    assert "canonical" in raises(CryptoError, make_table, P.to_bytes(32, "little"))
    assert "prime order" in raises(CryptoError, make_table, encoded(mixed(key)))


def encoded(point):
    z = inverse(point[2], P)
    return (point[1] * z % P | (point[0] * z % P & 1) << 255).to_bytes(32, "little")


def mixed(key):
    """The point of `key` plus the point of order 2, (0, -1)."""
    x, y = ed25519.decode_point(key, "the key")
    return add((x, y, 1, x * y % P), (0, P - 1, 1, 0))


def multiple(n, point):
    total = (0, 1, 1, 0)
    while n:
        if n & 1:
            total = add(total, point)
        point = add(point, point)
        n >>= 1
    return total


def test_parts_of_small_order_are_not_lost():
    # A key aB + T with T of order 2 is valid without the cofactor only when h is even, or R has T too.
    base = ed25519.decode_point((4 * inverse(5, P) % P).to_bytes(32, "little"), "B")
    base = base[0], base[1], 1, base[0] * base[1] % P
    t = (0, P - 1, 1, 0)
    a, r = 0x1234567 << 200, 0x7654321 << 190
    key = encoded(add(multiple(a, base), t))
    seen = {True: 0, False: 0}
    for count in range(6):
        message = bytes((count,))
        for part in ((0, 1, 1, 0), t):
            big_r = encoded(add(multiple(r, base), part))
            h = int.from_bytes(sha512(big_r + key + message), "little") % L
            signature = big_r + ((r + h * a) % L).to_bytes(32, "little")
            valid = h & 1 == (part is t)
            seen[valid] += 1
            if valid:
                verify(key, message, signature)
            else:
                assert "match" in raises(CryptoError, verify, key, message, signature)
    assert seen[True] and seen[False]


def test_half_scalars_are_half_as_long_and_odd():
    order = 8 * L
    powers = [pow(3, i, L) for i in range(200, 240)]
    for h in [0, 1, 2, L - 1, L // 2, 1 << 128, (1 << 128) - 1] + powers:
        u, v = ed25519._halves(h)
        assert (u - h * v) % order == 0
        assert v & 1
        # Only numbers made for it have no short pair.
        if h in powers:
            assert abs(u) < 1 << 140 and abs(v) < 1 << 140, h


def test_key_of_subject_public_key_info():
    from support import read_file

    spki = read_file("key-ed25519-pub.raw")
    assert ed25519.public_key(spki) == spki[-32:]
    for bad in (spki[:-1], spki + b"\0", b"\x31" + spki[1:], spki[:8] + b"\x6f" + spki[9:]):
        assert "Ed25519" in raises(CryptoError, ed25519.public_key, bad)
