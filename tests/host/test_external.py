"""Signing elsewhere: the digest goes out, openssl signs it, the signature comes back into an image."""

import base64
import subprocess

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from ophion.errors import KeyFileError
from ophion.keys import Algorithm, generate, open_signer
from ophion.package import parse_image, verify_image
from ophion.sign import Dependency, SignOptions, assemble, image_digest, read_signature
from ophion.versions import parse_version

V = parse_version("1.2.3+45")
PAYLOAD = bytes(range(256)) * 2
OPTIONS = ("--security-counter", "7", "--dependency", "(1, 2.0.0)", "--custom-tlv", "0xa0=0102")
PSS = ["rsa_padding_mode:pss", "rsa_pss_saltlen:32", "rsa_mgf1_md:sha256", "digest:sha256"]
OPENSSL = {
    "ed25519": ["-rawin"],
    "ecdsa-p256": [],
    "rsa-2048": [word for option in PSS for word in ("-pkeyopt", option)],
    "rsa-3072": [word for option in PSS for word in ("-pkeyopt", option)],
}


def outside(key, digest, target, kind):
    """What a signer far away does: `openssl pkeyutl` on the exported digest."""
    words = ["openssl", "pkeyutl", "-sign", "-inkey", str(key), "-in", str(digest), "-out", str(target)]
    subprocess.run([*words, *OPENSSL[kind]], check=True, capture_output=True, timeout=30)


@pytest.fixture
def desk(tmp_path):
    (tmp_path / "payload").write_bytes(PAYLOAD)
    return tmp_path


@pytest.mark.parametrize("kind", OPENSSL)
def test_openssl_signs_what_is_exported(cli, desk, tool, kind):
    public = generate(desk / "k.pem", Algorithm(kind))
    words = ("sign", desk / "payload", "--version", "1.2.3+45", *OPTIONS)
    exported = cli(*words, "--export-digest", desk / "digest", "--json").json()
    assert bytes.fromhex(exported["digest"]) == (desk / "digest").read_bytes()
    assert len((desk / "digest").read_bytes()) == 32 and list(exported["sign"]) == list(OPENSSL)
    outside(desk / "k.pem", desk / "digest", desk / "sig", kind)
    assert not (desk / "payload.bin").exists()
    more = ("--import-signature", desk / "sig", "--key", desk / "k.pub", "-o", desk / "i.bin", "--json")
    made = cli(*words, *more).json()
    assert made["hash"] == exported["digest"] and made["signed_by"] == kind
    assert made["keyhash"] == public.keyhash.hex()
    assert "correctly validated" in tool("imgtool", "verify", "-k", desk / "k.pub", desk / "i.bin").stdout
    if kind == "ed25519":
        verify_image(parse_image((desk / "i.bin").read_bytes()), [public])


def test_the_digest_is_the_one_that_imgtool_exports(cli, desk, vectors, tool):
    exported = cli(
        "sign", vectors / "payload100.bin", "--version", "1.2.3+45", "--export-digest", desk / "digest"
    )
    assert exported.code == 0
    assert (desk / "digest").read_bytes() == (vectors / "vector-digest.bin").read_bytes()
    common = ["-v", "1.2.3+45", "--pad-header", "--header-size", "0x20", "--align", "4", "-S", "0x10000"]
    words = ["--security-counter", "7", "-d", "(1, 2.0.0)", "--custom-tlv", "0xa0", "0x0102"]
    tool("imgtool", "sign", *common, *words, "--vector-to-sign", "digest", desk / "payload", desk / "theirs")
    options = SignOptions(
        security_counter=7, dependencies=[Dependency(1, parse_version("2.0.0"))], custom_tlvs={0xA0: b"\1\2"}
    )
    assert image_digest(PAYLOAD, V, options) == (desk / "theirs").read_bytes()


def test_a_signature_saved_by_imgtool_is_taken_and_gives_its_image(cli, desk, tool):
    """`--sig-out` and `--fix-sig` are imgtool's way of the same thing, in base64."""
    generate(desk / "k.pem")
    common = ["-v", "1.2.3+45", "--pad-header", "--header-size", "0x20", "--align", "4", "-S", "0x10000"]
    files = (desk / "payload", desk / "theirs.bin")
    tool("imgtool", "sign", *common, "-k", desk / "k.pem", "--sig-out", desk / "sig64", *files)
    words = ("sign", desk / "payload", "--version", "1.2.3+45", "-o", desk / "ours.bin")
    assert cli(*words, "--import-signature", desk / "sig64", "-k", desk / "k.pub").code == 0
    assert (desk / "ours.bin").read_bytes() == (desk / "theirs.bin").read_bytes()


