"""Makes rsa.cases: RSA-PSS signatures of one digest, good ones and ones with a single defect each.

`python tests/vectors/crypto/make_rsa.py`. The private keys are made anew and thrown away.
"""

import hashlib
import sys
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parents[1] / "shared"), str(HERE.parents[2] / "bootloader")]

from crypto_cases import pack  # noqa: E402

DIGEST = hashlib.sha256(b"ophion").digest()
SHA256 = hashes.SHA256()


def encoded(
    size: int,
    *,
    salt: bytes = b"s" * 32,
    separator: int = 1,
    zeros: int = 0,
    first: int = 0,
    last: int = 0xBC,
) -> int:
    """EMSA-PSS of DIGEST; the keywords are the defects."""
    hashed = hashlib.sha256(bytes(8) + DIGEST + salt).digest()
    block = bytes((zeros,)) * (size - 34 - len(salt)) + bytes((separator,)) + salt
    mask = b"".join(hashlib.sha256(hashed + i.to_bytes(4, "big")).digest() for i in range(size // 32 + 1))
    masked = bytearray(a ^ b for a, b in zip(block, mask, strict=False))
    masked[0] = masked[0] & 0x7F | first
    return int.from_bytes(bytes(masked) + hashed + bytes((last,)), "big")


def main() -> None:
    cases = []
    for bits in (2048, 3072, 4096):
        private = rsa.generate_private_key(65537, bits)
        key = private.public_key().public_bytes(Encoding.DER, PublicFormat.PKCS1)
        for salt in (32, 0, 31, 33):
            pss = padding.PSS(padding.MGF1(SHA256), salt)
            signature = private.sign(DIGEST, pss, utils.Prehashed(SHA256))
            cases.append([b"salt %d" % salt if salt != 32 else b"good", key, DIGEST, signature])
        size, numbers = bits // 8, private.private_numbers()
        n = numbers.public_numbers.n

        def add(
            name: str, number: int, key: bytes = key, n: int = n, d: int = numbers.d, size: int = size
        ) -> None:
            cases.append([name.encode(), key, DIGEST, pow(number, d, n).to_bytes(size, "big")])

        add("good by hand", encoded(size))
        add("last byte", encoded(size, last=0xCC))
        add("separator", encoded(size, separator=2))
        add("padding", encoded(size, zeros=1))
        numbers_with_first_bit = (encoded(size, first=0x80, salt=bytes((i,)) * 32) for i in range(256))
        add("first bit", next(number for number in numbers_with_first_bit if number < n))
        add("another salt's hash", encoded(size) ^ 1 << 300)
        signatures = (pow(encoded(size, salt=bytes((i,)) * 32), numbers.d, n) for i in range(256))
        too_large = next(number + n for number in signatures if number + n < 1 << bits)
        cases.append([b"not below n", key, DIGEST, too_large.to_bytes(size, "big")])
        signature = cases[-7][3]
        cases.append([b"short", key, DIGEST, signature[1:]])
        cases.append([b"long", key, DIGEST, b"\0" + signature])
    (HERE / "rsa.cases").write_bytes(pack(cases))


if __name__ == "__main__":
    main()
