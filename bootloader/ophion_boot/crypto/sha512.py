"""SHA-512 (FIPS 180-4), because MicroPython's `hashlib` stops at SHA-256."""

_MASK = 0xFFFFFFFFFFFFFFFF
_START = (
    0x6A09E667F3BCC908, 0xBB67AE8584CAA73B, 0x3C6EF372FE94F82B, 0xA54FF53A5F1D36F1,
    0x510E527FADE682D1, 0x9B05688C2B3E6C1F, 0x1F83D9ABFB41BD6B, 0x5BE0CD19137E2179,
)  # fmt: skip


def _primes(count: int) -> list[int]:
    found: list[int] = []
    n = 2
    while len(found) < count:
        if all(n % p for p in found):
            found.append(n)
        n += 1
    return found


def _cube_root_fraction(p: int) -> int:
    """The first 64 bits behind the point of the cube root of `p` (FIPS 180-4, 4.2.3)."""
    low, high = 0, 8 << 64
    target = p << 192
    while high - low > 1:
        middle = (low + high) >> 1
        if middle * middle * middle <= target:
            low = middle
        else:
            high = middle
    return low & _MASK


_k: list[int] = []


def _round_constants() -> list[int]:
    """The 80 constants, made at first use: as numbers in the source they would be the larger part."""
    if not _k:
        _k.extend([_cube_root_fraction(p) for p in _primes(80)])
    return _k


def sha512(data: bytes | memoryview) -> bytes:
    """The 64 byte digest of `data` (bytes or memoryview)."""
    length = len(data)
    padded = bytes(data) + b"\x80" + bytes(-(length + 17) % 128) + (8 * length).to_bytes(16, "big")
    state = list(_START)
    for at in range(0, len(padded), 128):
        _block(state, padded, at)
    return b"".join([word.to_bytes(8, "big") for word in state])


def _block(state: list[int], data: bytes, at: int) -> None:
    w = [int.from_bytes(data[i : i + 8], "big") for i in range(at, at + 128, 8)]
    for i in range(16, 80):
        # A word beside itself makes a rotation one shift (both halves in one number).
        x = w[i - 15] * 0x10000000000000001
        y = w[i - 2] * 0x10000000000000001
        s0 = (x >> 1) ^ (x >> 8) ^ (w[i - 15] >> 7)
        s1 = (y >> 19) ^ (y >> 61) ^ (w[i - 2] >> 6)
        w.append((w[i - 16] + (s0 & _MASK) + w[i - 7] + (s1 & _MASK)) & _MASK)
    a, b, c, d, e, f, g, h = state
    k = _round_constants()
    for i in range(80):
        x = e * 0x10000000000000001
        t = h + (((x >> 14) ^ (x >> 18) ^ (x >> 41)) & _MASK) + (g ^ (e & (f ^ g))) + k[i] + w[i]
        x = a * 0x10000000000000001
        u = (((x >> 28) ^ (x >> 34) ^ (x >> 39)) & _MASK) + ((a & b) | (c & (a | b)))
        h, g, f, e, d, c, b, a = g, f, e, (d + t) & _MASK, c, b, a, (t + u) & _MASK
    for i, value in enumerate((a, b, c, d, e, f, g, h)):
        state[i] = (state[i] + value) & _MASK
