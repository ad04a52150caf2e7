"""`cryptolib.aes` as official firmware has it (no counter mode), for CPython, over `cryptography`."""

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes


class aes:
    """ECB, encryption into a given buffer."""

    MODES = (1,)

    def __init__(self, key, mode, iv=None):
        if mode not in self.MODES:
            raise ValueError("mode")
        cipher = modes.ECB() if mode == 1 else modes.CTR(iv)
        self._encryptor = Cipher(algorithms.AES(key), cipher).encryptor()

    def encrypt(self, data, out):
        out[:] = self._encryptor.update(bytes(data))


class aes_with_ctr(aes):
    """The same with counter mode built in."""

    MODES = (1, 6)
