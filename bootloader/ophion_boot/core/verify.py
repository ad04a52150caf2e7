"""Is this image one to run? Everything about an image that lies in flash is checked here."""

import hashlib

from ophion_boot.core.area import Area
from ophion_boot.core.keys import check_signature
from ophion_boot.core.roots import TrustError
from ophion_boot.core.trust import Proof, Trust
from ophion_boot.crypto import CryptoError
from ophion_boot.fmt import FormatError
from ophion_boot.fmt.claims import Claims, early_claims
from ophion_boot.fmt.image import Header, area_size, parse_tlvs, signature_kind, signature_tlvs, wrapped_tlv


class VerifyError(ValueError):
    """The image is not one to run; `str(error)` is the reason, in one line.

    `old` is True when the device has gone on to something newer (SPEC.md 8.5).
    """

    def __init__(self, reason: str, old: bool = False) -> None:
        super().__init__(reason)
        self.old = old


class Image:
    """A verified image: where its payload lies in its area and what it calls itself (bytes).

    `number` is its image number, `claims` what it says about itself, `proof` why its key may sign. `seal`
    says how its payload is encrypted where it is (fmt/wrapped.py), None for a plain image.
    """

    def __init__(  # type: ignore[no-untyped-def]
        self,
        header: Header,
        digest: bytes,
        total: int,
        protected: list | tuple,
        number: int = 0,
        proof: Proof | None = None,
        seal=None,
    ) -> None:
        self.header = header
        self.hash = digest
        self.total = total
        self.payload_at = header.hdr_size
        self.payload_size = header.img_size
        self.version = header.version_text()
        self.protected = protected
        self.number = number
        self.claims = Claims(protected)
        self.proof = proof or Proof(b"", [], b"")
        self.seal = seal


