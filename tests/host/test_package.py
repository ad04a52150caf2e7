"""Image files: everything that is wrong with one is found, named, and never a crash."""

import json
import struct

import pytest
from ophion.errors import ImageError, InputError, VerificationFailed
from ophion.keys import generate, load_public
from ophion.package import describe, list_romfs, load_image, parse_image, verify_image

HEADER = struct.Struct("<IIHHIIBBHII")


def patched(data, at, value):
    return data[:at] + value + data[at + len(value) :]


@pytest.fixture
def image(workshop):
    files = {"main.py": "print('hello')\n", "lib/table.bin": bytes(5000)}
    return workshop.image(files, security_counter=3, custom_tlvs={0xA0: b"\x01\x02"})


def test_a_good_image_verifies_and_describes_itself(workshop, image):
    verify_image(image, [workshop.public], max_size=image.size)
    value = describe(image)
    assert json.loads(json.dumps(value)) == value
    assert [file["path"] for file in value["files"]] == ["lib/table.bin", "main.mpy"]
    assert value["unsigned"] == "" and value["files_error"] == ""
    assert [entry["name"] for entry in value["protected"]["entries"]] == ["SEC_CNT", "vendor"]
    assert [entry["name"] for entry in value["tlvs"]["entries"]] == ["SHA256", "KEYHASH", "ED25519"]


def test_every_offset_in_the_description_is_true(image):
    value = describe(image)
    for area in (value["protected"], value["tlvs"]):
        for entry in area["entries"]:
            found = image.data[entry["offset"] : entry["offset"] + entry["size"]]
            assert found.hex() == entry["value"]
    at = value["files"][0]["offset"]
    assert image.data[at : at + 5000] == bytes(5000)
    assert value["tlvs"]["offset"] + value["tlvs"]["size"] == image.size == len(image.data)


def test_the_device_s_verdict_is_mcuboot_s_for_every_plain_vector(vectors):
    public = load_public(vectors / "key-ed25519-pub.pem")
    verdicts = json.loads((vectors / "accept.json").read_text())
    plain = [
        name for name in verdicts if "plain-ed25519" in name or name.startswith(("prot", "seccnt", "hdr4k"))
    ]
    accepted = 0
    for name in plain:
        if verdicts[name]["primary_boot"] == "accept":
            verify_image(load_image(vectors / name), [public])
            accepted += 1
        else:
            with pytest.raises((ImageError, VerificationFailed)):
                verify_image(load_image(vectors / name), [public])
    assert accepted >= 4
    assert len(plain) > accepted


def test_a_padded_image_is_cut_to_what_a_device_needs(vectors):
    image = load_image(vectors / "pad-ed25519.bin")
    assert len(image.data) == 0x4000
    assert image.image == (vectors / "plain-ed25519.bin").read_bytes()
    verify_image(image, [load_public(vectors / "key-ed25519-pub.pem")])


