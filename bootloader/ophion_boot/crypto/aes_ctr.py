"""AES-128 and AES-256 in counter mode (SP 800-38A, 6.5), over the `cryptolib` of the firmware.

Official ESP32 firmware has no counter mode, so where it is not built the key stream comes from ECB, 2 KiB at
a time, and is XORed here. The counter is 128 bits, big-endian, and wraps.
"""

from ophion_boot.compat import const
from ophion_boot.crypto import CryptoError

try:
    from ophion_boot.crypto.aes_ctr_viper import count_blocks, xor
except (ImportError, SyntaxError, ValueError, MemoryError):
    from ophion_boot.crypto.aes_ctr_plain import count_blocks, xor  # type: ignore[assignment]

_CHUNK = const(2048)
_BLOCKS = const(128)
_ECB = const(1)
_CTR = const(6)


class AesCtr:
    """A key and a first counter; `xor` encrypts or decrypts any part of the stream in place.

    `key` has 16 or 32 bytes, `counter` 16: the counter of byte 0. `aes` is `cryptolib.aes` or something with
    its signature; None takes the firmware's. Without a built-in counter mode, two buffers of 2 KiB are
    allocated here, and later calls allocate nothing as long as the counter of byte 0 is a multiple of 128 and
    its lower 24 bits do not overflow; a built-in one allocates when the position is not where the last call
    ended.
    Raises CryptoError for other lengths, or when the firmware has no `cryptolib`.
    """

    def __init__(self, key: bytes, counter: bytes, aes=None) -> None:  # type: ignore[no-untyped-def]
        if len(key) not in (16, 32) or len(counter) != 16:
            raise CryptoError("AES key is %d and counter %d bytes" % (len(key), len(counter)))
        self._aes = aes or _firmware_aes()
        self._key = bytes(key)
        self._counter = int.from_bytes(counter, "big")
        self._at = -1
        try:
            self._stream = self._aes(self._key, _CTR, bytes(counter))
            self._at = 0
        except ValueError:
            self._stream = None
            self._ecb = self._aes(self._key, _ECB)
            self._counters = bytearray(bytes(counter) * _BLOCKS)
            self._pad = bytearray(_CHUNK)
            low = self._counter & 0xFFFFFF
            self._low = low if low % _BLOCKS == 0 else 1 << 24
            self._chunk = -1
            self._carried = False

    def xor(self, buf: bytearray | memoryview, offset: int) -> None:
        """Encrypt or decrypt `buf` in place, as the bytes from `offset` of the stream."""
        if offset < 0:
            raise CryptoError("offset %d in a key stream" % offset)
        if self._stream is not None:
            self._seek(offset)
            self._stream.encrypt(buf, buf)
            self._at += len(buf)
            return
        done = 0
        size = len(buf)
        while done < size:
            start = offset & _CHUNK - 1
            count = _CHUNK - start
            if count > size - done:
                count = size - done
            if offset >> 11 != self._chunk:
                self._load(offset >> 11)
            xor(0, 0, buf, done, self._pad, start, count)
            done += count
            offset += count

    def _seek(self, offset: int) -> None:
        if offset == self._at:
            return
        counter = (self._counter + offset // 16) & ((1 << 128) - 1)
        self._stream = self._aes(self._key, _CTR, counter.to_bytes(16, "big"))
        if offset % 16:
            skipped = bytearray(offset % 16)
            self._stream.encrypt(skipped, skipped)
        self._at = offset

    def _load(self, chunk: int) -> None:
        low = self._low + chunk * _BLOCKS
        if low < 1 << 24:
            if self._carried:
                self._counters[:] = self._counter.to_bytes(16, "big") * _BLOCKS
                self._carried = False
            count_blocks(0, 0, self._counters, low)
        else:
            self._carried = True
            first = self._counter + chunk * _BLOCKS
            for i in range(_BLOCKS):
                counter = (first + i) & ((1 << 128) - 1)
                self._counters[16 * i : 16 * i + 16] = counter.to_bytes(16, "big")
        self._ecb.encrypt(self._counters, self._pad)
        self._chunk = chunk


def _firmware_aes():  # type: ignore[no-untyped-def]
    try:
        from cryptolib import aes
    except ImportError:
        raise CryptoError("this firmware has no cryptolib")
    return aes
