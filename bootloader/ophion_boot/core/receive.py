"""An upload: chunks in any order of retries become an image in the free slot.

Rules of Zephyr's img_mgmt (reference in SPEC.md 6.3): a chunk with another offset than the expected
one is answered with the expected one; the same length and hash again continue where the upload is, also
after a reset; everything is refused before the first erase when the first chunk shows that it cannot work.
"""

import hashlib

from ophion_boot.compat import const
from ophion_boot.core.area import AreaError
from ophion_boot.core.progress import Progress
from ophion_boot.core.verify import Verifier, VerifyError, hash_into
from ophion_boot.fmt import FormatError
from ophion_boot.fmt.image import Header, area_size
from ophion_boot.fmt.quick import copy

_HEADER_BYTES = const(32)
# Units of this many bytes and more are programmed once; smaller ones again, with the same bytes and more.
_ONCE = const(16)
# After this many bytes more in flash the progress is kept, so that a reset costs no more than these.
_MARK_BYTES = const(1024)
_VIEWS_MAX = const(4)
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
    """Writes to where `strategy` stages an update; `buf` (a sector) is lent while a chunk is taken.

    `verifier` is asked what header and TLVs say of image `number`; None: nobody is, until it is wanted.
    With `progress` an upload goes on after a reset. `magic` is what payloads begin with, empty for anything.
    Chunks in the middle allocate nothing. `done`: that chunk was the last of an image.
    """

    def __init__(  # type: ignore[no-untyped-def]
        self,
        strategy,
        buf: bytearray,
        verifier: Verifier | None = None,
        number: int = 0,
        progress: Progress | None = None,
        magic: bytes = b"",
    ) -> None:
        self._magic = magic
        self._strategy = strategy
        self._verifier = verifier
        self._number = number
        self._progress = progress
        self._buf = memoryview(buf)
        self._views: dict = {}
        self._area = strategy.staged()
        self._tail = bytearray(self._area.write_size)
        self._odd = len(self._tail) - 1
        self._under = bytearray(self._area.write_size)
        self.close()

    def open(self) -> bool:
        """True while an image is incomplete, also after a reset."""
        return self._size > 0 or (self._progress is not None and self._progress.unfinished(self._number))

    def close(self) -> None:
        """Forget the upload until the next reset; what is in flash stays there."""
        self.done = False
        self._size = 0
        self._at = 0
        self._room = 0
        self._short = 0
        self._marked = 0
        self._erased = 0
        self._ready = 0
        self._sha = b""
        self._tlvs_at = 0
        self._answer: dict = {"off": 0}

    def forget(self) -> None:
        """Forget the upload for good: the next one begins anew."""
        self.close()
        if self._progress:
            self._progress.forget(self._number)

    def chunk(
        self, offset: int, data: bytes | memoryview, size: int | None = None, sha: bytes | memoryview = b""
    ) -> dict:
        """Take one chunk; returns the response map {"off"} or, at the end, {"off", "match"}.

        `offset`, `size` in bytes; `sha` is SHA-256 of the whole file, its first bytes, or empty. The map is
        valid until the next call. Raises UploadError, StrategyError when the slot is not free, OSError from
        the flash, AreaError when the image does not fit where it has to lie.
        """
        if offset == 0 and size is not None:
            self._start(size, bytes(sha), data)
        self.done = False
        if not self._size or offset != self._at:
            return self._answer
        if offset + len(data) > self._size:
            raise UploadError(
                _OVERRUN, "chunk ends at %d, the image at %d" % (offset + len(data), self._size)
            )
        if not len(data):
            raise UploadError(_INVALID_LENGTH, "a chunk has no data")
        try:
            self._write(data)
            if self._at == self._size or (self._room < self._size and self._only_padding_left()):
                return self._end()
        except (OSError, AreaError, UploadError):
            self.forget()
            raise
        self._mark()
        self._answer["off"] = self._at
        return self._answer

    def more(self, offset: int, data: bytes | memoryview) -> dict:
        """As `chunk`, for a chunk that is not the first; short when it has whole units and is not the last.

        Whoever gets an error from it calls `forget`.
        """
        end = offset + len(data)
        if offset != self._at or offset == end or end >= self._short or (offset | end) & self._odd:
            return self.chunk(offset, data)
        self._erase_up_to(end)
        self._area.program(offset, data)
        self._at = end
        if end - self._marked >= _MARK_BYTES:
            self._mark()
        self._answer["off"] = end
        return self._answer

    def wipe(self) -> None:
        """Forget the upload for good, and let `ahead` erase all of where updates lie."""
        self.forget()
        self._ready = self._area.sectors

    def ahead(self) -> bool:
        """Make the next sector ready that the data has not reached yet; False when there is nothing to do."""
        if self._erased >= self._ready:
            return False
        try:
            self._erase_next()
        except OSError:
            self._ready = 0  # whoever needs that sector is told
        return True

    # The first chunk

    def _start(self, size: int, sha: bytes, data: bytes | memoryview) -> None:
        """Begin, or go on with the same file: what the first chunk shows is checked in either case."""
        header = self._check(size, data)
        self._strategy.check_upload()
        if self._size == size and sha and self._sha == sha:
            return
        if self._resume(size, sha, data, header):
            return
        self.close()
        if self._progress:
            self._progress.begin(self._number, size, sha)
        self._strategy.discard()
        self._open(size, sha, header)

    def _open(self, size: int, sha: bytes, header: Header, at: int = 0) -> None:
        self.close()
        self._size = size
        self._sha = sha
        self._room = min(size, self._strategy.max_image_size)
        self._short = size if size == self._room else 0
        self._ready = -(-self._room // self._area.sector)
        self._tlvs_at = header.signed_size
        self._at = self._marked = at
        self._answer["off"] = at

    def _resume(self, size: int, sha: bytes, data: bytes | memoryview, header: Header) -> bool:
        """Go on with what was uploaded before a reset; False when that is something else, or damaged."""
        at = self._progress.find(self._number, size, sha) if self._progress else 0
        if not at or not self._begins_with(data, at):
            return False
        if at == size:
            self._open(size, sha, header, at)
            return bool(self._end().get("match"))
        at, sector = self._area.resume(at)
        if not at:
            return False
        self._open(size, sha, header, at)
        self._erased = sector
        # It may have gone back: what is behind is about to be erased.
        self._progress.mark(self._number, at)  # type: ignore[union-attr]
        if at % len(self._tail):
            self._area.read(at - at % len(self._tail), self._tail)
        return True

    def _begins_with(self, data: bytes | memoryview, at: int) -> bool:
        count = min(len(data), at, len(self._buf))
        self._area.read(0, self._buf[:count])
        return self._buf[:count] == memoryview(data)[:count]

    def _check(self, size: int, data: bytes | memoryview) -> Header:
        """The header, when nothing in it or beside it rules the image out."""
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
        self._check_kind(header, data)
        # A file may be larger, when it is padded (imgtool --pad); its image may not.
        self._check_size(header.signed_size + 4)
        if header.key_size and not self._strategy.takes_encrypted:
            raise UploadError(
                _INVALID_HEADER,
                "encrypted: under %s an image runs where it lies" % self._strategy.name,
            )
        if self._verifier:
            try:
                self._verifier.foresee(data, header, self._number)
            except VerifyError as e:
                raise UploadError(_TOO_OLD if e.old else _INVALID_HEADER, str(e))
        return header

    def _check_kind(self, header: Header, data: bytes | memoryview) -> None:
        """Refuse an image for another component; only what the first chunk shows."""
        if header.key_size:
            return  # what can be seen is encrypted
        shown = bytes(data[header.hdr_size : header.hdr_size + len(self._magic)])
        if not self._magic.startswith(shown):
            raise UploadError(_INVALID_HEADER, "the payload is not what this image number takes")

    def _check_size(self, size: int) -> None:
        limit = self._strategy.max_image_size
        if size > limit:
            raise UploadError(_TOO_LARGE, "image of %d bytes does not fit in %d" % (size, limit))

    # Every chunk

    def _write(self, data: bytes | memoryview) -> None:
        """Program `data`, as much of it as the slot has room for."""
        most = min(len(self._buf) - len(self._tail), self._room - self._at)
        while len(data) > most:
            data = memoryview(data)
            if most:
                self._put(data[:most])
            data = data[most:] if self._at < self._room else data[:0]
            most = min(len(self._buf) - len(self._tail), self._room - self._at)
        if len(data):
            self._put(data)

    def _put(self, data: bytes | memoryview) -> None:
        """Program `data`, which fits the buffer, behind the bytes of its first unit that are there."""
        tail, stage = self._tail, self._buf
        unit = len(tail)
        used = self._at % unit
        end = used + len(data)
        self._erase_up_to(self._at + len(data))
        for i in range(used):
            stage[i] = tail[i]
        copy(stage, data, used, 0, len(data))
        rest = end % unit
        for i in range(rest):
            tail[i] = stage[end - rest + i]
        start = self._at - used
        self._at += len(data)
        if rest and unit >= _ONCE and self._at < self._size:
            end -= rest
        elif rest:
            # What a request that a reset cut off has left there, or nothing yet.
            end -= rest
            self._area.read(start + end, self._under)
            for i in range(rest, unit):
                stage[end + i] = self._under[i]
            end += unit
        if end:
            self._area.program(start, self._first(end))

    def _first(self, count: int) -> memoryview:
        """A view of the first `count` bytes of the buffer; clients send many chunks of one size."""
        view = self._views.get(count)
        if view is None:
            if len(self._views) >= _VIEWS_MAX:
                self._views.clear()
            view = self._views[count] = self._buf[:count]
        return view

    def _erase_up_to(self, end: int) -> None:
        while self._erased * self._area.sector < end:
            self._erase_next()

    def _erase_next(self) -> None:
        if not self._area.blank(self._erased, buf=self._buf):
            self._area.erase(self._erased)
        self._erased += 1

    def _safe(self) -> int:
        """How many bytes are in flash: the others wait until their unit is full."""
        unit = len(self._tail)
        return self._at if unit < _ONCE else self._at - self._at % unit

    def _mark(self) -> None:
        safe = self._safe()
        if self._progress and safe - self._marked >= _MARK_BYTES:
            self._marked = safe
            self._progress.mark(self._number, safe)

    # The last chunk

    def _only_padding_left(self) -> bool:
        """True when all of an image is in flash whose file is larger than what fits."""
        safe = self._safe()
        if safe < self._tlvs_at + 4:
            return False
        info = bytearray(4)
        self._area.read(self._tlvs_at, info)
        try:
            end = self._tlvs_at + area_size(info, False)
        except FormatError as e:
            raise UploadError(_INVALID_HEADER, str(e))
        self._check_size(end)
        return safe >= end

    def _end(self) -> dict:
        size, sha = self._size, self._sha
        answer: dict = {"off": size}
        if sha and self._room == size:
            found = hashlib.sha256()
            hash_into(found, self._area, size, self._buf)
            answer["match"] = found.digest().startswith(sha)
        if not answer.get("match", True):
            self.forget()
            return answer
        self._preview(self._room)
        self.close()
        # A last chunk that is sent again, because its answer was lost, gets the same answer.
        self._at = size
        self._answer = answer
        self.done = True
        if self._progress:
            self._progress.mark(self._number, size if "match" in answer else 0)
        return answer

    def _preview(self, size: int) -> None:
        """Refuse a complete image for what its TLVs say: they come last, so no earlier than now."""
        if self._verifier is None:
            return
        try:
            self._verifier.preview(self._area, size, self._number)
        except VerifyError as e:
            self.forget()
            self._strategy.discard()
            raise UploadError(_TOO_OLD if e.old else _INVALID_HASH, str(e))
