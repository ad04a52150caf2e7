"""Makes tokens.json: what operators sign for the challenges of tests/shared/test_access_rules.py.

    .venv/bin/python tests/vectors/access/make_tokens.py

Ed25519 with tests/vectors/mcuboot/key-ed25519.pem (the same bytes each time) and P-256 with
key-ecdsa-p256.pem (other bytes each time). The challenges follow SPEC.md 11.3, from the secret 00 01 .. 1f.
"""

import hashlib
import json
import struct
from pathlib import Path

from ophion.keys import open_signer

FOLDER = Path(__file__).parent
KEYS = FOLDER.parent / "mcuboot"
SECRET = bytes(range(32))
NAME, UID = b"rig", bytes.fromhex("0102030405a6")


def challenge(link, serial):
    return hashlib.sha256(SECRET + struct.pack("<I", serial) + link.encode()).digest()


def token(name, uid, answer):
    return b"OPHA\x01" + bytes((len(name),)) + name + bytes((len(uid),)) + uid + answer


def main():
    signers = {
        kind: open_signer(f"file:{KEYS / f'key-{kind}.pem'}", allow_sample=True)
        for kind in ("ed25519", "ecdsa-p256")
    }
    tokens = []
    cases = [("ed25519", link, serial, NAME, UID) for link in ("1", "2") for serial in range(5)]
    cases += [
        ("ecdsa-p256", "1", 0, NAME, UID),
        ("ed25519", "1", 0, b"other", UID),
        ("ed25519", "1", 0, NAME, bytes(6)),
    ]
    for kind, link, serial, name, uid in cases:
        answer = challenge(link, serial)
        digest = hashlib.sha256(token(name, uid, answer)).digest()
        tokens.append(
            {
                "key": kind,
                "link": int(link),
                "serial": serial,
                "name": name.decode(),
                "uid": uid.hex(),
                "challenge": answer.hex(),
                "digest": digest.hex(),
                "sig": signers[kind].sign_digest(digest).hex(),
            }
        )
    value = {
        "secret": SECRET.hex(),
        "keys": {kind: signer.public.mcuboot.hex() for kind, signer in signers.items()},
        "tokens": tokens,
    }
    (FOLDER / "tokens.json").write_text(json.dumps(value, indent=1) + "\n")


if __name__ == "__main__":
    main()
