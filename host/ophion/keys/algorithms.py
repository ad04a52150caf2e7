"""The kinds of signing key that there are, and what each of them signs with."""

from __future__ import annotations

from enum import Enum

from ophion.errors import UsageError

RSA_EXPONENT = 65537
DIGEST_BYTES = 32


class Algorithm(Enum):
    """A kind of key; the values are imgtool's names (`imgtool keygen -t`), and rsa-4096 after them.

    ed25519     Ed25519 (RFC 8032 section 5.1.6) over the bytes given
    ecdsa-p256  ECDSA on P-256 with SHA-256; the signature is DER (RFC 3279 section 2.2.3)
    rsa-N       RSASSA-PSS (RFC 8017 section 8.1) with SHA-256, MGF1 with SHA-256, salt of 32 bytes, e = 65537
    """

    ED25519 = "ed25519"
    P256 = "ecdsa-p256"
    RSA2048 = "rsa-2048"
    RSA3072 = "rsa-3072"
    RSA4096 = "rsa-4096"

    @property
    def bits(self) -> int:
        """Size of the key in bits."""
        return 256 if self in (Algorithm.ED25519, Algorithm.P256) else int(self.value.removeprefix("rsa-"))

    @property
    def is_rsa(self) -> bool:
        """Whether this is RSA of any size."""
        return self.value.startswith("rsa-")

    @property
    def signs(self) -> str:
        """What an outside signer does with the 32-byte digest of an image, in words."""
        if self is Algorithm.ED25519:
            return "Ed25519 with the 32 bytes as the message"
        if self is Algorithm.P256:
            return "ECDSA with the 32 bytes as the SHA-256 digest"
        return "RSASSA-PSS (MGF1 SHA-256, salt 32) with the 32 bytes as the SHA-256 digest"


def parse_algorithm(name: str) -> Algorithm:
    """The Algorithm called `name`. Raises UsageError with the names there are."""
    try:
        return Algorithm(name)
    except ValueError:
        known = ", ".join(item.value for item in Algorithm)
        raise UsageError(f"no such type of key: {name!r}", f"one of {known}") from None
