"""The device's verdict on images: MCUboot's own verdicts, our stricter rules, every changed bit."""

from ophion_boot.core.area import Area
from ophion_boot.core.verify import Verifier, VerifyError
from support import SECTOR, raises, ram_flash, read_file, read_json, vector_keys

# The oracle behind the verdicts was MCUboot with swap-move and two slots of 8 sectors: an image may
# take what is left beside the trailer sector and the one sector that the move needs.
MAX_SIZE = 6 * SECTOR

# Images that MCUboot boots and this parser refuses: SPEC.md 1.4 has the reasons.
STRICTER = {
    "order HKKS": "stands twice",
    "good key+badsig then good key+sig": "stands twice",
    "unprot ECDSA_SIG extra": "more than one signature",
    "unprot PUBKEY extra": "no use",
    "unprot ENC_X25519 extra (not enc)": "no use",
    "unprot ENC_EC256 extra": "no use",
    "unprot SHA512 extra": "more than one digest",
    "flags 0x40 (signed)": "unknown bits",
    "flags 0x80 (signed)": "unknown bits",
    "flags 0x1000 (signed)": "unknown bits",
    "flags 0x80000000 (signed)": "unknown bits",
    "img_size 0": "payload is empty",
}


def area_of(data):
    sectors = max(8, -(-len(data) // SECTOR))
    return Area(ram_flash(sectors, content=data), 0, sectors * SECTOR)


def verdict(data):
    """ "" when the device boots the image, else its reason."""
    try:
        Verifier(vector_keys(), bytearray(SECTOR)).verify(area_of(data), MAX_SIZE)
    except VerifyError as e:
        return str(e) or "refused"
    return ""


def test_verdicts_equal_mcuboot_for_every_plain_image():
    count = 0
    for name, entry in read_json("accept.json").items():
        accepted = entry["primary_boot"] == "accept"
        assert (verdict(read_file(name)) == "") == accepted, (name, verdict(read_file(name)))
        count += 1
    assert count == 31


def test_never_laxer_than_mcuboot_and_stricter_only_where_listed():
    seen = 0
    entries = read_json("structural.json")
    assert len(entries) == 66
    for entry in entries:
        name = entry["name"]
        why = verdict(bytes.fromhex(entry["hex"]))
        if entry["verdict_allow_list"] == "reject":
            assert why, name
        elif name in STRICTER:
            assert STRICTER[name] in why, (name, why)
            seen += 1
        else:
            assert why == "", (name, why)
    assert seen == len(STRICTER)


def test_reasons_name_what_is_wrong():
    good = bytearray(read_file("plain-ed25519.bin"))
    flipped = bytearray(good)
    flipped[40] ^= 1
    assert "SHA-256" in verdict(flipped)
    flipped = bytearray(good)
    flipped[-1] ^= 1
    assert "signature" in verdict(flipped)
    assert "unknown key" in verdict(good[:0xB0] + bytes(32) + good[0xD0:])
    assert "magic" in verdict(b"\0" * 300)
    assert "erased" in verdict(b"")
    assert "no signature" in verdict(read_file("plain-nosig.bin"))
    assert "do not fit" in raises(
        VerifyError, Verifier(vector_keys(), bytearray(SECTOR)).verify, area_of(good), 100
    )


def test_every_truncation_is_refused():
    good = read_file("plain-ed25519.bin")
    assert verdict(good) == ""
    for size in range(0, len(good), 3):
        assert verdict(good[:size]), size


def test_an_image_says_where_its_payload_lies():
    data = read_file("hdr4k-ed25519.bin")
    image = Verifier(vector_keys(), bytearray(SECTOR)).verify(area_of(data), MAX_SIZE)
    assert (image.payload_at, image.payload_size) == (4096, 8192)
    assert image.total == len(data)
    assert image.version == "1.2.3.45"
    assert data[4096 : 4096 + 8192] == read_file("payload8k.bin")


def test_protected_tlvs_are_read_from_the_signed_area():
    data = read_file("prot-ed25519.bin")
    image = Verifier(vector_keys(), bytearray(SECTOR)).verify(area_of(data), MAX_SIZE)
    assert (0x50, b"\x07\0\0\0") in image.protected
    assert (0xA0, bytes.fromhex("deadbeef")) in image.protected


def test_a_sample_of_changed_bits_is_refused():
    # Every single bit is flipped on CPython (tests/host); here 400 of them, on both runtimes.
    good = read_file("plain-ed25519.bin")
    bits = 8 * len(good)
    for n in range(400):
        bit = n * 2207 % bits
        bad = bytearray(good)
        bad[bit >> 3] ^= 1 << (bit & 7)
        assert verdict(bad), bit


def test_keys_of_other_types_sign_images_too_but_only_with_their_own_tlv():
    key = read_file("key-ecdsa-p256-pub.raw")
    keys = [(read_file("key-ecdsa-p256-keyhash.raw"), key)]
    data = read_file("plain-ecdsa-p256.bin")
    verifier = Verifier(keys, bytearray(SECTOR))
    assert verifier.verify(area_of(data), MAX_SIZE).proof.key == key
    assert "unknown key" in verdict(data)
    kind = data.index(b"\x22\0", len(data) - 80)
    for other, why in ((0x24, "signature is"), (0x20, "signature is"), (0x25, "no signature")):
        wrong = data[:kind] + bytes((other,)) + data[kind + 1 :]
        assert why in raises(VerifyError, verifier.verify, area_of(wrong), MAX_SIZE), other
    changed = bytearray(data)
    changed[-1] ^= 1
    assert "signature: it does not match" in raises(VerifyError, verifier.verify, area_of(changed), MAX_SIZE)
