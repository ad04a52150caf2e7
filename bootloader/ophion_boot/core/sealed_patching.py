"""Uploads of sealed patches: what Patching does, for images that are encrypted (SPEC.md 6.9, 12.7).

The patch is between images in the clear. What comes out is encrypted on its way to the Upload, so that flash
gets the bytes of a full upload. Every block is authenticated before anything in it is used.
"""

import hashlib

from ophion_boot.compat import const
from ophion_boot.core.patching import Patching
from ophion_boot.core.patching import bases as plain_bases
from ophion_boot.core.receive import UploadError
from ophion_boot.core.secret import Cipher
from ophion_boot.crypto import CryptoError
from ophion_boot.crypto.aes_ctr import AesCtr
from ophion_boot.crypto.hkdf import hmac, require_equal
from ophion_boot.fmt import FormatError
from ophion_boot.fmt.sealed import BLOCK_BYTES, FIXED_BYTES, MAGIC, TAG_BYTES, VERSION, Prefix, block_text
from ophion_boot.fmt.wrapped import wrapped_value

_OUT_BYTES = const(1024)
_NO_IMAGE = const(3)
_NO_MEMORY = const(15)
_INVALID_LENGTH = const(21)
_INVALID_HEADER = const(22)
_OVERRUN = const(31)
_KEY_MAX = const(32)
# Where a patch says how large its old image is.
_BASE_AT = const(6)
_BASE_END = const(10)


class SealedPatching(Patching):
    """A Patching that takes sealed patches, too, on a board that takes encrypted images."""

    # The sealed patch that is being taken.
    _sealed: "SealedStream" = None  # type: ignore[assignment]

    def chunk(
        self, offset: int, data: bytes | memoryview, size: int | None = None, sha: bytes | memoryview = b""
    ) -> dict | None:
        """As Patching's."""
        if offset == 0 and size is not None:
            if bytes(data[:4]) != MAGIC:
                if self._sealed:
                    self._drop()
                return super().chunk(0, data, size, sha)
            self._start(data, size, bytes(sha))
        return self.more(offset, data)

    def more(self, offset: int, data: bytes | memoryview) -> dict | None:
        """As Patching's. Bytes of a block are kept until all of it is there."""
        sealed = self._sealed
        if not sealed:
            return super().more(offset, data)
        self.done = False
        taken = sealed.at - offset
        if not 0 <= taken <= len(data) or (sealed.stream and not self._decoder):
            return sealed.answer
        if offset + len(data) > sealed.total:
            raise UploadError(
                _OVERRUN, "chunk ends at %d, the patch at %d" % (offset + len(data), sealed.total)
            )
        rest = memoryview(data)[taken:]
        while sealed.clear or len(rest):
            if sealed.clear:
                answer = super().more(sealed.number * BLOCK_BYTES, sealed.clear)
                if answer is None:
                    return None
                if not self._decoder:
                    sealed.answer = answer
                    return answer
                sealed.next()
            rest = rest[sealed.put(rest) :]
            if sealed.full() and not self._opened(sealed):
                rest = memoryview(data)[sealed.at - offset :]
        sealed.answer["off"] = sealed.at
        return sealed.answer

    def encrypted(self) -> dict | None:
        """As `base`, of an image that runs and is encrypted: only sealed patches can be made against it."""
        return None if self.base() else self._any_base()

    def _any_base(self) -> dict | None:
        self._shown = _KEY_MAX
        try:
            return self.base()
        finally:
            self._shown = 0

    def _drop(self) -> None:
        super()._drop()
        self._sealed = None  # type: ignore[assignment]

    # The first chunk, and the first block

    def _start(self, data: bytes | memoryview, size: int, sha: bytes) -> None:
        """Begin with a sealed patch, or go on with it."""
        if len(data) < FIXED_BYTES:
            raise UploadError(_INVALID_LENGTH, "the first chunk has %d bytes, less than a prefix" % len(data))
        self._strategy.check_upload()
        key = size, sha, bytes(data[:FIXED_BYTES])
        old = self._sealed
        if old and old.key == key and (sha or self._again) and (self._decoder or not old.stream):
            return
        try:
            sealed = SealedStream(key)
        except FormatError as e:
            raise UploadError(_INVALID_HEADER, str(e))
        except MemoryError:
            raise UploadError(_NO_MEMORY, "no memory for a sealed patch")
        if not (self._strategy.takes_encrypted and self._verifier.secret):
            raise UploadError(_INVALID_HEADER, "encrypted: this image number takes plain images only")
        self._drop()
        self._sealed = sealed

    def _opened(self, sealed: "SealedStream") -> bool:
        """Decrypt a block that is all there; False when the patch goes on elsewhere."""
        try:
            if sealed.stream:
                sealed.open_block()
                return True
            return self._first_block(sealed)
        except CryptoError as e:
            # What was made so far is no image.
            self._spoilt(True)
            raise UploadError(_INVALID_HEADER, "sealed patch: " + str(e))
        except MemoryError:
            self._spoilt(True)
            raise UploadError(_NO_MEMORY, "no memory for a sealed patch")

    def _first_block(self, sealed: "SealedStream") -> bool:
        """Begin, or go on after a reset, when the first block is from who knows the content keys."""
        self._drop()
        # Nothing is to be made free until something of this patch is in flash.
        self._have = 0
        secret = self._verifier.secret
        try:
            seal = secret.choose(sealed.recipients(), sealed.prefix.start, sealed.prefix.payload)
        except FormatError as e:
            raise UploadError(_INVALID_HEADER, str(e))
        content = secret.content(seal)
        sealed.stream = secret.stream(content, sealed.prefix.counter)
        # Not to be trusted before the tag is right; but there is a base, or there is none.
        base = sealed.has_base()
        try:
            sealed.unlock((self._base_key() if base else b"") + content)
            sealed.open_block()
        except CryptoError as e:
            if not base:
                raise
            raise UploadError(_NO_IMAGE, "sealed patch for another image than runs, or changed: " + str(e))
        sealed.cipher = secret.cipher(seal)
        self._shown = _KEY_MAX
        try:
            self._begin(sealed.clear, sealed.inner, sealed.key[1])
        finally:
            self._shown = 0
        if sealed.prefix.start + sealed.prefix.payload >= self._header.new_size:
            self._drop()
            raise UploadError(_INVALID_HEADER, "sealed patch: the payload ends behind the image")
        self._sealed = sealed
        return sealed.go_on(self._at)

    def _base_key(self) -> bytes:
        """The content key of the image that runs, empty when that is plain."""
        area = self._strategy.active()
        secret = self._verifier.secret
        try:
            header, _, _, entries, tlvs = self._verifier.read_layout(area, area.size)
            seal = secret.seal(header, entries, tlvs)
        except ValueError:
            raise CryptoError("none runs")
        return secret.content(seal) if seal else b""

    # Every chunk

    def _write(self, data: memoryview) -> None:
        """Encrypt the next bytes of the image, in a copy: the decoder reads its last ones again."""
        sealed = self._sealed
        if sealed:
            out = memoryview(sealed.out)[: len(data)]
            out[:] = data
            sealed.cipher.xor(out, self._made)
            data = out
        super()._write(data)

    def _end(self) -> dict:
        if self._sealed:
            self._size = self._sealed.total
        return super()._end()


