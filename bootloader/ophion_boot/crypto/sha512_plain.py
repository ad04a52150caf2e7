"""The compression function of SHA-512 on long integers, for firmware without the viper emitter."""

_MASK = 0xFFFFFFFFFFFFFFFF


def digest(start: tuple, padded: bytes, k: bytes) -> bytes:
    """The digest of the padded message, from the words `start` and the constants `k` (FIPS 180-4, 6.4)."""
    state = list(start)
    constants = [int.from_bytes(k[i : i + 8], "big") for i in range(0, 640, 8)]
    for at in range(0, len(padded), 128):
        _block(state, padded, at, constants)
    return b"".join([word.to_bytes(8, "big") for word in state])


def _block(state: list[int], data: bytes, at: int, k: list[int]) -> None:
    w = [int.from_bytes(data[i : i + 8], "big") for i in range(at, at + 128, 8)]
    for i in range(16, 80):
        # A word beside itself makes a rotation one shift (both halves in one number).
        x = w[i - 15] * 0x10000000000000001
        y = w[i - 2] * 0x10000000000000001
        s0 = (x >> 1) ^ (x >> 8) ^ (w[i - 15] >> 7)
        s1 = (y >> 19) ^ (y >> 61) ^ (w[i - 2] >> 6)
        w.append((w[i - 16] + (s0 & _MASK) + w[i - 7] + (s1 & _MASK)) & _MASK)
    a, b, c, d, e, f, g, h = state
    for i in range(80):
        x = e * 0x10000000000000001
        t = h + (((x >> 14) ^ (x >> 18) ^ (x >> 41)) & _MASK) + (g ^ (e & (f ^ g))) + k[i] + w[i]
        x = a * 0x10000000000000001
        u = (((x >> 28) ^ (x >> 34) ^ (x >> 39)) & _MASK) + ((a & b) | (c & (a | b)))
        h, g, f, e, d, c, b, a = g, f, e, (d + t) & _MASK, c, b, a, (t + u) & _MASK
    for i, value in enumerate((a, b, c, d, e, f, g, h)):
        state[i] = (state[i] + value) & _MASK
