"""Published keys are known by their hash, and refused wherever a key is used."""

import importlib.util
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, derive_private_key
from ophion.errors import KeyFileError
from ophion.keys import load_public, load_recipient, open_signer, refuse_sample, sample_name
from ophion.keys.public import load_any, public_from
from ophion.keys.sample import SAMPLES_PATH, sample_keys

ROOT = Path(__file__).parents[2]
KEYS = sorted((ROOT / "tests" / "vectors" / "keys").glob("*.pem"))
SIGNING = [path for path in KEYS if "-enc-" not in path.name]
RECIPIENTS = [path for path in KEYS if "-enc-" in path.name]


def test_the_list_is_what_the_script_makes_of_the_vector_keys():
    spec = importlib.util.spec_from_file_location("sample_keys", ROOT / "tools" / "sample_keys.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert SAMPLES_PATH.read_text() == script.listing(), "run tools/sample_keys.py"
    assert len(sample_keys()) == len(SAMPLES_PATH.read_text().splitlines()) > 15


@pytest.mark.parametrize("path", SIGNING, ids=lambda path: path.stem)
def test_every_published_signing_key_is_refused(path):
    public = load_public(path)
    assert sample_name(public) == path.read_text().splitlines()[0]
    with pytest.raises(KeyFileError, match="public knowledge"):
        refuse_sample(public, allow=False)
    refuse_sample(public, allow=True)


def test_the_hashes_are_those_that_mcuboot_prints():
    """Key hashes of MCUboot's RSA-2048 and P-256 root keys, as its own `imgtool getpubhash` has them."""
    names = {name: digest for digest, name in sample_keys().items()}
    assert names["MCUboot root-rsa-2048.pem"].startswith("fc5701dc6135e1323847bdc40f04d2e5")
    assert names["MCUboot root-ec-p256.pem"].startswith("e30466f6b8470c1f29070b17f1e2d3e9")


@pytest.mark.parametrize("name", ["key-ecdsa-p256.pem", "key-rsa-2048.pem", "key-ed25519.pem"])
def test_vector_keys_of_every_type_do_not_sign(vectors, name):
    with pytest.raises(KeyFileError, match="Ophion's test vectors"):
        open_signer(str(vectors / name), allow_sample=False)
    assert open_signer(str(vectors / name), allow_sample=True).public == load_public(vectors / name)


@pytest.mark.parametrize("path", RECIPIENTS, ids=lambda path: path.stem)
def test_nothing_is_encrypted_to_a_published_key(path):
    with pytest.raises(KeyFileError, match="anyone can read what is encrypted to it"):
        load_recipient(path, allow_sample=False)
    assert load_recipient(path, allow_sample=True).kind in path.name.replace("p256", "ecdsa-p256")


def test_a_key_that_is_also_in_another_form_is_known(tmp_path):
    """The hash is over the key, not over the file it came in."""
    public = public_from(derive_private_key(1, SECP256R1()).public_key(), "one")
    (tmp_path / "one.der").write_bytes(public.der)
    assert sample_name(load_public(tmp_path / "one.der")) == "the private key 1"
    rsa = load_public(ROOT / "tests" / "vectors" / "keys" / "mcuboot-rsa2048.pem")
    assert public_from(load_any(rsa.raw, "raw"), "raw") == rsa
    assert sample_name(rsa)


def test_an_imported_signature_of_a_published_key_is_refused(cli, vectors, tmp_path, monkeypatch):
    monkeypatch.delenv("OPHION_ALLOW_TEST_KEYS", raising=False)
    words = ("sign", vectors / "payload100.bin", "--version", "1.2.3+45", "-o", tmp_path / "i.bin")
    signer = open_signer(str(vectors / "key-ed25519.pem"), allow_sample=True)
    (tmp_path / "sig").write_bytes(signer.sign_digest((vectors / "vector-digest.bin").read_bytes()))
    more = ("--import-signature", tmp_path / "sig", "--key", vectors / "key-ed25519-pub.pem")
    refused = cli(*words, *more)
    assert refused.code == 3 and "public knowledge" in refused.err and not (tmp_path / "i.bin").exists()
    monkeypatch.setenv("OPHION_ALLOW_TEST_KEYS", "1")
    assert cli(*words, *more).code == 0
    assert (tmp_path / "i.bin").read_bytes() == (vectors / "plain-ed25519.bin").read_bytes()
