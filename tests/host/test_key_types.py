"""Every type of key, from making it to an image that imgtool accepts."""

import stat
import subprocess

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from ophion.errors import KeyFileError, UsageError, VerificationFailed
from ophion.keys import Algorithm, PublicKey, generate, load_public, open_signer
from ophion.package import parse_image, verify_image
from ophion.sign import SignOptions, image_digest, sign
from ophion.versions import parse_version

V = parse_version("1.2.3+45")
PAYLOAD = bytes(range(256)) * 3
# The TLV types of MCUboot's image.h, and the sizes of the signatures in bytes.
TLVS = {
    Algorithm.ED25519: (0x24, [64]),
    Algorithm.P256: (0x22, range(68, 73)),
    Algorithm.RSA2048: (0x20, [256]),
    Algorithm.RSA3072: (0x23, [384]),
}
OTHER = [algorithm for algorithm in Algorithm if algorithm is not Algorithm.ED25519]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A key of each type: {Algorithm: path of the private key}."""
    folder = tmp_path_factory.mktemp("keys")
    for algorithm in Algorithm:
        generate(folder / f"{algorithm.value}.pem", algorithm)
    return {algorithm: folder / f"{algorithm.value}.pem" for algorithm in Algorithm}


@pytest.mark.parametrize("algorithm", Algorithm)
def test_a_new_key_of_each_type_signs_and_verifies(made, algorithm):
    signer = open_signer(str(made[algorithm]))
    public = signer.public
    assert public.algorithm is algorithm and public == load_public(made[algorithm].with_suffix(".pub"))
    assert stat.S_IMODE(made[algorithm].stat().st_mode) == 0o600
    assert b"BEGIN PRIVATE KEY" in made[algorithm].read_bytes()
    public.verify(signer.sign(b"message"), b"message")
    public.verify_digest(signer.sign_digest(bytes(32)), bytes(32))
    for signature, message in (
        (signer.sign(b"message"), b"massage"),
        (b"", b"message"),
        (bytes(64), b"message"),
    ):
        with pytest.raises(KeyFileError, match="not by this key"):
            public.verify(signature, message)


@pytest.mark.parametrize("algorithm", [Algorithm.ED25519, Algorithm.P256, Algorithm.RSA2048])
def test_a_passphrase_protects_each_type(tmp_path, algorithm):
    public = generate(tmp_path / "k.pem", algorithm, passphrase=b"open sesame")
    assert b"BEGIN ENCRYPTED PRIVATE KEY" in (tmp_path / "k.pem").read_bytes()
    assert open_signer(str(tmp_path / "k.pem"), lambda: b"open sesame").public == public
    with pytest.raises(KeyFileError, match="wrong passphrase"):
        open_signer(str(tmp_path / "k.pem"), lambda: b"open barley")


@pytest.mark.parametrize("algorithm", TLVS)
def test_forms_and_key_hash_are_those_of_imgtool(made, tool, tmp_path, algorithm):
    public = load_public(made[algorithm].with_suffix(".pub"))
    for words, expected in (
        (("getpub", "-e", "raw"), public.mcuboot),
        (("getpub", "-e", "pem"), public.pem),
        (("getpubhash", "-e", "raw"), public.keyhash),
    ):
        tool("imgtool", *words, "-k", made[algorithm], "-o", tmp_path / "out")
        assert (tmp_path / "out").read_bytes() == expected


@pytest.mark.parametrize("algorithm", TLVS)
def test_keys_that_imgtool_and_openssl_make_are_read(tool, tmp_path, algorithm):
    key, public = tmp_path / "k.pem", tmp_path / "k.pub"
    tool("imgtool", "keygen", "-t", algorithm.value, "-k", key)
    tool("imgtool", "getpub", "-e", "pem", "-k", key, "-o", public)
    assert open_signer(str(key)).public == load_public(public) == load_public(key)
    if algorithm is not Algorithm.ED25519:
        # The traditional forms: "RSA PRIVATE KEY", "EC PRIVATE KEY".
        kind = "rsa" if algorithm.is_rsa else "ec"
        old = ["openssl", kind, "-in", str(key), "-out", str(tmp_path / "old.pem")]
        subprocess.run(old + ["-traditional"] * algorithm.is_rsa, check=True, capture_output=True, timeout=30)
        assert f"{kind.upper()} PRIVATE KEY" in (tmp_path / "old.pem").read_text()
        assert open_signer(str(tmp_path / "old.pem")).public == load_public(public)


@pytest.mark.parametrize("algorithm", Algorithm)
def test_every_form_of_a_public_key_is_read(made, tmp_path, algorithm):
    public = load_public(made[algorithm])
    for content in (public.pem, public.der, public.mcuboot):
        (tmp_path / "form").write_bytes(content)
        assert load_public(tmp_path / "form") == public
    assert PublicKey(public.raw, algorithm) == public


@pytest.mark.parametrize("algorithm", TLVS)
def test_imgtool_and_the_image_format_take_each_type(made, tool, tmp_path, algorithm):
    signer = open_signer(str(made[algorithm]))
    image = sign(PAYLOAD, V, signer, SignOptions(security_counter=7, custom_tlvs={0xA0: b"x"}))
    (tmp_path / "i.bin").write_bytes(image)
    public = made[algorithm].with_suffix(".pub")
    assert "correctly validated" in tool("imgtool", "verify", "-k", public, tmp_path / "i.bin").stdout
    parsed = parse_image(image)
    number, sizes = TLVS[algorithm]
    assert [tlv.kind for tlv in parsed.tlvs if not tlv.protected] == [0x10, 0x01, number]
    assert len(parsed.tlvs[-1].value) in sizes
    assert parsed.keyhash == signer.public.keyhash
    broken = bytearray(image)
    broken[0x30] ^= 1
    (tmp_path / "b.bin").write_bytes(broken)
    refused = tool("imgtool", "verify", "-k", public, tmp_path / "b.bin", check=False)
    assert refused.returncode == 1 and "invalid hash" in refused.stdout


@pytest.mark.parametrize("algorithm", TLVS)
def test_all_but_the_signature_is_what_imgtool_sign_makes(made, tool, tmp_path, algorithm):
    (tmp_path / "payload").write_bytes(PAYLOAD)
    common = ["-v", "1.2.3+45", "--pad-header", "--header-size", "0x20", "--align", "4", "-S", "0x10000"]
    tool("imgtool", "sign", *common, "-k", made[algorithm], tmp_path / "payload", tmp_path / "theirs.bin")
    theirs = parse_image((tmp_path / "theirs.bin").read_bytes())
    ours = parse_image(sign(PAYLOAD, V, open_signer(str(made[algorithm]))))
    area = len(PAYLOAD) + 0x20
    assert ours.image[:area] == theirs.image[:area]
    assert ours.tlvs[:-1] == theirs.tlvs[:-1] and len(ours.tlvs) == 3
    assert ours.tlvs[-1].kind == theirs.tlvs[-1].kind
    load_public(made[algorithm]).verify_digest(theirs.tlvs[-1].value, image_digest(PAYLOAD, V))


def test_the_vectors_signed_by_imgtool_hold_for_our_keys(vectors):
    for name, kind in (("ecdsa-p256", "ecdsa-p256"), ("rsa2048", "rsa-2048"), ("ed25519", "ed25519")):
        image = parse_image((vectors / f"plain-{name}.bin").read_bytes())
        public = load_public(vectors / f"key-{kind}.pem")
        assert public.keyhash == image.keyhash
        public.verify_digest(image.tlvs[-1].value, image.hash)


@pytest.mark.parametrize("algorithm", OTHER[:3])
def test_whether_a_device_takes_a_type_is_asked_of_its_own_code(made, algorithm):
    """The host hands key and image over; the verdict and its words are the verifier's."""
    signer = open_signer(str(made[algorithm]))
    image = parse_image(sign(PAYLOAD, V, signer))
    try:
        verify_image(image, [signer.public])
    except VerificationFailed as error:
        assert "a device would refuse this image: " in str(error)


