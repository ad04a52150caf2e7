"""X25519 (RFC 7748, 5 and 6.1).

The private key is secret. Every scalar takes the same sequence of field operations, and on the field machine
(viper, 32 bits) each of them takes the same time for all values on a chip whose multiplier and memory do.
On long integers Python cannot promise that (see `montgomery`). Neither wipes its memory.
"""

from ophion_boot.crypto import CryptoError

try:
    from ophion_boot.crypto.ladder_vm import ladder
except (ImportError, SyntaxError, ValueError, MemoryError):
    from ophion_boot.crypto.montgomery import ladder


def shared(private: bytes, public: bytes) -> bytes:
    """The shared secret (32 bytes) of a private and a public key (32 bytes each).

    Raises CryptoError for other lengths, and when the secret is 0 (a key of small order; RFC 7748, 6.1).
    """
    if len(private) != 32 or len(public) != 32:
        raise CryptoError("keys are %d and %d bytes, not 32" % (len(private), len(public)))
    k = int.from_bytes(private, "little") & (1 << 255) - 8 | 1 << 254
    u = int.from_bytes(public, "little") & (1 << 255) - 1
    secret = ladder(k, u)
    if not secret:
        raise CryptoError("the public key has a small order")
    return secret.to_bytes(32, "little")