def test_a_p256_signature_may_be_two_numbers_or_base64(tmp_path):
    generate(tmp_path / "k.pem", Algorithm.P256)
    signer = open_signer(str(tmp_path / "k.pem"))
    digest = image_digest(PAYLOAD, V)
    der = signer.sign_digest(digest)
    plain = b"".join(number.to_bytes(32, "big") for number in decode_dss_signature(der))
    for form in (der, plain, base64.b64encode(der), base64.b64encode(plain), base64.encodebytes(der)):
        found = read_signature(form, signer.public, digest)
        assert found == der
    assert parse_image(assemble(PAYLOAD, V, signer.public, found)).tlvs[-1].value == der


@pytest.mark.parametrize("content", [b"", b"AAAA", bytes(64), bytes(72), b"\x30\x00", b"=" * 88, bytes(4096)])
@pytest.mark.parametrize("algorithm", [Algorithm.ED25519, Algorithm.P256])
def test_what_is_no_signature_is_refused(tmp_path, content, algorithm):
    public = generate(tmp_path / "k.pem", algorithm)
    digest = image_digest(PAYLOAD, V)
    with pytest.raises(KeyFileError, match=f"not by this key over the digest {digest.hex()}"):
        read_signature(content, public, digest)
    with pytest.raises(KeyFileError, match="not by this key"):
        assemble(PAYLOAD, V, public, content)


def test_a_signature_over_another_image_or_by_another_key_makes_no_image(cli, desk):
    generate(desk / "k.pem")
    generate(desk / "other.pem")
    words = ["sign", desk / "payload", "--version", "1.2.3", "-o", desk / "i.bin"]
    assert cli(*words[:-2], "--export-digest", desk / "digest").code == 0
    outside(desk / "k.pem", desk / "digest", desk / "sig", "ed25519")
    more = ["--import-signature", desk / "sig", "--key"]
    cases = [
        [*words, *more, desk / "other.pub"],
        [*words, "--security-counter", "1", *more, desk / "k.pub"],
        ["sign", desk / "payload", "--version", "1.2.4", "-o", desk / "i.bin", *more, desk / "k.pub"],
    ]
    for case in cases:
        refused = cli(*case)
        assert (refused.code, refused.out) == (3, "") and "not by this key over the digest" in refused.err
        assert not (desk / "i.bin").exists()
    assert cli(*words, *more, desk / "k.pub").code == 0


def test_which_words_go_together(cli, desk):
    generate(desk / "k.pem")
    words = ("sign", desk / "payload", "--version", "1.2.3")
    for more, text in (
        ((), "--key names the signing key"),
        (("--import-signature", desk / "x"), "--key names the public key"),
        (("--export-digest", desk / "d", "--import-signature", desk / "x"), "exclude each other"),
        (("--export-digest", desk / "d", "--key", desk / "k.pem"), "takes no --key"),
        (("--export-digest", desk / "d", "--out", desk / "i.bin"), "takes no --key and no --out"),
    ):
        refused = cli(*words, *more)
        assert refused.code == 2 and text in refused.err
    assert cli(*words, "--import-signature", desk / "x", "--key", desk / "k.pub").code == 3
    assert sorted(path.name for path in desk.iterdir()) == ["k.pem", "k.pub", "payload"]


def test_an_exported_digest_replaces_nothing_unasked(cli, desk):
    (desk / "digest").write_bytes(b"mine")
    words = ("sign", desk / "payload", "--version", "1.2.3", "--export-digest", desk / "digest")
    assert cli(*words).code == 2
    assert (desk / "digest").read_bytes() == b"mine"
    assert cli(*words, "--force").code == 0
    assert cli("sign", desk / "payload", "--version", "1.2.3", "--export-digest", desk / "payload").code == 2
    assert (desk / "payload").read_bytes() == PAYLOAD


def test_the_dependency_may_be_written_as_imgtool_does(cli, desk, tool):
    generate(desk / "k.pem")
    common = ["-v", "1.2.3", "--pad-header", "--header-size", "0x20", "--align", "4", "-S", "0x10000"]
    for text in ("(1, 2.0.0)", "(1,2.0.0+3), (2, 0.0.1)", "(0, 1.2.3)(1, 1.2.3)"):
        tool("imgtool", "sign", *common, "-k", desk / "k.pem", "-d", text, desk / "payload", desk / "theirs")
        words = ("sign", desk / "payload", "--version", "1.2.3", "-k", desk / "k.pem", "--force")
        assert cli(*words, "-o", desk / "ours", "--dependency", text).code == 0
        assert (desk / "ours").read_bytes() == (desk / "theirs").read_bytes()
    for text in (
        "(1, 2.0.0",
        "(1 2.0.0)",
        "(x, 1.0.0)",
        "(1, 2.0.0) and",
        "(1, 2.0)",
        "1.2.3",
        "(256, 1.0.0)",
    ):
        refused = cli("sign", desk / "payload", "--version", "1.2.3", "-k", desk / "k.pem", "-d", text)
        assert refused.code == 2, text