def test_rsa_4096_signs_no_images(made):
    signer = open_signer(str(made[Algorithm.RSA4096]))
    with pytest.raises(UsageError, match="no signature of type rsa-4096") as caught:
        sign(PAYLOAD, V, signer)
    assert "rsa-3072" in caught.value.hint


def _pem(key):
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (ec.generate_private_key(ec.SECP384R1()), "is on the curve secp384r1, not on P-256"),
        (rsa.generate_private_key(65537, 1024), "is an RSA key of 1024 bits, not 2048, 3072 or 4096"),
        (rsa.generate_private_key(3, 2048), "is an RSA key with the exponent 3, not 65537"),
    ],
)
def test_other_curves_sizes_and_exponents_are_refused(tmp_path, key, words):
    (tmp_path / "k.pem").write_bytes(_pem(key))
    for read in (open_signer, load_public):
        with pytest.raises(KeyFileError, match=f"k.pem {words}"):
            read(str(tmp_path / "k.pem"))


@pytest.mark.parametrize(
    ("raw", "algorithm"),
    [
        (bytes(31), Algorithm.ED25519),
        (b"\x04" + bytes(64), Algorithm.P256),
        (bytes(65), Algorithm.P256),
        (b"", Algorithm.P256),
        (b"", Algorithm.RSA2048),
        (bytes(270), Algorithm.RSA2048),
    ],
)
def test_bytes_that_are_no_key_are_no_public_key(raw, algorithm):
    with pytest.raises(KeyFileError):
        PublicKey(raw, algorithm)


