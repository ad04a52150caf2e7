"""Keys: made safely, read in every form, refused when they are not what they should be."""

import hashlib
import os
import stat
import subprocess
import sys

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, x25519
from ophion.errors import InputError, KeyFileError, UsageError
from ophion.keys import PublicKey, generate, load_public, open_signer, refuse_sample, sample_name


def test_a_new_key_signs_and_its_public_half_verifies(tmp_path):
    public = generate(tmp_path / "a.pem")
    signer = open_signer(f"file:{tmp_path / 'a.pem'}")
    assert signer.public == public == load_public(tmp_path / "a.pub")
    signature = signer.sign(b"message")
    assert len(signature) == 64
    public.verify(signature, b"message")
    with pytest.raises(KeyFileError, match="not by this key"):
        public.verify(signature, b"massage")


def test_the_private_file_is_only_for_its_owner(tmp_path):
    generate(tmp_path / "a.pem")
    assert stat.S_IMODE(os.stat(tmp_path / "a.pem").st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.pem", "a.pub"]


def test_a_key_is_never_overwritten_unless_forced(tmp_path):
    first = generate(tmp_path / "a.pem")
    before = (tmp_path / "a.pem").read_bytes()
    with pytest.raises(UsageError, match=r"a\.pem exists"):
        generate(tmp_path / "a.pem")
    assert (tmp_path / "a.pem").read_bytes() == before
    assert generate(tmp_path / "a.pem", force=True) != first


def test_an_existing_public_file_alone_is_kept_too(tmp_path):
    (tmp_path / "a.pub").write_bytes(b"mine")
    with pytest.raises(UsageError, match=r"a\.pub exists"):
        generate(tmp_path / "a.pem")
    assert not (tmp_path / "a.pem").exists()
    assert (tmp_path / "a.pub").read_bytes() == b"mine"


def test_the_name_of_a_public_key_is_no_place_for_a_private_one(tmp_path):
    with pytest.raises(UsageError, match="name of a public key"):
        generate(tmp_path / "a.pub")


def test_a_passphrase_is_needed_and_checked(tmp_path):
    public = generate(tmp_path / "a.pem", passphrase=b"open sesame")
    assert b"ENCRYPTED" in (tmp_path / "a.pem").read_bytes()
    assert open_signer(str(tmp_path / "a.pem"), lambda: b"open sesame").public == public
    with pytest.raises(KeyFileError, match="needs a passphrase"):
        open_signer(str(tmp_path / "a.pem"))
    with pytest.raises(KeyFileError, match="wrong passphrase"):
        open_signer(str(tmp_path / "a.pem"), lambda: b"open barley")
    with pytest.raises(KeyFileError, match="private key with a passphrase"):
        load_public(tmp_path / "a.pem")
    with pytest.raises(UsageError, match="empty"):
        generate(tmp_path / "b.pem", passphrase=b"")


def test_key_hash_and_forms_are_those_of_imgtool(vectors, tmp_path):
    public = load_public(vectors / "key-ed25519-pub.pem")
    assert public.der == (vectors / "key-ed25519-pub.raw").read_bytes()
    assert public.keyhash == (vectors / "key-ed25519-keyhash.raw").read_bytes()
    assert public.keyhash == hashlib.sha256(public.der).digest()
    assert public.pem == (vectors / "key-ed25519-pub.pem").read_bytes()
    (tmp_path / "raw").write_bytes(public.raw)
    for form in (vectors / "key-ed25519.pem", vectors / "key-ed25519-pub.raw", tmp_path / "raw"):
        assert load_public(form) == public


def test_imgtool_reads_what_we_make(workshop, tool):
    shown = tool("imgtool", "getpub", "-k", workshop.key, "-e", "pem").stdout
    assert shown.encode() == workshop.public.pem


def test_published_keys_are_refused_outside_tests(vectors):
    path = str(vectors / "key-ed25519.pem")
    with pytest.raises(KeyFileError, match="public knowledge"):
        open_signer(path, allow_sample=False)
    assert open_signer(path, allow_sample=True).public == load_public(vectors / "key-ed25519-pub.pem")


def test_only_the_environment_of_a_test_lets_a_published_key_sign(vectors, tmp_path):
    words = [
        "sign",
        vectors / "payload100.bin",
        "--version",
        "1.2.3+45",
        "--key",
        vectors / "key-ed25519.pem",
    ]
    command = [sys.executable, "-m", "ophion.cli", *map(str, words), "--out", str(tmp_path / "x.bin")]
    plain = {name: value for name, value in os.environ.items() if name != "OPHION_ALLOW_TEST_KEYS"}
    refused = subprocess.run(command, env=plain, capture_output=True, text=True)
    assert (refused.returncode, refused.stdout) == (3, "")
    assert "public knowledge" in refused.stderr
    assert not (tmp_path / "x.bin").exists()
    subprocess.run(command, env={**plain, "OPHION_ALLOW_TEST_KEYS": "1"}, check=True, capture_output=True)
    assert (tmp_path / "x.bin").read_bytes() == (vectors / "plain-ed25519.bin").read_bytes()


@pytest.mark.parametrize(
    ("public", "name"),
    [
        ("d4b31ba49a3add3f825d10ca7f31b50b0de87f37ccc49f1a403a5c1320ffb4e0", "MCUboot"),
        ("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "RFC 8032"),
    ],
)
def test_the_samples_of_others_are_known(public, name):
    key = PublicKey(bytes.fromhex(public))
    assert name in sample_name(key)
    with pytest.raises(KeyFileError):
        refuse_sample(key, allow=False)


def test_a_fresh_key_is_no_sample(workshop):
    assert sample_name(workshop.public) == ""
    refuse_sample(workshop.public, allow=False)


def _pem(key):
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not a private key"),
        (b"hello", "not a private key"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "not a private key"),
        (_pem(ec.generate_private_key(ec.SECP384R1())), "on the curve secp384r1"),
        (_pem(x25519.X25519PrivateKey.generate()), "not an Ed25519, P-256 or RSA key"),
    ],
)
def test_what_is_no_signing_key_is_refused(tmp_path, content, words):
    (tmp_path / "k.pem").write_bytes(content)
    with pytest.raises(KeyFileError, match=words):
        open_signer(str(tmp_path / "k.pem"))
    with pytest.raises(KeyFileError):
        load_public(tmp_path / "k.pem")


def test_a_public_key_cannot_sign(workshop):
    with pytest.raises(KeyFileError, match="is a public key"):
        open_signer(str(workshop.pub))


def test_missing_files_folders_and_schemes(tmp_path):
    with pytest.raises(InputError, match="key not found"):
        open_signer(str(tmp_path / "nothing.pem"))
    with pytest.raises(InputError, match="is a folder"):
        load_public(tmp_path)
    with pytest.raises(UsageError, match="no signer for awskms"):
        open_signer("awskms:key")
    with pytest.raises(UsageError, match="names no file"):
        open_signer("file:")
