"""What only this device can read: its private keys, and the payloads that are encrypted to them.

An encrypted image lies as ciphertext wherever it was uploaded or swapped out to (an Area with `sealed`),
and in the clear where it runs. AES-CTR is an XOR by position, so one Cipher does both ways. Content keys
are in RAM only; no key is ever logged.
"""

from ophion_boot.compat import const
from ophion_boot.crypto import CryptoError
from ophion_boot.crypto.aes_ctr import AesCtr
from ophion_boot.crypto.ecies import unwrap
from ophion_boot.fmt import FormatError
from ophion_boot.fmt.cbor import decode_map
from ophion_boot.fmt.image import Header
from ophion_boot.fmt.wrapped import EC256, PARTS, X25519, X25519_SHA512, Seal, wrapped_keys

# Both images of a swap, and one that is looked at meanwhile.
_CACHE_MAX = const(3)
_NAMES = {EC256: "P-256", X25519: "X25519", X25519_SHA512: "X25519"}


def own_keys(cells) -> list:  # type: ignore[no-untyped-def]
    """The private keys that provisioning left in the cell `identity`, as Secret takes them.

    A cell that is not there, or not whole, holds none; an entry that is no key is left out (SPEC 9.4).
    """
    try:
        keys = decode_map(cells.load("identity") or b"").get("keys", ())
        return [(i, k, p) for i, k, p in keys if k in (EC256, X25519) and (len(i), len(p)) == (8, 32)]
    except (FormatError, OSError, TypeError, ValueError):
        return []


class Secret:
    """`keys` are the device's private keys, [(key id, TLV type, 32 bytes)], its own and those it shares.

    The key id is the first 8 bytes of SHA-256 of the public key's SubjectPublicKeyInfo; the type 0x32 is
    P-256 (big-endian), 0x33 X25519 (as RFC 7748 writes it). `aes` is `cryptolib.aes` or something like it;
    None takes the firmware's.
    """

    def __init__(self, keys: list | tuple, aes=None) -> None:  # type: ignore[no-untyped-def]
        self._keys = keys
        self._aes = aes
        self._cache: list[tuple[bytes, bytes]] = []

    def seal(self, header: Header, entries: list, tlvs: bytes | bytearray) -> Seal | None:
        """The Seal of an image, None when it is plain; raises FormatError for TLVs that contradict its flags.

        Of several recipients it is the first one whose key this device has. No key is used here.
        """
        found = wrapped_keys(header, entries, tlvs)
        return self.choose(found, header.hdr_size, header.img_size) if found else None

    def choose(self, found: list, start: int, size: int) -> Seal:
        """The Seal of what is encrypted to `found` (fmt.wrapped.wrapped_value): `size` bytes from `start`."""
        for key_id, kind, blob in found:
            if not key_id or any(key_id == mine[0] and _fits(mine[1], kind) for mine in self._keys):
                return Seal(kind, blob, start, size)
        return Seal(0, b"", start, size)

    def cipher(self, seal: Seal | None) -> "Cipher | None":
        """The Cipher of an image, None for a plain one; raises CryptoError when this device cannot read it.

        The first time for a wrapped key this is an ECDH with each key of its type.
        """
        return Cipher(self.stream(self.content(seal), bytes(16)), seal.start, seal.size) if seal else None

    def stream(self, key: bytes, counter: bytes) -> AesCtr:
        """The key stream of `key` from the first counter block `counter` on."""
        return AesCtr(key, counter, self._aes)

    def content(self, seal: Seal) -> bytes:
        """The content key of an image; raises CryptoError as `cipher` does."""
        for blob, content in self._cache:
            if blob == seal.blob:
                return content
        if not self._keys:
            raise CryptoError("this device has no key for it")
        if not seal.kind:
            raise CryptoError("no recipient is this device")
        tried = 0
        for _, kind, private in self._keys:
            if not _fits(kind, seal.kind):
                continue
            tried += 1
            try:
                content = unwrap(_exchange(kind, private), *PARTS[seal.kind], seal.blob, self._aes)
            except CryptoError as e:
                trouble = str(e)
                continue
            self._cache = [(seal.blob, content)] + self._cache[: _CACHE_MAX - 1]
            return content
        if not tried:
            raise CryptoError("this device has no %s key" % _NAMES[seal.kind])
        raise CryptoError("wrapped key: " + trouble)


class Cipher:
    """The key stream of one image's payload: `size` bytes from byte `start` of the image."""

    def __init__(self, stream: AesCtr, start: int, size: int) -> None:
        self._stream = stream
        self._start = start
        self._end = start + size

    def xor(self, buf: bytearray | memoryview, at: int) -> None:
        """Encrypt or decrypt in place what `buf`, the bytes from `at` of the image, holds of the payload."""
        first = max(self._start - at, 0)
        last = min(self._end - at, len(buf))
        if first < last:
            self._stream.xor(memoryview(buf)[first:last], at + first - self._start)


def _fits(mine: int, kind: int) -> bool:
    """True when a private key of the type `mine` opens wrapped keys of `kind`."""
    return _NAMES[mine] == _NAMES[kind]


def _exchange(kind: int, private: bytes):  # type: ignore[no-untyped-def]
    try:
        if kind == EC256:
            from ophion_boot.crypto.p256 import ecdh

            return lambda public: ecdh(private, public)
        from ophion_boot.crypto.x25519 import shared

        return lambda public: shared(private, public)
    except ImportError:
        raise CryptoError("this firmware has no code for " + _NAMES[kind])