class Verifier:
    """Checks images against what is trusted; owns the one sector buffer that it reads through.

    `trust` is a Trust, or the `keys` of one that knows nothing else. `secret` (core/secret.py) opens
    encrypted images; without one they are refused.
    """

    def __init__(self, trust: Trust | list[tuple[bytes, bytes]], buf: bytearray, secret=None) -> None:  # type: ignore[no-untyped-def]
        self.trust = trust if isinstance(trust, Trust) else Trust(trust)
        self.secret = secret
        self._buf = memoryview(buf)

    def read_layout(self, area: Area, max_size: int) -> tuple[Header, int, list | tuple, list, bytearray]:
        """Header and TLVs without any signature: (Header, total bytes, protected, entries, tlvs).

        Sizes are checked before they are used. `max_size` is the most an image may take, in bytes.
        Raises VerifyError; flash faults are OSError.
        """
        try:
            return self._layout(area, min(max_size, area.size))
        except FormatError as e:
            raise VerifyError(str(e))

    def verify(self, area: Area, max_size: int, number: int = 0) -> Image:
        """Return the Image in `area` when its digest is right, a trusted key signed it, and it may run here.

        `number` is its image number. Raises VerifyError with the reason; flash faults are OSError.
        """
        header, total, protected, entries, tlvs = self.read_layout(area, max_size)
        try:
            digest, key_hash, signature = signature_tlvs(entries, tlvs)
            kind = signature_kind(entries)
            claims = Claims(protected)
            seal = self._seal(header, entries, tlvs)
            cipher = self._cipher(area, seal)
            found = self.digest(area, header.signed_size, cipher)
            if found != bytes(digest):
                name = "decrypted image" if cipher else "image"
                raise VerifyError("SHA-256 of the %s is not the one in its TLV" % name)
            proof = self.trust.read(bytes(key_hash), claims)
            self.trust.admit(proof, claims, found, number)
            self.trust.check(proof, found, number)
            check_signature(proof.key, found, bytes(signature), kind, self.trust.tables)
        except CryptoError as e:
            raise VerifyError("signature: " + str(e))
        except TrustError as e:
            raise VerifyError(str(e), e.old)
        except FormatError as e:
            raise VerifyError(str(e))
        return Image(header, found, total, protected, number, proof, seal)

    def preview(self, area: Area, max_size: int, number: int = 0) -> None:
        """Raise VerifyError when `verify` is going to refuse the image for what its TLVs say.

        Looks at no payload and at no signature: a good image passes, a bad one may.
        """
        header, _, protected, entries, tlvs = self.read_layout(area, max_size)
        try:
            self._cipher(area, self._seal(header, entries, tlvs))
            digest, key_hash, _ = signature_tlvs(entries, tlvs)
            claims = Claims(protected)
            proof = self.trust.read(bytes(key_hash), claims)
            self.trust.admit(proof, claims, bytes(digest), number)
        except TrustError as e:
            raise VerifyError(str(e), e.old)
        except FormatError as e:
            raise VerifyError(str(e))

    def foresee(self, data: bytes | memoryview, header: Header, number: int = 0) -> None:
        """Raise VerifyError when the claims in a header (`data` are its first bytes) rule the image out."""
        self._check_encryption(header)
        try:
            claims = early_claims(data, header.hdr_size)
            if claims is not None:
                self.trust.admit(self.trust.foresee(claims.signer), claims, b"", number)
        except TrustError as e:
            raise VerifyError(str(e), e.old)
        except FormatError as e:
            raise VerifyError(str(e))

    def confirmed(self, image: Image) -> str:
        """`image` stays: raise what the device asks for. Returns "" or why that could not be kept."""
        return self.trust.settle(image.proof, image.claims, image.hash, image.number)

    def unsealable(self, image: Image) -> str:
        """Why an image that lies in the clear cannot be encrypted again, "" when it can or is plain."""
        try:
            if image.seal and self.secret:
                self.secret.cipher(image.seal)
        except CryptoError as e:
            return str(e)
        return ""

    def digest(self, area: Area, size: int, cipher=None) -> bytes:  # type: ignore[no-untyped-def]
        """SHA-256 of the first `size` bytes of `area`, read by sectors and decrypted by `cipher`."""
        sha = hashlib.sha256()
        hash_into(sha, area, size, self._buf, cipher)
        return sha.digest()

    def _check_encryption(self, header: Header) -> None:
        if header.key_size and self.secret is None:
            raise VerifyError("encrypted: this device takes plain images only")

    def _seal(self, header: Header, entries: list, tlvs: bytearray):  # type: ignore[no-untyped-def]
        self._check_encryption(header)
        if self.secret is None:
            wrapped_tlv(header, entries)
            return None
        return self.secret.seal(header, entries, tlvs)

    def _cipher(self, area: Area, seal):  # type: ignore[no-untyped-def]
        """The Cipher of an image that lies in `area` encrypted; None when its payload is in the clear."""
        if seal is None or self.secret is None or not area.sealed:
            return None
        try:
            return self.secret.cipher(seal)
        except CryptoError as e:
            raise VerifyError("encrypted: " + str(e))

    def _layout(self, area: Area, limit: int) -> tuple[Header, int, list | tuple, list, bytearray]:
        if limit < 32:
            raise FormatError("area is shorter than a header")
        head = self._buf[:32]
        area.read(0, head)
        header = Header(head)
        at = header.signed_size
        if at + 4 > limit:
            raise FormatError("image of %d bytes and its TLVs do not fit in %d" % (at, limit))
        protected: list | tuple = ()
        if header.protect_size:
            block = self._read_tlvs(area, at - header.protect_size, limit, True)
            if len(block) != header.protect_size:
                raise FormatError(
                    "protected TLV area: %d bytes, the header says %d" % (len(block), header.protect_size)
                )
            protected = [(k, bytes(block[o : o + n])) for k, o, n in parse_tlvs(block, True)]
        tlvs = self._read_tlvs(area, at, limit, False)
        return header, at + len(tlvs), protected, parse_tlvs(tlvs, False), tlvs

    def _read_tlvs(self, area: Area, at: int, limit: int, protected: bool) -> bytearray:
        info = self._buf[:4]
        area.read(at, info)
        size = area_size(info, protected)
        if at + size > limit or size > len(self._buf):
            raise FormatError("TLV area of %d bytes at %#x ends beyond %#x" % (size, at, limit))
        block = bytearray(size)
        area.read(at, block)
        return block


def hash_into(sha: hashlib.sha256, area: Area, size: int, buf: memoryview, cipher=None) -> None:  # type: ignore[no-untyped-def]
    """Feed the first `size` bytes of `area` to `sha` through `buf`, decrypted if there is a `cipher`.

    Without one nothing is allocated for whole buffers.
    """
    step = len(buf)
    at = 0
    while size - at >= step:
        area.read(at, buf)
        if cipher:
            cipher.xor(buf, at)
        sha.update(buf)
        at += step
    if at < size:
        tail = buf[: size - at]
        area.read(at, tail)
        if cipher:
            cipher.xor(tail, at)
        sha.update(tail)
