"""What AES-CTR does byte by byte, without the viper emitter.

`aes_ctr_viper` has the same functions, and a use for the two arguments that are 0 here.
"""


def count_blocks(_a: int, _b: int, counters: bytearray, low: int) -> None:
    """Set the lower 24 bits of the 128 big-endian counters of 16 bytes to `low`, `low` + 1, ..."""
    middle = low >> 8 & 255
    high = low >> 16
    for at in range(0, 2048, 16):
        counters[at + 13] = high
        counters[at + 14] = middle
        counters[at + 15] = low + (at >> 4) & 255


def xor(
    _a: int, _b: int, buf: bytearray | memoryview, at: int, pad: bytearray, start: int, size: int
) -> None:
    """XOR `size` bytes of `pad` from `start` into `buf` from `at`.

    As long integers, which allocate: a loop over the bytes would take eight times as long.
    """
    a = int.from_bytes(buf[at : at + size], "little")
    b = int.from_bytes(pad[start : start + size], "little")
    buf[at : at + size] = (a ^ b).to_bytes(size, "little")
