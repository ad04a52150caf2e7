"""`cryptolib.aes` of MicroPython for CPython, so that the device's own code decrypts here too."""

from __future__ import annotations

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

_ECB = 1
_CTR = 6


class Aes:
    """AES with `key`, to encrypt only: mode 1 is ECB, 6 is counter mode from the counter `iv`."""

    def __init__(self, key: bytes, mode: int, iv: bytes = b"") -> None:
        if mode not in (_ECB, _CTR):
            raise ValueError(f"mode {mode} is not {_ECB} or {_CTR}")
        chosen = modes.CTR(iv) if mode == _CTR else modes.ECB()
        self._encryptor = Cipher(algorithms.AES(key), chosen).encryptor()

    def encrypt(self, data: bytes | bytearray | memoryview, out: bytearray | memoryview) -> None:
        """Encrypt `data` into `out`, which has its length."""
        out[:] = self._encryptor.update(bytes(data))