def test_a_key_of_one_type_is_not_taken_for_another(made):
    for algorithm in OTHER:
        raw = load_public(made[algorithm]).raw
        for other in OTHER:
            if other is not algorithm:
                with pytest.raises(KeyFileError):
                    PublicKey(raw, other)


def test_the_verbs_know_the_types(cli, tmp_path):
    made = cli("keys", "new", tmp_path / "k.pem", "--type", "ecdsa-p256", "--json").json()
    assert made["type"] == "ecdsa-p256"
    public = load_public(tmp_path / "k.pub")
    for name in ("k.pem", "k.pub"):
        shown = cli("keys", "show", tmp_path / name, "--json").json()
        assert shown == {
            "type": "ecdsa-p256",
            "public": public.raw.hex(),
            "keyhash": public.keyhash.hex(),
            "spki": public.der.hex(),
            "sample": "",
        }
    assert cli("keys", "public", tmp_path / "k.pem").out.encode() == public.pem
    for form, content in (("der", public.der), ("mcuboot", public.mcuboot), ("pem", public.pem)):
        assert cli("keys", "public", tmp_path / "k.pem", "-o", tmp_path / form, "--form", form).code == 0
        assert (tmp_path / form).read_bytes() == content
    assert cli("keys", "public", tmp_path / "k.pem", "--form", "der").code == 2
    assert cli("keys", "public", tmp_path / "k.pem", "--form", "jwk").code == 2
    assert cli("keys", "public", tmp_path / "k.pem", "-o", tmp_path / "k.pem").code == 2
    wrong = cli("keys", "new", tmp_path / "x.pem", "--type", "rsa-1024")
    assert wrong.code == 2 and "rsa-3072" in wrong.err
    assert not (tmp_path / "x.pem").exists()


def test_no_verb_prints_a_private_key(cli, made, tmp_path):
    for algorithm, path in made.items():
        secret = path.read_bytes().splitlines()[2].decode()
        for words in (("keys", "show", path), ("keys", "public", path), ("keys", "show", path, "--json")):
            shown = cli(*words)
            assert shown.code == 0 and algorithm.value in cli("keys", "show", path).out
            assert secret not in shown.out + shown.err and "PRIVATE" not in shown.out


def test_the_passphrase_file_protects_and_opens(cli, tmp_path, monkeypatch):
    monkeypatch.delenv("OPHION_KEY_PASSPHRASE", raising=False)
    (tmp_path / "secret").write_text("open sesame\n")
    (tmp_path / "wrong").write_text("open barley\n")
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "payload").write_bytes(PAYLOAD)
    key, image = tmp_path / "k.pem", tmp_path / "i.bin"
    assert cli("keys", "new", key, "--passphrase-file", tmp_path / "secret").code == 0
    assert b"ENCRYPTED" in key.read_bytes()
    words = ("sign", tmp_path / "payload", "--version", "1.0.0", "-k", key, "-o", image)
    for given, text in (("wrong", "wrong passphrase"), ("empty", "passphrase file is empty")):
        refused = cli(*words, "--passphrase-file", tmp_path / given)
        assert refused.code == 3 and text in refused.err and not image.exists()
    missing = cli(*words)
    assert missing.code == 2 and "--passphrase-file" in missing.err
    assert cli(*words, "--passphrase-file", tmp_path / "secret").code == 0
    assert cli("keys", "show", key, "--passphrase-file", tmp_path / "secret").code == 0
