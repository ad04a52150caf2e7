"""What MCUboot's imgtool signs is what the device's modules accept: keys, key hashes, signatures."""

import hashlib
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from ophion_boot.crypto import CryptoError, ed25519, ed25519_table, p256, p256_table, rsa

# Type of the key for imgtool, type of the signature's TLV.
KEYS = {"rsa-2048": 0x20, "rsa-3072": 0x23, "ecdsa-p256": 0x22, "ed25519": 0x24}


def imgtool(*args: object) -> None:
    subprocess.run([sys.executable, "-m", "imgtool.main", *map(str, args)], check=True, capture_output=True)


def tlvs(image: bytes) -> dict[int, bytes]:
    header_size, size = struct.unpack_from("<8xH2xI", image)
    at = header_size + size
    magic, total = struct.unpack_from("<HH", image, at)
    assert magic == 0x6907
    found, end = {}, at + total
    at += 4
    while at < end:
        kind, length = struct.unpack_from("<HH", image, at)
        found[kind] = image[at + 4 : at + 4 + length]
        at += 4 + length
    return found


@pytest.mark.parametrize("kind", KEYS)
def test_signature_and_key_hash(kind: str, tmp_path: Path) -> None:
    key, public, signed = tmp_path / "key.pem", tmp_path / "public.pem", tmp_path / "signed.bin"
    (tmp_path / "payload.bin").write_bytes(bytes(range(256)) * 8)
    imgtool("keygen", "-k", key, "-t", kind)
    imgtool("getpub", "-k", key, "-e", "pem", "-o", public)
    imgtool(
        "sign", "-k", key, "--header-size", "0x20", "--pad-header", "--align", 4, "--version", "1.2.3",
        "--slot-size", "0x10000", tmp_path / "payload.bin", signed,
    )  # fmt: skip
    found = tlvs(signed.read_bytes())
    digest, key_hash, signature = found[0x10], found[0x01], found[KEYS[kind]]
    loaded = load_pem_public_key(public.read_bytes())
    spki = loaded.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if kind.startswith("rsa"):
        der = rsa.public_key(spki)
        assert hashlib.sha256(der).digest() == key_hash
        check = rsa.PublicKey(der).verify
    else:
        assert hashlib.sha256(spki).digest() == key_hash
        module, tables = (p256, p256_table) if kind == "ecdsa-p256" else (ed25519, ed25519_table)
        raw = module.public_key(spki)

        def check(digest: bytes, signature: bytes) -> None:
            module.verify(raw, digest, signature)
            module.verify(raw, digest, signature, tables.make_table(raw))

    check(digest, signature)
    with pytest.raises(CryptoError, match="match"):
        check(bytes(32), signature)
