"""Keys in a token: SoftHSM, a real PKCS#11 library. They sign as keys in files do, and never leave it."""

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from ophion.errors import InputError, KeyFileError, UsageError
from ophion.keys import Algorithm, generate, load_public, open_public, open_signer
from ophion.keys.hsm import MODULE_VARIABLE
from ophion.package import parse_image, verify_image
from ophion.sign import sign
from ophion.versions import parse_version

KINDS = [algorithm.value for algorithm in Algorithm]


@pytest.fixture(scope="module")
def stored(token, tmp_path_factory):
    """A key of each type, imported into the token under its type as label: {type: public half}."""
    folder = tmp_path_factory.mktemp("imported")
    found = {}
    for number, algorithm in enumerate(Algorithm):
        found[algorithm.value] = generate(folder / f"{algorithm.value}.pem", algorithm)
        token.add(folder / f"{algorithm.value}.pem", algorithm.value, f"0{number}")
    return found


@pytest.fixture(scope="module")
def inside(token):
    """Labels of keys made in the token itself."""
    from pkcs11 import Attribute, KeyType, Mechanism
    from pkcs11.util.ec import encode_named_curve_parameters

    with token.session() as open_:
        curves = (
            (
                KeyType.EC,
                "inside-p256",
                encode_named_curve_parameters("secp256r1"),
                Mechanism.EC_KEY_PAIR_GEN,
            ),
            (
                KeyType.EC_EDWARDS,
                "inside-ed25519",
                b"\x13\x0cedwards25519",
                Mechanism.EC_EDWARDS_KEY_PAIR_GEN,
            ),
        )
        for kind, label, parameters, mechanism in curves:
            domain = open_.create_domain_parameters(kind, {Attribute.EC_PARAMS: parameters}, local=True)
            domain.generate_keypair(store=True, label=label, id=label.encode(), mechanism=mechanism)
        open_.generate_keypair(KeyType.RSA, 4096, store=True, label="inside-rsa-4096", id=b"\x99")
    return ["inside-p256", "inside-ed25519", "inside-rsa-4096"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_in_the_token_signs_as_its_type_says(token, stored, kind):
    signer = open_signer(token.uri(f"object={kind}"))
    assert signer.public == stored[kind]
    signer.public.verify(signer.sign(b"message"), b"message")
    signer.public.verify_digest(signer.sign_digest(bytes(32)), bytes(32))
    with pytest.raises(KeyFileError, match="not by this key"):
        signer.public.verify(signer.sign(b"message"), b"massage")


@pytest.mark.parametrize("kind", KINDS[:4])
def test_imgtool_accepts_an_image_signed_in_the_token(token, stored, tool, tmp_path, kind):
    image = sign(b"payload" * 30, parse_version("1.2.3"), open_signer(token.uri(f"object={kind}")))
    (tmp_path / "i.bin").write_bytes(image)
    (tmp_path / "k.pub").write_bytes(stored[kind].pem)
    shown = tool("imgtool", "verify", "-k", tmp_path / "k.pub", tmp_path / "i.bin").stdout
    assert "correctly validated" in shown


def test_the_devices_code_accepts_an_ed25519_image_signed_in_the_token(token, inside):
    signer = open_signer(token.uri("object=inside-ed25519"))
    verify_image(parse_image(sign(b"payload", parse_version("1.2.3"), signer)), [signer.public])


def test_ed25519_in_the_token_gives_the_image_of_the_same_key_in_a_file(token, tmp_path):
    generate(tmp_path / "k.pem")
    token.add(tmp_path / "k.pem", "twin", "77")
    both = [open_signer(uri) for uri in (token.uri("object=twin"), str(tmp_path / "k.pem"))]
    images = [sign(b"payload", parse_version("1.2.3"), signer) for signer in both]
    assert images[0] == images[1]


@pytest.mark.parametrize(
    ("number", "algorithm"), [(0, Algorithm.P256), (1, Algorithm.ED25519), (2, Algorithm.RSA4096)]
)
def test_a_key_made_in_the_token_signs(token, inside, number, algorithm):
    signer = open_signer(token.uri(f"object={inside[number]}"))
    assert signer.public.algorithm is algorithm
    signer.public.verify(signer.sign(b"message"), b"message")


def test_a_key_that_wants_the_pin_for_every_signature_gets_it(token):
    from pkcs11 import Attribute, KeyType
    from pkcs11.util.ec import encode_named_curve_parameters

    with token.session() as open_:
        curve = {Attribute.EC_PARAMS: encode_named_curve_parameters("secp256r1")}
        _, private = open_.create_domain_parameters(KeyType.EC, curve, local=True).generate_keypair(
            store=True, label="strict", id=b"strict", private_template={Attribute.ALWAYS_AUTHENTICATE: True}
        )
        assert private[Attribute.ALWAYS_AUTHENTICATE] is True
    signer = open_signer(token.uri("object=strict"))
    for message in (b"one", b"two"):
        signer.public.verify(signer.sign(message), message)


def test_a_key_is_found_by_id_and_by_serial_number(token, stored):
    import pkcs11

    serial = pkcs11.lib(token.module).get_token(token_label=token.label).serial.decode().strip()
    uri = f"pkcs11:serial={serial};model=SoftHSM%20v2;id=%01;type=private"
    public = open_public(f"{uri}?module-path={token.module}&pin-value={token.PIN}")
    assert public == stored["ecdsa-p256"]


def test_the_pin_comes_from_the_uri_a_file_or_whoever_is_asked(token, stored, tmp_path, monkeypatch):
    (tmp_path / "pin").write_text(token.PIN + "\n")
    expected = stored["ed25519"]
    for pin in (f"&pin-source={tmp_path / 'pin'}", f"&pin-source=file:{tmp_path / 'pin'}"):
        assert open_signer(token.uri("object=ed25519", pin)).public == expected
    asked = []
    signer = open_signer(token.uri("object=ed25519", ""), lambda: asked.append(1) or token.PIN.encode())
    expected.verify(signer.sign(b"a"), b"a")
    assert asked == [1]
    monkeypatch.setenv(MODULE_VARIABLE, token.module)
    assert open_signer(f"pkcs11:token={token.label};object=ed25519?pin-value={token.PIN}").public == expected


@pytest.mark.parametrize(
    ("pin", "words"),
    [("&pin-source=%7Cpinentry", "a program as pin-source is not run"), ("&pin-source=PIN", "not UTF-8")],
)
def test_a_pin_that_cannot_be_one(token, stored, tmp_path, pin, words):
    (tmp_path / "pin").write_bytes(b"\xff\xfe")
    with pytest.raises((KeyFileError, UsageError), match=words):
        open_signer(token.uri("object=ed25519", pin.replace("PIN", str(tmp_path / "pin"))))


def test_a_wrong_pin_is_an_error_and_the_pin_is_not_in_it(token, stored):
    with pytest.raises(KeyFileError, match="wrong PIN") as caught:
        open_signer(token.uri("object=ed25519", "&pin-value=1357"))
    assert "1357" not in str(caught.value) + caught.value.hint
    assert token.label in str(caught.value)


def test_without_a_pin_the_private_key_is_not_there(token, stored):
    with pytest.raises(KeyFileError, match="no such private key") as caught:
        open_signer(token.uri("object=ed25519", ""))
    assert "PIN" in caught.value.hint


def test_what_is_not_there_is_named(token, stored, tmp_path):
    with pytest.raises(KeyFileError, match=r"object=nothing: no such private key"):
        open_signer(token.uri("object=nothing"))
    with pytest.raises(KeyFileError, match=r"token=elsewhere.*no such token") as caught:
        open_signer(f"pkcs11:token=elsewhere;object=x?module-path={token.module}")
    assert token.label in caught.value.hint
    with pytest.raises(InputError, match="cannot load the PKCS#11 library"):
        open_signer(f"pkcs11:object=x?module-path={tmp_path / 'nothing.so'}")
    with pytest.raises(InputError, match="PIN file not found"):
        open_signer(token.uri("object=ed25519", f"&pin-source={tmp_path / 'nothing'}"))


def test_a_library_must_be_named(monkeypatch):
    monkeypatch.delenv(MODULE_VARIABLE, raising=False)
    with pytest.raises(UsageError, match="which PKCS#11 library"):
        open_signer("pkcs11:token=x;object=y?pin-value=1")


def test_two_keys_of_one_label_are_told_apart_by_id(token, tmp_path):
    for number in ("61", "62"):
        public = generate(tmp_path / f"{number}.pem")
        token.add(tmp_path / f"{number}.pem", "same", number)
    with pytest.raises(KeyFileError, match="2 private keys fit"):
        open_signer(token.uri("object=same"))
    assert open_signer(token.uri("object=same;id=%62")).public == public


def test_two_keys_of_one_token_sign_in_turn(token, stored):
    signers = [open_signer(token.uri(f"object={kind}")) for kind in ("ed25519", "ecdsa-p256")]
    for signer in signers + signers:
        signer.public.verify(signer.sign(b"x"), b"x")


def test_an_rsa_key_of_another_size_is_refused(token, tmp_path):
    pem = rsa.generate_private_key(65537, 1024).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "k.pem").write_bytes(pem)
    token.add(tmp_path / "k.pem", "small", "66")
    with pytest.raises(KeyFileError, match=r"object=small is an RSA key of 1024 bits"):
        open_signer(token.uri("object=small"))


