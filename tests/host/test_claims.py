"""Hardware ids and the least MicroPython, as protected TLVs of an image."""

import pytest
from ophion.errors import UsageError, VerificationFailed
from ophion.package import parse_image, verify_image
from ophion.sign import SignOptions, sign
from ophion.sign.claims import claim_tlvs
from ophion.versions import parse_version
from ophion_boot.fmt.claims import early_claims


def protected(path):
    return [(tlv.kind, tlv.value) for tlv in parse_image(path.read_bytes()).tlvs if tlv.protected]


def test_the_options_of_sign_become_tlvs(workshop, cli, tool):
    folder = workshop.folder
    (folder / "payload").write_bytes(b"payload")
    words = ("sign", folder / "payload", "--version", "1.0.0", "-k", workshop.key, "-o", folder / "i.bin")
    more = ("--hardware", "board-1", "--hardware", "board-2", "--min-runtime", "1.25.0")
    assert cli(*words, *more, "--security-counter", "3", "--custom-tlv", "0xa0=ff").code == 0
    assert protected(folder / "i.bin") == [
        (0x50, b"\3\0\0\0"),
        (0xA0, b"\xff"),
        (0x1A1, b"board-1,board-2"),
        (0x1A2, b"\x01\x19\0\0"),
    ]
    assert "correctly validated" in tool("imgtool", "verify", "-k", workshop.pub, folder / "i.bin").stdout


def test_our_types_are_not_for_custom_tlvs(workshop, cli):
    (workshop.folder / "payload").write_bytes(b"payload")
    words = ("sign", workshop.folder / "payload", "--version", "1.0.0", "-k", workshop.key)
    for kind in ("0x1a0", "0x1a1", "0x1af"):
        refused = cli(*words, "--custom-tlv", f"{kind}=00")
        assert refused.code == 2 and "Ophion's own" in refused.err
    assert cli(*words, "--custom-tlv", "0x2a0=00").code == 0


@pytest.mark.parametrize("names", [[""], ["a", ""], ["a,"], ["a b"], ["\u00e4"], ["x" * 65], ["a\n"]])
def test_what_a_device_would_not_read_is_no_hardware_id(names):
    with pytest.raises(UsageError, match="hardware ids"):
        claim_tlvs(hardware=names)


@pytest.mark.parametrize("text", ["1.25", "newest", "1.25.0.0", "300.0.0"])
def test_what_is_no_version_is_no_runtime(text):
    with pytest.raises(UsageError):
        claim_tlvs(runtime=text)


def test_nothing_claimed_is_no_tlv():
    assert claim_tlvs() == {}
    assert claim_tlvs(hardware=["x" * 64]) == {0x1A1: b"x" * 64}


def test_a_header_with_room_repeats_the_claims(workshop, tool):
    tlvs = claim_tlvs(hardware=["board-1"], runtime="1.25.0")
    options = SignOptions(header_size=0x80, custom_tlvs=tlvs, security_counter=3)
    image = sign(b"payload", parse_version("1.0.0"), workshop.signer, options)
    seen = early_claims(image[:100], 0x80)
    assert (seen.counter, seen.hardware, seen.runtime) == (3, ["board-1"], (1, 25, 0))
    assert seen.signer == workshop.public.keyhash
    assert image[32 + 31 + 36 : 0x80] == b"\xff" * (0x80 - 99)
    assert early_claims(image[:40], 0x80) is None, "a chunk that ends before tells nothing"
    verify_image(parse_image(image), [workshop.public], hardware="board-1")
    with pytest.raises(VerificationFailed, match="image for hardware board-1, this is board-2"):
        verify_image(parse_image(image), [workshop.public], hardware="board-2")
    path = workshop.folder / "early.bin"
    path.write_bytes(image)
    assert "correctly validated" in tool("imgtool", "verify", "-k", workshop.pub, path).stdout


def test_a_header_with_little_room_leaves_the_key_out(workshop):
    tlvs = claim_tlvs(hardware=["board-1"])
    for header_size, whole in ((32 + 4 + 11 + 36, True), (32 + 4 + 11 + 35, False)):
        options = SignOptions(header_size=header_size, custom_tlvs=tlvs)
        image = sign(b"payload", parse_version("1.0.0"), workshop.signer, options)
        seen = early_claims(image, header_size)
        assert seen.hardware == ["board-1"] and bool(seen.signer) == whole


def test_a_header_without_room_or_claims_is_imgtools(workshop):
    chained = SignOptions(header_size=0x80, custom_tlvs={0x1A0: b"a chain"}, security_counter=3)
    image = sign(b"payload", parse_version("1.0.0"), workshop.signer, chained)
    assert early_claims(image, 0x80).counter == 3
    small = SignOptions(header_size=40, custom_tlvs=claim_tlvs(hardware=["board-1"]))
    plain = SignOptions(header_size=0x80, security_counter=3)
    for options in (small, plain):
        image = sign(b"payload", parse_version("1.0.0"), workshop.signer, options)
        assert image[32 : options.header_size] == b"\xff" * (options.header_size - 32)
        assert early_claims(image, options.header_size) is None
