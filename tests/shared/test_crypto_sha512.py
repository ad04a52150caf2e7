"""SHA-512: published vectors, and the constants by their definition."""

from ophion_boot.crypto import sha512 as module
from ophion_boot.crypto.sha512 import sha512


def test_sha512_of_abc():
    assert sha512(b"abc").hex() == (
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
        "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
    )


def test_sha512_of_two_blocks():
    # FIPS 180-4 example: 896 bits.
    letters = "abcdefghijklmnopqrstu"
    message = "".join([letters[i : i + 8] for i in range(14)]).encode()
    assert len(message) == 112
    assert sha512(message).hex() == (
        "8e959b75dae313da8cf4f72814fc143f8f7779c6eb9f7fa17299aeadb6889018"
        "501d289e4900f7e4331b99dec4b5433ac7d329eeb6dd26545e96e55b874be909"
    )


def test_the_constants_are_the_fractions_of_cube_roots():
    # FIPS 180-4, 4.2.3: the first 64 bits behind the point for the first 80 primes.
    primes = []
    n = 2
    while len(primes) < 80:
        if all(n % p for p in primes):
            primes.append(n)
        n += 1
    for i in range(80):
        low, high = 0, 8 << 64
        while high - low > 1:
            middle = (low + high) >> 1
            if middle * middle * middle <= primes[i] << 192:
                low = middle
            else:
                high = middle
        assert module._K[8 * i : 8 * i + 8] == (low % 2**64).to_bytes(8, "big")


def test_lengths_around_a_block():
    # Digests of zeros, from CPython's hashlib; the first eight bytes.
    expected = {
        0: "cf83e1357eefb8bd", 111: "77ddd3a542e530fd", 112: "2be2e788c8a8adea",
        127: "876fee26a8dc66d6", 128: "ab942f526272e456", 129: "b1f542f68a48608a",
    }  # fmt: skip
    for length, start in expected.items():
        assert sha512(bytes(length)).hex()[:16] == start, length
        assert sha512(memoryview(bytes(length + 2))[1:-1]).hex()[:16] == start, length
