"""Writes host/ophion/keys/samples.txt: the hashes of keys whose private half anyone can have.

    .venv/bin/python tools/sample_keys.py

The keys are those of tests/vectors/keys (public halves; the first line of a file says where the private
half is published) and tests/vectors/mcuboot (key-*.pem). A new vector key is put there, then this is run.
"""

import hashlib
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

ROOT = Path(__file__).parents[1]
VECTORS = ROOT / "tests" / "vectors"
TARGET = ROOT / "host" / "ophion" / "keys" / "samples.txt"


def key_hash(pem: bytes) -> str:
    """The MCUboot key hash, in hex, of a key in PEM: SHA-256 of its SPKI, for RSA of its PKCS#1 form."""
    key = (
        load_pem_public_key(pem)
        if b"PUBLIC KEY-----" in pem
        else load_pem_private_key(pem, None).public_key()
    )
    form = PublicFormat.PKCS1 if isinstance(key, RSAPublicKey) else PublicFormat.SubjectPublicKeyInfo
    return hashlib.sha256(key.public_bytes(Encoding.DER, form)).hexdigest()


def listing() -> str:
    """The text of samples.txt: one line a key, `HASH NAME`, sorted by hash."""
    found = {}
    for path in sorted(VECTORS.glob("mcuboot/key-*.pem")):
        found[key_hash(path.read_bytes())] = "Ophion's test vectors"
    for path in sorted(VECTORS.glob("keys/*.pem")):
        pem = path.read_bytes()
        title, _, _ = pem.decode().partition("\n")
        found[key_hash(pem)] = "Ophion's test vectors" if title.startswith("-----") else title
    return "".join(f"{digest} {name}\n" for digest, name in sorted(found.items()))


if __name__ == "__main__":
    TARGET.write_text(listing())
