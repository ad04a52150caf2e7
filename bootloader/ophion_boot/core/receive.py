"""An upload: chunks in any order of retries become an image in the free slot.

Rules of Zephyr's img_mgmt (reference in SPEC.md 6.3): a chunk with another offset than the expected
one is answered with the expected one; the same length and hash again continue where the upload is;
everything is refused before the first erase when the first chunk shows that it cannot work.
"""

import hashlib

from ophion_boot.compat import const
from ophion_boot.core.verify import Verifier, VerifyError, hash_into
from ophion_boot.fmt import FormatError
from ophion_boot.fmt.image import Header

_HEADER_BYTES = const(32)
_SHA_BYTES = const(32)
_INVALID_LENGTH = const(21)
_INVALID_HEADER = const(22)
_INVALID_MAGIC = const(23)
_INVALID_HASH = const(24)
_TOO_OLD = const(27)
_TOO_LARGE = const(30)
_OVERRUN = const(31)


class UploadError(ValueError):
    """A chunk that is refused; `rc` is the code of the image group."""

    def __init__(self, rc: int, reason: str) -> None:
        super().__init__(reason)
        self.rc = rc


class Upload:
    """Writes to where `strategy` stages an update; `buf` (a sector) is lent for reading back.

    `verifier` is asked what header and TLVs say of image `number`; None: nobody is, until it is wanted.
    """

    def __init__(  # type: ignore[no-untyped-def]
        self, strategy, buf: bytearray, verifier: Verifier | None = None, number: int = 0
    ) -> None:
        self._strategy = strategy
        self._verifier = verifier
        self._number = number
        self._buf = memoryview(buf)
        self._area = strategy.staged()
        self._tail = bytearray(self._area.write_size)
        self.close()

    def open(self) -> bool:
        """True while an image is incomplete."""
        return self._size > 0

    def close(self) -> None:
        """Forget the upload; what is in flash stays there."""
        self._size = 0
        self._ahead = 0
        self._at = 0
        self._sha = b""
        self._tail_used = 0
        self._erased = 0

    def wipe(self) -> None:
        """Forget the upload, and let `idle` erase all of where updates lie."""
        self.close()
        self._ahead = self._area.sectors

    def idle(self) -> bool:
        """Erase a sector ahead of the data (or of the next upload); False when there is nothing to do."""
        if self._erased >= self._ahead:
            return False
        try:
            self._erase_up_to((self._erased + 1) * self._area.sector)
        except OSError:
            self._ahead = 0  # whoever needs that sector is told
        return True

    def chunk(
        self, offset: int, data: bytes | memoryview, size: int | None = None, sha: bytes | memoryview = b""
    ) -> dict:
        """Take one chunk; returns the response map {"off"} or, at the end, {"off", "match"}.

        `offset`, `size` in bytes; `sha` is SHA-256 of the whole file, or empty. Raises UploadError,
        StrategyError when the slot is not free, OSError from the flash.
        """
        if offset == 0 and size is not None:
            if not (self._size == size and self._sha and self._sha == bytes(sha)):
                self._begin(size, sha, data)
        if not self._size or offset != self._at:
            return {"off": self._at}
        if offset + len(data) > self._size:
            raise UploadError(
                _OVERRUN, "chunk ends at %d, the image at %d" % (offset + len(data), self._size)
            )
        if not len(data):
            raise UploadError(_INVALID_LENGTH, "a chunk has no data")
        try:
            self._write(memoryview(data))
        except OSError:
            self.close()
            raise
        return self._end() if self._at == self._size else {"off": self._at}

    def _begin(self, size: int, sha: bytes | memoryview, data: bytes | memoryview) -> None:
        limit = self._strategy.max_image_size
        if size > limit:
            raise UploadError(_TOO_LARGE, "image of %d bytes does not fit in %d" % (size, limit))
        if len(sha) not in (0, _SHA_BYTES):
            raise UploadError(_INVALID_HASH, "sha is %d bytes, not 32" % len(sha))
        if len(data) < _HEADER_BYTES:
            raise UploadError(_INVALID_LENGTH, "the first chunk has %d bytes, less than a header" % len(data))
        try:
            header = Header(data)
        except FormatError as e:
            raise UploadError(_INVALID_MAGIC if "magic" in str(e) else _INVALID_HEADER, str(e))
        if header.signed_size + 4 > size:
            raise UploadError(
                _INVALID_HEADER, "header says %d bytes and TLVs, the upload %d" % (header.signed_size, size)
            )
        if header.key_size and not self._strategy.takes_encrypted:
            raise UploadError(
                _INVALID_HEADER,
                "encrypted: under %s an image runs where it lies" % self._strategy.name,
            )
        self._foresee(data, header)
        self.close()
        self._strategy.begin_upload()
        self._size = size
        self._ahead = -(-size // self._area.sector)
        self._sha = bytes(sha)

    def _write(self, data: memoryview) -> None:
        """Program `data`; bytes that do not fill a write unit wait in the tail."""
        unit = len(self._tail)
        self._erase_up_to(self._at + len(data))
        if self._tail_used:
            take = min(unit - self._tail_used, len(data))
            self._tail[self._tail_used : self._tail_used + take] = data[:take]
            self._tail_used += take
            self._at += take
            data = data[take:]
            if self._tail_used < unit and self._at < self._size:
                return
            self._flush_tail()
        whole = len(data) // unit * unit
        if whole:
            self._area.program(self._at, data[:whole])
            self._at += whole
        rest = len(data) - whole
        if rest:
            self._tail[:rest] = data[whole:]
            self._tail_used = rest
            self._at += rest
            if self._at == self._size:
                self._flush_tail()

    def _flush_tail(self) -> None:
        used, unit = self._tail_used, len(self._tail)
        for i in range(used, unit):
            self._tail[i] = 0xFF
        self._area.program(self._at - used, self._tail)
        self._tail_used = 0

    def _erase_up_to(self, end: int) -> None:
        sector = self._area.sector
        while self._erased * sector < end:
            if not self._area.blank(self._erased):
                self._area.erase(self._erased)
            self._erased += 1

    def _end(self) -> dict:
        response = {"off": self._at}
        if self._sha:
            sha = hashlib.sha256()
            hash_into(sha, self._area, self._size, self._buf)
            response["match"] = sha.digest() == self._sha
        size = self._size
        self.close()
        if response.get("match", True):
            self._preview(size)
        return response

    def _foresee(self, data: bytes | memoryview, header: Header) -> None:
        """Refuse an image for what its header shows, before anything is erased."""
        if self._verifier is None:
            return
        try:
            self._verifier.foresee(data, header, self._number)
        except VerifyError as e:
            raise UploadError(_TOO_OLD if e.old else _INVALID_HEADER, str(e))

    def _preview(self, size: int) -> None:
        """Refuse a complete image for what its TLVs say: they come last, so no earlier than now."""
        if self._verifier is None:
            return
        try:
            self._verifier.preview(self._area, size, self._number)
        except VerifyError as e:
            self._strategy.discard()
            raise UploadError(_TOO_OLD if e.old else _INVALID_HASH, str(e))
