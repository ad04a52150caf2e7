"""Damaged keys: whatever the bytes, a key is read or refused with one error, and nothing else happens."""

import base64
import random

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa, x25519
from ophion.errors import KeyFileError
from ophion.keys import load_public, load_recipient, open_signer

ROUNDS = 250
LABELS = ("PUBLIC KEY", "PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "RSA PUBLIC KEY")


@pytest.fixture(scope="module")
def seeds():
    """DER of public and private keys, of types that are ours and that are not."""
    keys = [
        ed25519.Ed25519PrivateKey.generate(),
        ec.generate_private_key(ec.SECP256R1()),
        rsa.generate_private_key(65537, 2048),
        x25519.X25519PrivateKey.generate(),
        ec.generate_private_key(ec.SECP256K1()),
        ed448.Ed448PrivateKey.generate(),
        dsa.generate_private_key(1024),
    ]
    der, form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    pkcs8, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    public = [key.public_key().public_bytes(der, form) for key in keys]
    return public + [key.private_bytes(der, pkcs8, plain) for key in keys]


def damaged(random_, data):
    """`data` with up to three bytes changed, cut out, put in, or cut off behind."""
    data = bytearray(data)
    for _ in range(random_.randrange(4)):
        at = random_.randrange(len(data) + 1)
        how = random_.randrange(4)
        if how == 0 and at < len(data):
            data[at] ^= 1 << random_.randrange(8)
        elif how == 1:
            del data[at : at + random_.randrange(1, 9)]
        elif how == 2:
            data[at:at] = random_.randbytes(random_.randrange(1, 5))
        elif how == 3 and random_.randrange(4) == 0:
            del data[at:]
    return bytes(data)


@pytest.mark.parametrize("armoured", [False, True])
def test_a_damaged_key_is_read_or_refused(seeds, tmp_path, armoured):
    random_ = random.Random(f"keys {armoured}")
    path = tmp_path / "key"
    verdicts = {"read": 0, "refused": 0}
    for _ in range(ROUNDS):
        data = damaged(random_, random_.choice(seeds))
        if armoured:
            label = random_.choice(LABELS)
            body = base64.encodebytes(data).decode()
            data = f"-----BEGIN {label}-----\n{body}-----END {label}-----\n".encode()
        path.write_bytes(data)
        for read in (load_public, load_recipient, open_signer):
            try:
                read(str(path))
                verdicts["read"] += 1
            except KeyFileError as error:
                assert "\n" not in str(error)
                verdicts["refused"] += 1
    assert verdicts["read"] > 10 and verdicts["refused"] > ROUNDS, verdicts
