"""Uploads of patches: what arrives is decoded at once, what comes out is uploaded as an image (SPEC.md 6.9).

The patch is for the image that runs; what it makes goes where an update goes, through an Upload, which checks
it, counts it and goes on with it as with any other. So a patch is trusted with nothing.
"""

import hashlib

from ophion_boot.compat import const
from ophion_boot.core.delta import Decoder, DeltaError
from ophion_boot.core.progress import Progress
from ophion_boot.core.receive import Upload, UploadError
from ophion_boot.core.verify import Verifier
from ophion_boot.fmt import FormatError
from ophion_boot.fmt.delta import HEADER_BYTES, MAGIC, SECTOR, TABLE_BITS, VERSION, Header
from ophion_boot.fmt.image import Header as ImageHeader
from ophion_boot.fmt.image import signature_tlvs

_HEAD_BYTES = const(1024)
_NO_IMAGE = const(3)
_NO_MEMORY = const(15)
_INVALID_LENGTH = const(21)
_INVALID_HEADER = const(22)
_TOO_LARGE = const(30)
_OVERRUN = const(31)


class Patching:
    """Takes images and patches, as `upload` takes images: with the same methods.

    `strategy`, `number` and `progress` are those of `upload`; `log` (an EventLog) is told of each patch that
    made an image. `chunk` and `more` return None when a chunk makes more than a sector, and that
    much is made: then they are to be called again with the same one.
    """

    # An active image with a larger content key (bytes) is no base.
    _shown = 0

    def __init__(  # type: ignore[no-untyped-def]
        self, upload: Upload, strategy, verifier: Verifier, number: int, progress: Progress | None, log
    ) -> None:
        self._upload = upload
        self._strategy = strategy
        self._verifier = verifier
        self._number = number
        self._progress = progress
        self._log = log
        self._digest = b""
        self._key: tuple = ()
        self._decoder: Decoder = None  # type: ignore[assignment]
        self._header: Header = None  # type: ignore[assignment]
        self._sha = b""
        # Bytes: of the patch, of it taken; of the image made, of it in flash.
        self._size = self._at = self._made = self._have = 0
        self._restart = (0, 0)
        self._answer: dict = {"off": 0}
        self._match = self._wrote = self._again = self.done = False
        self._version = ""

    def open(self) -> bool:
        """True while an image is incomplete, also after a reset."""
        return self._upload.open()

    def close(self) -> None:
        """Forget the upload until the next reset."""
        self._drop()
        self._upload.close()

    def forget(self) -> None:
        """Forget the upload for good."""
        self._drop()
        self._upload.forget()

    def wipe(self) -> None:
        """Forget the upload for good, and let `ahead` erase all of where updates lie."""
        self._drop()
        self._upload.wipe()

    def ahead(self) -> bool:
        """Make the next sector ready; False when there is nothing to do."""
        return self._upload.ahead()

    def chunk(
        self, offset: int, data: bytes | memoryview, size: int | None = None, sha: bytes | memoryview = b""
    ) -> dict | None:
        """As Upload's; raises what that raises, and UploadError for what is no patch for this device."""
        if offset == 0 and size is not None:
            if bytes(data[:4]) != MAGIC:
                self._drop()
                answer = self._upload.chunk(0, data, size, sha)
                self.done = self._upload.done
                return answer
            self._begin(data, size, bytes(sha))
        return self.more(offset, data)

    def more(self, offset: int, data: bytes | memoryview) -> dict | None:
        """As `chunk`, for a chunk that is not the first."""
        if not self._size:
            answer: dict | None = self._upload.more(offset, data)
            self.done = self._upload.done
            return answer
        self.done = False
        # What was taken of this chunk before.
        taken = self._at - offset
        if self._decoder is None or not 0 <= taken <= len(data):
            return self._answer
        if offset + len(data) > self._size:
            raise UploadError(
                _OVERRUN, "chunk ends at %d, the patch at %d" % (offset + len(data), self._size)
            )
        try:
            answer = self._decode(memoryview(data)[taken:])
        except (OSError, ValueError, MemoryError) as e:
            self._spoilt(isinstance(e, DeltaError))
            if isinstance(e, DeltaError):
                raise UploadError(_INVALID_HEADER, str(e))
            if isinstance(e, MemoryError):
                raise UploadError(_NO_MEMORY, "no memory to go on")
            raise
        self._again = answer is None
        return answer

    def base(self) -> dict | None:
        """What a patch can be made against: {"version", "hash", "size"} of the image that runs, or None.

        Not an encrypted one: parts of it would lie in the clear where updates lie.
        """
        area = self._strategy.active()
        try:
            header, total, _, entries, tlvs = self._verifier.read_layout(area, area.size)
            digest = bytes(signature_tlvs(entries, tlvs)[0])
        except (OSError, ValueError):
            return None
        if header.key_size > self._shown:
            return None
        return {"version": header.version_text(), "hash": digest, "size": total}

    # The first chunk

    def _begin(self, data: bytes | memoryview, size: int, sha: bytes) -> None:
        """Begin with a patch, or go on with it: what the first chunk shows is checked in either case."""
        if len(data) < HEADER_BYTES:
            raise UploadError(_INVALID_LENGTH, "the first chunk has %d bytes, less than a header" % len(data))
        key = size, sha, bytes(data[:HEADER_BYTES])
        self._strategy.check_upload()
        if key == self._key and self._decoder and (sha or self._again):
            return
        try:
            header = Header(data)
        except FormatError as e:
            raise UploadError(_INVALID_HEADER, str(e))
        self._check(header)
        self._drop()
        self._made = self._have = 0
        self._header = header
        self._sha = sha
        position = self._position()
        try:
            self._decoder = Decoder(header, self._strategy.active().read, self._write, position)
        except MemoryError:
            raise UploadError(_NO_MEMORY, "a table of %d bytes finds no memory" % (2 << header.table_bits))
        except ImportError:
            raise UploadError(_INVALID_HEADER, "firmware without deflate")
        self._key = key
        self._size = size
        self._at, self._made = self._restart = position
        self._answer = {"off": self._at}

    def _check(self, header: Header) -> None:
        """Refuse a patch that is not for this device before anything is decoded."""
        limit = self._strategy.max_image_size
        if header.new_size > limit:
            raise UploadError(_TOO_LARGE, "image of %d bytes does not fit in %d" % (header.new_size, limit))
        size, digest = 0, hashlib.sha256(b"").digest()
        if header.old_size:
            base = self.base()
            if base is None:
                raise UploadError(_NO_IMAGE, "no base for a patch: what runs is encrypted, or no image")
            size = base["size"]
            # What runs stays where it is until the next reset.
            digest = self._digest = self._digest or self._verifier.digest(self._strategy.active(), size)
        try:
            header.check_base(size, digest)
        except FormatError as e:
            raise UploadError(_NO_IMAGE, str(e))

    def _position(self) -> tuple:
        """Where in the patch and in the image to go on after a reset, as Decoder.restart; else the start."""
        start = HEADER_BYTES, 0
        if not self._progress or not self._sha:
            return start
        position = self._progress.place(self._sha)
        new_size = self._header.new_size
        if (
            not position[1]
            or self._progress.find(self._number, new_size, self._header.new_hash) < position[1]
        ):
            return start
        head = memoryview(bytearray(_HEAD_BYTES))
        self._strategy.staged().read(0, head)
        try:
            self._first(head)
        except UploadError:
            return start
        return position if self._have >= position[1] else start

    # Every chunk

    def _decode(self, data: memoryview) -> dict | None:
        """Make a sector at most of what `data`, the next bytes of the patch, makes."""
        decoder = self._decoder
        decoder.pause = self._made + SECTOR
        taken = decoder.feed(data)
        self._at += taken
        if decoder.restart != self._restart:
            self._restart = decoder.restart
            if self._progress and self._sha:
                self._progress.keep(self._sha, self._restart)
        if self._have == self._header.new_size and (self._at == self._size or not self._wrote):
            return self._end()
        if decoder.waits or taken < len(data):
            return None
        if self._at == self._size:
            decoder.finish()
        self._answer["off"] = self._at
        return self._answer

    def _write(self, data: memoryview) -> None:
        """The next bytes of the image; those that are in flash already are passed over."""
        start = self._made
        self._made += len(data)
        if not self._have:
            self._first(data)
        elif self._made > self._have:
            self._wrote = True
            self._took(self._upload.more(self._have, data[self._have - start :]))

    def _first(self, data: memoryview) -> None:
        """The first bytes of the image: what they show is checked before anything is erased."""
        self._took(self._upload.chunk(0, data, self._header.new_size, self._header.new_hash))
        self._wrote = self._have <= len(data)
        self._version = ImageHeader(data).version_text()

    def _took(self, answer: dict) -> None:
        self._have = answer["off"]
        self._match = answer.get("match", True)

    # The end

    def _end(self) -> dict:
        size, image = self._size, self._header.new_size
        self._answer = {"off": size, "match": self._match}
        self._decoder = None  # type: ignore[assignment]
        self.done = self._match
        if not self._match:
            self._strategy.discard()
        elif self._wrote:
            text = "%d bytes received for %d: %d %% saved" % (size, image, 100 * (image - size) // image)
            self._log.add("patched", self._version, text)
        return self._answer

    def _spoilt(self, made: bool) -> None:
        """The patch ends here; what it has `made` so far is no image."""
        began = self._have
        self._drop()
        if began:
            self._upload.forget()
            if made:
                self._strategy.discard()

    def _drop(self) -> None:
        self.done = self._again = False
        self._size = 0
        self._key = ()
        self._decoder = None  # type: ignore[assignment]


def bases(components: list) -> dict:
    """What patches can be made against, by image number, and which patches are taken: the answer to 64, 5."""
    found = []
    for number in range(len(components)):
        base = components[number].upload.base()
        if base:
            base["image"] = number
            found.append(base)
    return {"bases": found, "patch": VERSION, "bits": TABLE_BITS[-1]}
