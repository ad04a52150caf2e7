"""Encrypted images: made by imgtool's code, opened here as a device would (MCUboot ECIES)."""

import hashlib
import hmac

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa, x25519
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from ophion.errors import KeyFileError, UsageError
from ophion.keys import generate, load_recipient
from ophion.sign import SignOptions, image_digest, sign
from ophion.versions import parse_version

V = parse_version("1.2.3")
PAYLOAD = bytes(range(256)) * 2 + b"odd"
HEADER = 0x20
PADDED = PAYLOAD + bytes(-(HEADER + len(PAYLOAD)) % 16)
POINT = {"x25519": 32, "p256": 65}
KIND = {"x25519": 0x33, "p256": 0x32}


def recipient(folder, name):
    """A device's key pair; its public half as a PEM file."""
    private = (
        x25519.X25519PrivateKey.generate() if name == "x25519" else ec.generate_private_key(ec.SECP256R1())
    )
    path = folder / f"{name}.pub"
    path.write_bytes(
        private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    return private, path


def aes_ctr(key, data):
    cipher = Cipher(algorithms.AES(key), modes.CTR(bytes(16))).encryptor()
    return cipher.update(data) + cipher.finalize()


def tlvs_of(image):
    """Type -> value of the unprotected TLVs of an image without protected ones."""
    at = HEADER + int.from_bytes(image[12:16], "little")
    assert image[at : at + 2] == b"\x07\x69"
    end = at + int.from_bytes(image[at + 2 : at + 4], "little")
    assert end == len(image)
    at += 4
    found = {}
    while at < end:
        kind, size = (int.from_bytes(image[i : i + 2], "little") for i in (at, at + 2))
        found[kind] = image[at + 4 : at + 4 + size]
        at += 4 + size
    return found


def unwrap(private, name, bits, wrapped):
    """The content key: ephemeral key, HMAC of the wrapped key, wrapped key (MCUboot encrypted_images.md)."""
    size, key_bytes = POINT[name], bits // 8
    point, mac, cipher = wrapped[:size], wrapped[size : size + 32], wrapped[size + 32 :]
    if name == "x25519":
        shared = private.exchange(x25519.X25519PublicKey.from_public_bytes(point))
    else:
        public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
        shared = private.exchange(ec.ECDH(), public)
    derived = HKDF(hashes.SHA256(), key_bytes + 32, None, b"MCUBoot_ECIES_v1").derive(shared)
    assert hmac.digest(derived[key_bytes:], cipher, "sha256") == mac
    assert len(cipher) == key_bytes
    return aes_ctr(derived[:key_bytes], cipher)


@pytest.mark.parametrize("bits", [128, 256])
@pytest.mark.parametrize("name", ["x25519", "p256"])
def test_only_the_recipient_gets_the_payload_back(workshop, tmp_path, name, bits):
    private, path = recipient(tmp_path, name)
    options = SignOptions(recipients=[load_recipient(path)], aes_bits=bits)
    image = sign(PAYLOAD, V, workshop.signer, options)
    tlvs = tlvs_of(image)
    assert list(tlvs) == [0x10, 0x01, 0x24, KIND[name]]
    assert int.from_bytes(image[16:20], "little") == {128: 4, 256: 8}[bits]
    body = image[HEADER : HEADER + len(PADDED)]
    assert body != PADDED and PAYLOAD[:32] not in image
    assert aes_ctr(unwrap(private, name, bits, tlvs[KIND[name]]), body) == PADDED
    digest = hashlib.sha256(image[:HEADER] + PADDED).digest()
    assert tlvs[0x10] == digest == image_digest(PAYLOAD, V, options)
    workshop.public.verify_digest(tlvs[0x24], digest)


def test_the_layout_is_that_of_imgtools_encrypted_image(workshop, tool, tmp_path):
    _, path = recipient(tmp_path, "x25519")
    (tmp_path / "payload").write_bytes(PAYLOAD)
    common = ["-v", "1.2.3", "--pad-header", "--header-size", "0x20", "--align", "4", "-S", "0x10000"]
    words = ["-k", workshop.key, "-E", path, tmp_path / "payload", tmp_path / "theirs.bin"]
    tool("imgtool", "sign", *common, *words)
    theirs = (tmp_path / "theirs.bin").read_bytes()
    ours = sign(PAYLOAD, V, workshop.signer, SignOptions(recipients=[load_recipient(path)]))
    assert len(ours) == len(theirs) and ours[:HEADER] == theirs[:HEADER]
    a, b = tlvs_of(ours), tlvs_of(theirs)
    assert [(kind, len(value)) for kind, value in a.items()] == [(k, len(v)) for k, v in b.items()]
    assert a[0x10] == b[0x10] and a[0x24] == b[0x24] and a[0x33] != b[0x33]


def test_an_encrypted_image_may_be_signed_elsewhere(workshop, cli, tmp_path):
    private, path = recipient(tmp_path, "x25519")
    (tmp_path / "payload").write_bytes(PAYLOAD)
    words = ("sign", tmp_path / "payload", "--version", "1.2.3", "--encrypt", path)
    assert cli(*words, "--export-digest", tmp_path / "digest").code == 0
    (tmp_path / "sig").write_bytes(workshop.signer.sign_digest((tmp_path / "digest").read_bytes()))
    more = ("--import-signature", tmp_path / "sig", "--key", workshop.pub, "-o", tmp_path / "i.bin", "--json")
    assert cli(*words, *more).json()["encrypted"] is True
    image = (tmp_path / "i.bin").read_bytes()
    key = unwrap(private, "x25519", 128, tlvs_of(image)[0x33])
    assert aes_ctr(key, image[HEADER : HEADER + len(PADDED)]) == PADDED


def test_the_content_key_is_new_each_time(workshop, tmp_path):
    private, path = recipient(tmp_path, "x25519")
    options = SignOptions(recipients=[load_recipient(path)])
    images = [sign(PAYLOAD, V, workshop.signer, options) for _ in range(2)]
    keys = {unwrap(private, "x25519", 128, tlvs_of(image)[0x33]) for image in images}
    assert len(keys) == 2


def test_what_nobody_can_encrypt_to_is_refused(workshop, cli, tmp_path):
    (tmp_path / "payload").write_bytes(PAYLOAD)
    _, path = recipient(tmp_path, "x25519")
    with pytest.raises(UsageError, match="192 bits"):
        sign(PAYLOAD, V, workshop.signer, SignOptions(recipients=[load_recipient(path)], aes_bits=192))
    generate(tmp_path / "ed.pem")
    for name, key in (
        ("rsa.pub", rsa.generate_private_key(65537, 2048).public_key()),
        ("p384.pub", ec.generate_private_key(ec.SECP384R1()).public_key()),
    ):
        (tmp_path / name).write_bytes(
            key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        )
    for name in ("rsa.pub", "p384.pub", "ed.pub"):
        with pytest.raises(KeyFileError, match=f"{name} is not an X25519 or P-256 key"):
            load_recipient(tmp_path / name)
    words = ("sign", tmp_path / "payload", "--version", "1.2.3", "-k", workshop.key, "-o", tmp_path / "i.bin")
    assert cli(*words, "--encrypt", tmp_path / "none.pub").code == 3
    assert cli(*words, "--encrypt", path, "--encrypt-keylen", "64").code == 2
    assert not (tmp_path / "i.bin").exists()
