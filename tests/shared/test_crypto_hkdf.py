"""HMAC and HKDF: the vectors of RFC 4231 and RFC 5869, and the comparison."""

from ophion_boot.crypto import CryptoError
from ophion_boot.crypto.hkdf import hkdf, hmac, require_equal
from ophion_boot.crypto.sha512 import sha512
from support import raises

# RFC 4231, 4.2, 4.3, 4.7: key, data, HMAC-SHA-256, first half of HMAC-SHA-512.
HMAC = (
    (b"\x0b" * 20, b"Hi There",
     "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
     "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde"),
    (b"Jefe", b"what do ya want for nothing?",
     "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
     "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"),
    (b"\xaa" * 131, b"Test Using Larger Than Block-Size Key - Hash Key First",
     "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
     "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f352"),
)  # fmt: skip


def test_hmac_of_rfc4231():
    for key, data, tag256, tag512 in HMAC:
        assert hmac(key, data).hex() == tag256
        assert hmac(key, data, sha512, 128).hex()[:64] == tag512


def test_hkdf_of_rfc5869():
    # A.1, A.2 and A.3 (no salt, no info).
    secret, salt, info = b"\x0b" * 22, bytes(range(13)), bytes(range(0xF0, 0xFA))
    assert hkdf(secret, salt, info, 42).hex() == (
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
    )
    long = hkdf(bytes(range(0x50)), bytes(range(0x60, 0xB0)), bytes(range(0xB0, 0x100)), 82)
    assert long.hex() == (
        "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09"
        "da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87"
    )
    assert hkdf(secret, b"", b"", 42).hex() == (
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"
    )


def test_hkdf_has_an_end():
    assert len(hkdf(b"secret", b"", b"", 8160)) == 8160
    assert hkdf(b"secret", b"", b"", 0) == b""
    assert "8161" in raises(CryptoError, hkdf, b"secret", b"", b"", 8161)
    assert "-1" in raises(CryptoError, hkdf, b"secret", b"", b"", -1)


def test_require_equal():
    require_equal(b"abc", b"abc", "tag")
    require_equal(b"", b"", "tag")
    require_equal(bytearray(b"abc"), memoryview(b"abc"), "tag")
    for other in (b"abd", b"bbc", b"ab", b"abcd", b""):
        assert raises(CryptoError, require_equal, b"abc", other, "tag") == "tag does not match"
