"""RSA-PSS: good signatures of three sizes, one defect at a time, and keys that are refused."""

from crypto_cases import unpack
from ophion_boot.crypto import CryptoError, rsa
from ophion_boot.crypto.der import SEQUENCE, integers, whole
from support import ROOT, raises


def cases():
    with open(ROOT + "/tests/vectors/crypto/rsa.cases", "rb") as f:
        return list(unpack(f.read()))


def test_good_signatures_are_accepted():
    sizes = []
    for name, key, digest, signature in cases():
        if name.startswith(b"good"):
            rsa.verify(key, digest, signature)
            sizes.append(len(signature))
    assert sizes == [256, 256, 384, 384, 512, 512]


def test_each_defect_is_refused():
    reasons = {"short": "bytes, not", "long": "bytes, not", "not below n": "modulus"}
    seen = set()
    for name, key, digest, signature in cases():
        name = name.decode()
        if not name.startswith("good"):
            assert reasons.get(name, "match") in raises(CryptoError, rsa.verify, key, digest, signature), name
            seen.add(name)
    assert len(seen) == 11, seen


def test_changes_are_refused():
    _, key, digest, signature = cases()[0]
    prepared = rsa.PublicKey(key)
    for bit in range(0, 2048, 151):
        bad = bytearray(signature)
        bad[bit >> 3] ^= 1 << (bit & 7)
        raises(CryptoError, prepared.verify, digest, bytes(bad))
    assert "match" in raises(CryptoError, prepared.verify, bytes(32), signature)
    assert "not 32" in raises(CryptoError, prepared.verify, digest[1:], signature)
    prepared.verify(digest, signature)


def test_the_power_is_that_of_pow():
    for case in cases()[::13]:
        key = rsa.PublicKey(case[1])
        for x in (0, 1, 2, key._n - 1, key._n // 3, (1 << key.bits) // 7):
            assert key._public_power(x) == pow(x, 65537, key._n)


def der_key(n, e):
    body = b""
    for number in (n, e):
        size = 1
        while number >> 8 * size - 1:
            size += 1
        body += b"\x02\x82" + size.to_bytes(2, "big") if size > 255 else bytes((2, size))
        body += number.to_bytes(size, "big")
    return b"\x30\x82" + len(body).to_bytes(2, "big") + body


def test_keys_that_are_refused():
    key = cases()[0][1]
    n, e = integers(key, *whole(key, SEQUENCE))
    assert rsa.PublicKey(der_key(n, e)).bits == 2048 and der_key(n, e) == key
    for bad, reason in (
        (der_key(n, 3), "exponent"),
        (der_key(n, 65539), "exponent"),
        (der_key(n - 1, e), "even"),
        (der_key(n >> 1 | 1, e), "2048, 3072 or 4096"),
        (der_key(n << 1 | 1, e), "2048, 3072 or 4096"),
        (der_key(n << 512 | 1, e), "2048, 3072 or 4096"),
        (key[:-1], "cut short"),
        (key + b"\0", "after the end"),
        (b"\x31" + key[1:], "no element"),
        (key[:4] + b"\x03" + key[5:], "no element"),
        (b"", "no element"),
    ):
        assert reason in raises(CryptoError, rsa.PublicKey, bad), reason


def test_key_of_subject_public_key_info():
    key = cases()[0][1]
    bits = b"\x03\x82" + (len(key) + 1).to_bytes(2, "big") + b"\0" + key
    algorithm = bytes.fromhex("300d06092a864886f70d0101010500")
    body = algorithm + bits
    spki = b"\x30\x82" + len(body).to_bytes(2, "big") + body
    assert rsa.public_key(spki) == key
    for bad in (
        spki[:-1],
        spki + b"\0",
        spki.replace(algorithm, algorithm[:-4] + b"\x0a" + algorithm[-3:]),
        key,
    ):
        raises(CryptoError, rsa.public_key, bad)
    one = bytearray(spki)
    one[len(spki) - len(key) - 1] = 1
    assert "bit string" in raises(CryptoError, rsa.public_key, bytes(one))