DAMAGE = [
    ("empty", lambda d: b"", "shorter than its 32 byte header"),
    ("a few bytes", lambda d: d[:31], "shorter than its 32 byte header"),
    ("wrong magic", lambda d: patched(d, 0, b"\x00"), "header magic"),
    ("erased", lambda d: b"\xff" * 4096, "erased"),
    ("only the header", lambda d: d[:32], "truncated"),
    ("half", lambda d: d[: len(d) // 2], "truncated"),
    ("one byte short", lambda d: d[:-1], "TLV area"),
    ("header size 31", lambda d: patched(d, 8, b"\x1f\x00"), "header size 31"),
    ("payload of 4 GiB", lambda d: patched(d, 12, b"\xff\xff\xff\xff"), "truncated"),
    ("no payload", lambda d: patched(d, 12, bytes(4)), "payload is empty"),
    ("both kinds of AES", lambda d: patched(d, 16, b"\x0c"), "both AES-128 and AES-256"),
    ("unknown flag", lambda d: patched(d, 17, b"\x80"), "unknown bits"),
    ("protected size is a lie", lambda d: patched(d, 10, b"\x08\x00"), "protected TLV"),
    ("no protected area", lambda d: patched(d, 10, b"\x00\x00"), "TLV area: magic"),
]


@pytest.mark.parametrize(("change", "words"), [row[1:] for row in DAMAGE], ids=[row[0] for row in DAMAGE])
def test_a_damaged_file_is_named_with_its_defect(image, tmp_path, change, words):
    path = tmp_path / "damaged.bin"
    path.write_bytes(change(image.data))
    with pytest.raises(ImageError, match=words) as caught:
        load_image(path)
    assert caught.value.message.startswith(f"{path}: ")
    assert "\n" not in caught.value.message


TLV_DAMAGE = [
    ("area magic", 0, b"\x00\x00", "TLV area: magic"),
    ("area longer than the file", 2, b"\xff\x7f", "ends beyond"),
    ("area shorter than its header", 2, b"\x03\x00", "below its own header"),
    ("entry runs over", 6, b"\xff\x00", "run over"),
    ("type not allowed here", 4, b"\x50\x00", "not allowed outside"),
    ("reserved type", 4, b"\x00\x00", "reserved"),
]


@pytest.mark.parametrize(
    ("at", "value", "words"), [row[1:] for row in TLV_DAMAGE], ids=[row[0] for row in TLV_DAMAGE]
)
def test_a_bad_tlv_area_is_named(image, at, value, words):
    start = describe(image)["tlvs"]["offset"]
    with pytest.raises(ImageError, match=words):
        parse_image(patched(image.data, start + at, value))


def test_every_kind_of_changed_byte_is_refused(workshop, image):
    value = describe(image)
    places = [4, 20, 28, 33, value["payload"]["size"], value["protected"]["offset"] + 9]
    places += [entry["offset"] for entry in value["tlvs"]["entries"]]
    for at in places:
        changed = patched(image.data, at, bytes([image.data[at] ^ 1]))
        with pytest.raises((ImageError, VerificationFailed)):
            verify_image(parse_image(changed), [workshop.public])


def test_another_key_is_named(workshop, image, tmp_path):
    other = generate(tmp_path / "other.pem")
    with pytest.raises(VerificationFailed, match="unknown key") as caught:
        verify_image(image, [other])
    assert image.keyhash[:4].hex() in caught.value.message
    verify_image(image, [other, workshop.public])


def test_an_unsigned_image_can_be_looked_at_but_not_verified(vectors):
    image = load_image(vectors / "plain-nosig.bin")
    assert "no signature" in describe(image)["unsigned"]
    with pytest.raises(VerificationFailed, match="no signature"):
        verify_image(image, [load_public(vectors / "key-ed25519-pub.pem")])


def test_an_image_beyond_the_slot_is_refused(workshop, image):
    with pytest.raises(VerificationFailed, match=f"{image.size} bytes, the slot takes {image.size - 1}"):
        verify_image(image, [workshop.public], max_size=image.size - 1)


def test_missing_files_and_folders(tmp_path):
    with pytest.raises(InputError, match="image not found"):
        load_image(tmp_path / "nothing.bin")
    with pytest.raises(InputError, match="is a folder"):
        load_image(tmp_path)


ROMFS_DAMAGE = [
    (b"", "the payload is not a ROMFS"),
    (b"\xd2\xcd\x31", "ROMFS: bad number at 3"),
    (b"\xd2\xcd\x31\x05\x00", "ROMFS: record too long at 0"),
    (b"\xd2\xcd\x31\x02\x05\x7f", "ROMFS: record too long at 4"),
    (b"\xd2\xcd\x31\x04\x05\x02\x7fa", "ROMFS: bad name at 6"),
    (b"\xd2\xcd\x31\x04\x05\x02\x01a", "ROMFS: no content at 8"),
    (b"\xd2\xcd\x31\xff\xff\xff\xff\xff\xff\x00", "ROMFS: bad number at 3"),
    (b"\xd2\xcd\x31\x09\x05\x07\x01a\x03\x03\x7f\x7f\x7f\x00", "ROMFS: bad pointer at 8"),
]


@pytest.mark.parametrize(("payload", "words"), ROMFS_DAMAGE)
def test_a_damaged_romfs_is_an_error_not_a_crash(payload, words):
    with pytest.raises(ImageError, match=words):
        list_romfs(payload)


def test_a_romfs_nested_without_end_is_refused():
    inner = b""
    for _ in range(40):
        body = b"\x01d" + inner
        inner = b"\x04" + (bytes([len(body)]) if len(body) < 128 else bytes([0x81, len(body) & 0x7F])) + body
    size = len(inner)
    with pytest.raises(ImageError, match="ROMFS: too deep at 81"):
        list_romfs(b"\xd2\xcd\x31" + bytes([0x80 | size >> 7, size & 0x7F]) + inner)


def test_no_cut_of_a_romfs_crashes_the_listing(image):
    payload = image.payload
    for end in range(len(payload) - 1):
        if end % 37 and end > 64:
            continue
        with pytest.raises(ImageError):
            list_romfs(payload[:end])


def test_an_image_that_holds_no_romfs_says_so(vectors):
    value = describe(load_image(vectors / "plain-ed25519.bin"))
    assert value["files"] == [] and value["files_error"] == ""