class SealedStream:
    """A sealed patch on its way: `key` is (its bytes, its SHA-256, the fixed part of its prefix).

    `at` of its bytes have been taken. Bytes of block `number` are put into `block`; `clear` is a view of its
    content once it was opened. `stream` is there when the first block has been looked at, `cipher` encrypts
    the image. Raises FormatError.
    """

    def __init__(self, key: tuple) -> None:
        self.key = key
        self.total = key[0]
        self.prefix = Prefix(key[2])
        self.inner = self.prefix.inner(self.total)
        self.head = bytearray(self.prefix.size)
        self.block = bytearray(BLOCK_BYTES + TAG_BYTES)
        self.out = bytearray(_OUT_BYTES)
        self.at = self.number = 0
        self.clear: memoryview = None  # type: ignore[assignment]
        self.stream: AesCtr = None  # type: ignore[assignment]
        self.cipher: Cipher = None  # type: ignore[assignment]
        self.answer: dict = {"off": 0}
        self._digest = self._key = b""

    def put(self, data: memoryview) -> int:
        """Keep what belongs to the prefix, or to the block; returns how many bytes."""
        into, start, end = self.head, 0, len(self.head)
        if self.at >= end:
            into = self.block
            start, end = self.prefix.block(self.number, self.total)
        some = min(len(data), end - self.at)
        into[self.at - start : self.at - start + some] = data[:some]
        self.at += some
        return some

    def full(self) -> bool:
        """True when all of a block is there."""
        start, end = self.prefix.block(self.number, self.total)
        return start < self.at == end

    def recipients(self) -> list:
        """The wrapped keys of the prefix, as `wrapped_value` returns them; raises FormatError."""
        prefix = self.prefix
        return wrapped_value(prefix.kind, bytes(self.head[FIXED_BYTES:]), prefix.key_size)

    def has_base(self) -> bool:
        """True when the patch in the first block, which has not been opened yet, is for an old image."""
        head = bytearray(self.block[:_BASE_END])
        self.stream.xor(head, 0)
        return any(head[_BASE_AT:])

    def unlock(self, key: bytes) -> None:
        """From now on blocks are authenticated with `key`."""
        self._digest = hashlib.sha256(self.head).digest()
        self._key = key

    def open_block(self) -> None:
        """Decrypt the block; raises CryptoError when somebody else made it, or it was changed."""
        start, end = self.prefix.block(self.number, self.total)
        size = end - start - TAG_BYTES
        block = memoryview(self.block)
        tag = hmac(self._key, block_text(self._digest, self.number, block[:size]))
        require_equal(tag[:TAG_BYTES], bytes(block[size : size + TAG_BYTES]), "tag of block %d" % self.number)
        self.clear = block[:size]
        self.stream.xor(self.clear, self.number * BLOCK_BYTES)

    def next(self) -> None:
        """The block has been used."""
        self.clear = None  # type: ignore[assignment]
        self.number += 1

    def go_on(self, at: int) -> bool:
        """Byte `at` of the patch is the next one of use; False when the block there is not this one."""
        number = at // BLOCK_BYTES
        if number == self.number:
            return True
        self.number = number
        self.at = self.prefix.block(number, self.total)[0]
        self.clear = None  # type: ignore[assignment]
        return False


def bases(components: list) -> dict:
    """As Patching's `bases`, and what sealed patches can be made against: the answer to 64, 5."""
    found = plain_bases(components)
    hidden = []
    for number in range(len(components)):
        base = components[number].upload.encrypted()
        if base:
            base["image"] = number
            hidden.append(base)
    found["sealed"] = VERSION
    found["encrypted"] = hidden
    return found
