"""AES-CTR: the vectors of SP 800-38A, any place of the stream, counters that carry, and no allocation."""

import os

from ophion_boot.crypto import CryptoError, aes_ctr, aes_ctr_plain
from support import raises, without_heap

try:
    from cryptolib import aes
except ImportError:
    from cryptolib_double import aes

# SP 800-38A, F.5.1 and F.5.5.
COUNTER = bytes.fromhex("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff")
PLAIN = bytes.fromhex(
    "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
    "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
)
VECTORS = (
    ("2b7e151628aed2a6abf7158809cf4f3c",
     "874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff"
     "5ae4df3edbd5d35e5b4f09020db03eab1e031dda2fbe03d1792170a0f3009cee"),
    ("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
     "601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c5"
     "2b0930daa23de94ce87017ba2d84988ddfc9c58db67aada613c2dd08457941a6"),
)  # fmt: skip


def test_vectors_of_sp800_38a():
    for key, cipher in VECTORS:
        buf = bytearray(PLAIN)
        aes_ctr.AesCtr(bytes.fromhex(key), COUNTER, aes).xor(buf, 0)
        assert bytes(buf).hex() == cipher


class BuiltIn:
    """A `cryptolib.aes` with counter mode, made of one without, by the definition."""

    def __init__(self, key, mode, iv=None):
        self._ecb = aes(key, 1)
        self._mode = mode
        self._counter = int.from_bytes(iv or b"", "big")
        self._pad = b""

    def encrypt(self, data, out):
        assert self._mode == 6
        for i in range(len(data)):
            if not self._pad:
                block = bytearray(16)
                self._ecb.encrypt(self._counter.to_bytes(16, "big"), block)
                self._pad = bytes(block)
                self._counter = (self._counter + 1) % 2**128
            out[i] = data[i] ^ self._pad[0]
            self._pad = self._pad[1:]


def test_any_place_of_the_stream_with_and_without_a_built_in_counter_mode():
    key = bytes(range(16))
    size = 6000
    for counter in (
        bytes(16),
        COUNTER,
        b"\xff" * 15 + b"\x80",
        bytes(13) + b"\xff\xff\x80",
        bytes(12) + b"\xff" * 4,
    ):
        stream = bytearray(size)
        BuiltIn(key, 6, counter).encrypt(stream, stream)
        for firmware in (aes, BuiltIn):
            cipher = aes_ctr.AesCtr(key, counter, firmware)
            for at, end in (
                (0, size),
                (0, 0),
                (5, 6),
                (6, 40),
                (16, 2048),
                (2047, 2049),
                (2048, 4096),
                (4097, size),
                (3, 300),
            ):
                buf = bytearray(end - at)
                cipher.xor(buf, at)
                assert buf == stream[at:end], (counter.hex(), at, end)


def test_a_part_of_a_larger_buffer():
    key = bytes(range(32))
    stream = bytearray(3000)
    cipher = aes_ctr.AesCtr(key, bytes(16), aes)
    cipher.xor(stream, 0)
    buf = bytearray(3000)
    view = memoryview(buf)
    for at, end in ((0, 1), (1, 8), (8, 2050), (2050, 2999)):
        cipher.xor(view[at:end], at)
    assert buf[:2999] == stream[:2999] and buf[2999] == 0


def test_the_plain_and_the_fast_functions_agree():
    fast_xor, fast_count = aes_ctr.xor, aes_ctr.count_blocks
    pad = os.urandom(2048)
    for at, start, size in (
        (0, 0, 2048),
        (0, 0, 32),
        (4, 8, 100),
        (1, 0, 64),
        (3, 3, 77),
        (0, 2, 5),
        (8, 8, 0),
    ):
        one, two = bytearray(os.urandom(2100)), bytearray(2100)
        two[:] = one
        fast_xor(0, 0, one, at, bytearray(pad), start, size)
        aes_ctr_plain.xor(0, 0, two, at, bytearray(pad), start, size)
        assert one == two, (at, start, size)
    for low in (0, 128, 0x80, 0xFF80, 0x123400, 0xFFFF80):
        one, two = bytearray(pad), bytearray(pad)
        for i in range(0, 2048, 16):
            one[i : i + 13] = two[i : i + 13] = bytes(range(13))
        fast_count(0, 0, one, low)
        aes_ctr_plain.count_blocks(0, 0, two, low)
        assert one == two, low


def test_a_sector_allocates_nothing():
    if aes_ctr.xor is aes_ctr_plain.xor:
        # Without viper it does, by the docstring; then there is nothing to promise.
        return
    cipher = aes_ctr.AesCtr(bytes(16), bytes(16), aes)
    buf = bytearray(4096)
    cipher.xor(buf, 0)
    before = bytes(buf)
    without_heap(lambda: cipher.xor(buf, 8192))
    assert bytes(buf) != before


def test_bad_arguments():
    assert "AES key is 24" in raises(CryptoError, aes_ctr.AesCtr, bytes(24), bytes(16), aes)
    assert "counter 15" in raises(CryptoError, aes_ctr.AesCtr, bytes(16), bytes(15), aes)
    cipher = aes_ctr.AesCtr(bytes(16), bytes(16), aes)
    assert "-1" in raises(CryptoError, cipher.xor, bytearray(1), -1)
