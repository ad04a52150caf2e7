"""X25519: the vectors of RFC 7748, and public keys of small order."""

from ophion_boot.crypto import CryptoError
from ophion_boot.crypto.x25519 import shared
from support import raises

# RFC 7748, 5.2.
VECTORS = (
    ("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
     "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
     "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552"),
    ("4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
     "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
     "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957"),
)  # fmt: skip


def test_vectors_of_rfc7748():
    for private, public, secret in VECTORS:
        assert shared(bytes.fromhex(private), bytes.fromhex(public)).hex() == secret


def test_one_round_of_the_iteration():
    nine = b"\x09" + bytes(31)
    assert shared(nine, nine).hex() == "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079"


def test_both_sides_agree():
    nine = b"\x09" + bytes(31)
    a, b = bytes(range(32)), bytes(range(7, 231, 7))
    assert shared(a, shared(b, nine)) == shared(b, shared(a, nine))


def test_bits_that_do_not_count():
    private, public, secret = [bytes.fromhex(text) for text in VECTORS[0]]
    assert shared(bytes((private[0] ^ 7,)) + private[1:], public) == secret
    assert shared(private[:31] + bytes((private[31] ^ 0xC0,)), public) == secret
    assert shared(private, public[:31] + bytes((public[31] ^ 0x80,))) == secret


def test_coordinates_are_taken_modulo_p():
    private = bytes.fromhex(VECTORS[0][0])
    p = 2**255 - 19
    for u in (9, 2, 18):
        assert shared(private, u.to_bytes(32, "little")) == shared(private, (u + p).to_bytes(32, "little"))


def test_public_keys_of_small_order_are_refused():
    private = bytes.fromhex(VECTORS[0][0])
    p = 2**255 - 19
    order8 = 325606250916557431795983626356110631294008115727848805560023387167927233504
    for u in (0, 1, order8, p - 1, p, p + 1):
        assert "small order" in raises(CryptoError, shared, private, u.to_bytes(32, "little"))


def test_wrong_lengths_are_refused():
    assert "not 32" in raises(CryptoError, shared, bytes(31), bytes(32))
    assert "not 32" in raises(CryptoError, shared, bytes(32), bytes(33))
