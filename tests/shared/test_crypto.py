"""SHA-512 and Ed25519: published vectors, and what a strict verifier must refuse."""

from ophion_boot.crypto import CryptoError
from ophion_boot.crypto.ed25519 import verify
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


def test_sha512_of_abc():
    assert sha512(b"abc").hex() == (
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
        "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
    )


def test_sha512_of_two_blocks():
    # FIPS 180-4 example: 896 bits.
    letters = "abcdefghijklmnopqrstu"
    message = "".join([letters[i : i + 8] for i in range(14)]).encode()
    assert len(message) == 112
    assert sha512(message).hex() == (
        "8e959b75dae313da8cf4f72814fc143f8f7779c6eb9f7fa17299aeadb6889018"
        "501d289e4900f7e4331b99dec4b5433ac7d329eeb6dd26545e96e55b874be909"
    )


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