def test_a_private_key_without_its_public_half_is_refused(token, tmp_path):
    import pkcs11

    generate(tmp_path / "k.pem")
    token.add(tmp_path / "k.pem", "lonely", "67")
    with token.session() as open_:
        open_.get_key(object_class=pkcs11.ObjectClass.PUBLIC_KEY, label="lonely").destroy()
    with pytest.raises(KeyFileError, match="0 public keys in the token"):
        open_signer(token.uri("object=lonely"))


def test_a_public_half_that_does_not_belong_is_found_out(token, tmp_path):
    import pkcs11

    generate(tmp_path / "k.pem")
    token.add(tmp_path / "k.pem", "crossed", "68")
    other = generate(tmp_path / "other.pem")
    with token.session() as open_:
        half = open_.get_key(object_class=pkcs11.ObjectClass.PUBLIC_KEY, label="crossed")
        point = half[pkcs11.Attribute.EC_POINT]
        half.destroy()
        open_.create_object(
            {
                pkcs11.Attribute.CLASS: pkcs11.ObjectClass.PUBLIC_KEY,
                pkcs11.Attribute.KEY_TYPE: pkcs11.KeyType.EC_EDWARDS,
                pkcs11.Attribute.EC_PARAMS: bytes.fromhex("06032b6570"),
                pkcs11.Attribute.EC_POINT: other.raw,
                pkcs11.Attribute.ID: b"\x68",
                pkcs11.Attribute.LABEL: "crossed",
                pkcs11.Attribute.TOKEN: True,
            }
        )
    assert point != other.raw
    signer = open_signer(token.uri("object=crossed"))
    with pytest.raises(KeyFileError, match="does not verify what its private key signs"):
        signer.sign(b"x")


