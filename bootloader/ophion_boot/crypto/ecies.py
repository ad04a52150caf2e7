"""MCUboot's ECIES: the content key of an image, unwrapped by a device's private key.

MCUboot docs/encrypted_images.md: ECDH over P-256 or X25519, HKDF (RFC 5869) without salt, HMAC over the
encrypted key, AES-CTR from counter 0. The MAC is compared in constant time; what Python cannot promise
of the ECDH itself is said in `p256` and `x25519`. Nothing wipes its memory.
"""

from ophion_boot.crypto import CryptoError
from ophion_boot.crypto.aes_ctr import AesCtr
from ophion_boot.crypto.hkdf import hkdf, hmac, require_equal, sha256

_INFO = b"MCUBoot_ECIES_v1"


def unwrap(exchange, public_size: int, mac_size: int, blob: bytes, aes=None) -> bytes:  # type: ignore[no-untyped-def]
    """The content key (16 or 32 bytes) in `blob`: ephemeral key | MAC | encrypted key.

    `exchange(public)` gives the shared secret with the ephemeral key, of `public_size` bytes. `mac_size` is
    32 for SHA-256 and 64 for SHA-512; `aes` is that of AesCtr. Raises CryptoError when the MAC does not
    match: another key is asked for, or the blob was changed.
    """
    public, mac = blob[:public_size], blob[public_size : public_size + mac_size]
    wrapped = blob[public_size + mac_size :]
    if len(wrapped) not in (16, 32):
        raise CryptoError("wrapped key is %d bytes, not 16 or 32" % len(wrapped))
    hash, block = _hash(mac_size)
    size = len(wrapped)
    derived = hkdf(exchange(public), b"", _INFO, size + mac_size, hash, block)
    try:
        require_equal(hmac(derived[size:], wrapped, hash, block), mac, "MAC")
    except CryptoError:
        raise CryptoError("changed, or for another device")
    key = bytearray(wrapped)
    AesCtr(derived[:size], bytes(16), aes).xor(key, 0)
    return bytes(key)


def _hash(mac_size: int):  # type: ignore[no-untyped-def]
    if mac_size == 32:
        return sha256, 64
    from ophion_boot.crypto.sha512 import sha512

    return sha512, 128
