"""Signing: byte for byte what `imgtool sign` makes, accepted by imgtool's own checks."""

import pytest
from ophion.errors import InputError, UsageError
from ophion.keys import open_signer
from ophion.package import parse_image, verify_image
from ophion.sign import Dependency, SignOptions, sign, write_image
from ophion.versions import Version, parse_version

PAYLOAD = bytes(range(256)) * 3 + b"odd"
V = parse_version("1.2.3+45")


@pytest.fixture
def sample(vectors):
    return open_signer(str(vectors / "key-ed25519.pem"), allow_sample=True)


@pytest.mark.parametrize(
    ("name", "payload", "options"),
    [
        ("plain-ed25519.bin", "payload100.bin", SignOptions()),
        ("hdr4k-ed25519.bin", "payload8k.bin", SignOptions(header_size=0x1000)),
        ("seccnt-auto-ed25519.bin", "payload100.bin", SignOptions(security_counter=V.security_counter)),
    ],
)
def test_the_image_is_the_vector_that_imgtool_made(vectors, sample, name, payload, options):
    made = sign((vectors / payload).read_bytes(), V, sample, options)
    assert made == (vectors / name).read_bytes()


OPTIONS = [
    (SignOptions(), []),
    (SignOptions(header_size=0x200), ["--header-size", "0x200"]),
    (SignOptions(security_counter=0), ["--security-counter", "0"]),
    (SignOptions(security_counter=0xFFFFFFFF), ["--security-counter", "0xffffffff"]),
    (SignOptions(dependencies=[Dependency(1, parse_version("2.0.1+3"))]), ["-d", "(1, 2.0.1+3)"]),
    (
        SignOptions(custom_tlvs={0xA0: b"hello", 0x2A1: b""}, security_counter=7),
        ["--custom-tlv", "0xa0", "hello", "--custom-tlv", "0x2a1", "", "--security-counter", "7"],
    ),
]


@pytest.mark.parametrize(("options", "words"), OPTIONS)
def test_every_option_gives_what_imgtool_gives(workshop, tool, options, words):
    made = sign(PAYLOAD, V, workshop.signer, options)
    folder = workshop.folder
    (folder / "payload").write_bytes(PAYLOAD)
    (folder / "made.bin").write_bytes(made)
    header = [] if "--header-size" in words else ["--header-size", "0x20"]
    common = ["-k", workshop.key, "-v", "1.2.3+45", "--pad-header", "--align", "4", "--slot-size", "0x10000"]
    tool("imgtool", "sign", *common, *header, *words, folder / "payload", folder / "theirs.bin")
    assert made == (folder / "theirs.bin").read_bytes()
    assert "correctly validated" in tool("imgtool", "verify", "-k", workshop.pub, folder / "made.bin").stdout
    shown = tool("imgtool", "dumpinfo", folder / "made.bin").stdout
    assert "1.2.3+45" in shown and "ED25519" in shown and "KEYHASH" in shown
    verify_image(parse_image(made), [workshop.public])


def test_the_payload_comes_back_unchanged(workshop):
    image = parse_image(sign(PAYLOAD, V, workshop.signer))
    assert image.payload == PAYLOAD
    assert image.version == tuple(V)


def test_signing_prints_nothing(workshop, capfd):
    sign(PAYLOAD, V, workshop.signer, SignOptions(security_counter=1))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("payload", "options", "error", "words"),
    [
        (b"", SignOptions(), InputError, "payload is empty"),
        (PAYLOAD, SignOptions(max_size=500), InputError, "947 bytes, the slot takes 500"),
        (PAYLOAD, SignOptions(header_size=31), UsageError, "header size 31"),
        (PAYLOAD, SignOptions(header_size=0x10000), UsageError, "header size 65536"),
        (PAYLOAD, SignOptions(security_counter=-1), UsageError, "security counter -1"),
        (PAYLOAD, SignOptions(security_counter=1 << 32), UsageError, "security counter"),
        (PAYLOAD, SignOptions(dependencies=[Dependency(256, V)]), UsageError, "image 256"),
        (PAYLOAD, SignOptions(custom_tlvs={0x10: b""}), UsageError, "custom TLV 0x0010"),
        (PAYLOAD, SignOptions(custom_tlvs={0x19F: b""}), UsageError, "custom TLV 0x019f"),
        (PAYLOAD, SignOptions(custom_tlvs={0xA0: bytes(65536)}), UsageError, "protected TLVs take"),
    ],
)
def test_what_cannot_be_signed_is_one_clear_error(workshop, payload, options, error, words):
    with pytest.raises(error, match=words):
        sign(payload, V, workshop.signer, options)


def test_the_largest_allowed_image_fits_exactly(workshop):
    size = len(sign(PAYLOAD, V, workshop.signer))
    assert len(sign(PAYLOAD, V, workshop.signer, SignOptions(max_size=size))) == size
    with pytest.raises(InputError, match=f"{size} bytes, the slot takes {size - 1}"):
        sign(PAYLOAD, V, workshop.signer, SignOptions(max_size=size - 1))


def test_an_image_is_written_whole_or_not_at_all(workshop, tmp_path):
    target = tmp_path / "x.bin"
    write_image(target, b"one", tmp_path / "payload")
    write_image(target, b"one", tmp_path / "payload")
    with pytest.raises(UsageError, match="exists"):
        write_image(target, b"two", tmp_path / "payload")
    assert target.read_bytes() == b"one"
    write_image(target, b"two", tmp_path / "payload", force=True)
    assert target.read_bytes() == b"two"
    with pytest.raises(UsageError, match="the payload itself"):
        write_image(target, b"x", target, force=True)
    with pytest.raises(InputError, match="cannot write"):
        write_image(target / "below", b"x", tmp_path / "payload")
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize(
    ("text", "version"),
    [("0.0.0", Version(0, 0, 0)), ("255.255.65535+4294967295", Version(255, 255, 65535, 4294967295))],
)
def test_versions_have_the_widths_of_the_header(text, version):
    assert parse_version(text) == version
    assert str(version) == text


@pytest.mark.parametrize(
    "text", ["", "1", "1.2", "1.2.3.4", "1.2.3+", "v1.2.3", "1.2.x", " 1.2.3", "1.2.3+4294967296"]
)
def test_other_texts_are_no_versions(text):
    with pytest.raises(UsageError):
        parse_version(text)