def test_a_published_key_in_a_token_is_refused_too(token, vectors):
    token.add(vectors / "key-ed25519.pem", "sample", "69")
    with pytest.raises(KeyFileError, match="public knowledge"):
        open_signer(token.uri("object=sample"), allow_sample=False)


def test_the_verbs_take_a_token(token, stored, cli, tool, tmp_path, monkeypatch):
    (tmp_path / "pin").write_text(token.PIN)
    (tmp_path / "payload").write_bytes(b"payload")
    uri = token.uri("object=ecdsa-p256", "")
    pin = ("--passphrase-file", tmp_path / "pin")
    shown = cli("keys", "show", uri, *pin, "--json").json()
    assert shown["keyhash"] == stored["ecdsa-p256"].keyhash.hex() and shown["type"] == "ecdsa-p256"
    assert cli("keys", "public", uri, *pin, "--out", tmp_path / "k.pub").code == 0
    assert load_public(tmp_path / "k.pub") == stored["ecdsa-p256"]
    words = ("sign", tmp_path / "payload", "--version", "1.0.0", "--key", uri)
    signed = cli(*words, *pin, "--json").json()
    assert signed["signed_by"] == "ecdsa-p256"
    assert (
        "correctly validated" in tool("imgtool", "verify", "-k", tmp_path / "k.pub", signed["image"]).stdout
    )
    monkeypatch.setenv("OPHION_KEY_PASSPHRASE", "0000")
    refused = cli(*words, "--out", tmp_path / "none.bin")
    assert (refused.code, refused.out) == (3, "")
    assert refused.err.startswith("error: pkcs11:token=") and "wrong PIN" in refused.err
    assert not (tmp_path / "none.bin").exists()
