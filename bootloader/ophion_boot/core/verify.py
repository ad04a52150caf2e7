"""Is this image one to run? Everything about an image that lies in flash is checked here."""

import hashlib

from ophion_boot.core.area import Area
from ophion_boot.core.keys import check_signature
from ophion_boot.core.roots import TrustError
from ophion_boot.core.trust import Proof, Trust
from ophion_boot.crypto import CryptoError
from ophion_boot.fmt import FormatError
from ophion_boot.fmt.claims import Claims, early_claims
from ophion_boot.fmt.image import Header, area_size, parse_tlvs, signature_kind, signature_tlvs


class VerifyError(ValueError):
    """The image is not one to run; `str(error)` is the reason, in one line.

    `old` is True when the device has gone on to something newer (SPEC.md 8.5).
    """

    def __init__(self, reason: str, old: bool = False) -> None:
        super().__init__(reason)
        self.old = old


class Image:
    """A verified image: where its payload lies in its area and what it calls itself (bytes).

    `number` is its image number, `claims` what it says about itself, `proof` why its key may sign.
    """

    def __init__(
        self,
        header: Header,
        digest: bytes,
        total: int,
        protected: list | tuple,
        number: int = 0,
        proof: Proof | None = None,
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


class Verifier:
    """Checks images against what is trusted; owns the one sector buffer that it reads through.

    `trust` is a Trust, or the `keys` of one that knows nothing else.
    """

    def __init__(self, trust: Trust | list[tuple[bytes, bytes]], buf: bytearray) -> None:
        self.trust = trust if isinstance(trust, Trust) else Trust(trust)
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
            found = self.digest(area, header.signed_size)
            if found != bytes(digest):
                raise VerifyError("SHA-256 of the image is not the one in its TLV")
            proof = self.trust.read(bytes(key_hash), claims)
            self.trust.admit(proof, claims, found, number)
            self.trust.check(proof, found, number)
            check_signature(proof.key, found, bytes(signature), kind)
        except CryptoError as e:
            raise VerifyError("signature: " + str(e))
        except TrustError as e:
            raise VerifyError(str(e), e.old)
        except FormatError as e:
            raise VerifyError(str(e))
        return Image(header, found, total, protected, number, proof)

    def preview(self, area: Area, max_size: int, number: int = 0) -> None:
        """Raise VerifyError when `verify` is going to refuse the image for what its TLVs say.

        Looks at no payload and at no signature: a good image passes, a bad one may.
        """
        _, _, protected, entries, tlvs = self.read_layout(area, max_size)
        try:
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
        try:
            claims = early_claims(data, header.hdr_size)
            if claims is not None:
                self.trust.admit(Proof(b"", [], b""), claims, b"", number)
        except TrustError as e:
            raise VerifyError(str(e), e.old)
        except FormatError as e:
            raise VerifyError(str(e))

    def confirmed(self, image: Image) -> str:
        """`image` stays: raise what the device asks for. Returns "" or why that could not be kept."""
        return self.trust.settle(image.proof, image.claims, image.hash, image.number)

    def digest(self, area: Area, size: int) -> bytes:
        """SHA-256 of the first `size` bytes of `area`, read one sector at a time."""
        sha = hashlib.sha256()
        hash_into(sha, area, size, self._buf)
        return sha.digest()

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


def hash_into(sha: hashlib.sha256, area: Area, size: int, buf: memoryview) -> None:
    """Feed the first `size` bytes of `area` to `sha` through `buf`; allocates nothing for whole buffers."""
    step = len(buf)
    at = 0
    while size - at >= step:
        area.read(at, buf)
        sha.update(buf)
        at += step
    if at < size:
        tail = buf[: size - at]
        area.read(at, tail)
        sha.update(tail)
