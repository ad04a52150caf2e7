"""Encrypted images of MCUboot's tools: what they decrypt to, what they are refused for."""

import struct

from ophion_boot.core.area import Area
from ophion_boot.core.secret import Secret, own_keys
from ophion_boot.core.verify import Verifier, VerifyError
from ophion_boot.fmt.cbor import encode
from support import SECTOR, aes, raises, ram_flash, read_file, read_json, secret_keys, vector_keys

# name: bits of AES. All have payload100.bin as their payload, padded with zeros to whole blocks.
IMAGES = {
    "enc-x25519-aes128-ed25519.bin": 128,
    "enc-x25519-aes256-ed25519.bin": 256,
    "enc-x25519-aes128-hmac512-ed25519.bin": 128,
    "enc-x25519-aes128-ed25519-prot.bin": 128,
    "enc-p256-aes128-ed25519.bin": 128,
    "enc-p256-aes128-ecdsa.bin": 128,
    "enc-p256-aes256-ecdsa.bin": 256,
}
X128, P128 = "enc-x25519-aes128-ed25519.bin", "enc-p256-aes128-ed25519.bin"
CLEAR = "clear-x25519-ed25519.bin"
PLAIN = read_file("payload100.bin") + bytes(12)


def all_keys():
    return vector_keys() + [(read_file("key-ecdsa-p256-keyhash.raw"), read_file("key-ecdsa-p256-pub.raw"))]


def area_of(data, sealed=True):
    area = Area(ram_flash(8, content=data), 0, 8 * SECTOR)
    area.sealed = sealed
    return area


def verdict(data, keys=None, sealed=True, trusted=None):
    """ "" when a device with these private keys (None: plain images only) takes it, else its reason."""
    secret = None if keys is None else Secret(keys, aes)
    try:
        verifier = Verifier(trusted or all_keys(), bytearray(SECTOR), secret)
        verifier.verify(area_of(data, sealed), 6 * SECTOR)
    except VerifyError as e:
        return str(e) or "refused"
    return ""


def changed(data, at, value=None):
    bad = bytearray(data)
    bad[at] = bad[at] ^ 1 if value is None else value
    return bytes(bad)


def wrapped_at(data, kind):
    """Where the value of the last TLV begins, which must be of `kind`."""
    at = data.rindex(struct.pack("<H", kind))
    assert at + 4 + struct.unpack_from("<H", data, at + 2)[0] == len(data)
    return at + 4


def with_wrapped(data, kind, value, wanted=0x33):
    """The image with another last TLV; None as `value` takes it out."""
    at = wrapped_at(data, wanted) - 4
    last = b"" if value is None else struct.pack("<HH", kind, len(value)) + value
    start = data.rindex(b"\x07\x69")
    return data[: start + 2] + struct.pack("<H", at - start + len(last)) + data[start + 4 : at] + last


def test_every_encrypted_image_decrypts_to_its_payload():
    for name, bits in IMAGES.items():
        data = read_file(name)
        assert verdict(data, secret_keys()) == "", (name, verdict(data, secret_keys()))
        secret = Secret(secret_keys(), aes)
        verifier = Verifier(all_keys(), bytearray(SECTOR), secret)
        image = verifier.verify(area_of(data), 6 * SECTOR)
        assert image.header.key_size == bits // 8
        body = bytearray(data[32 : 32 + 112])
        assert bytes(body) != PLAIN
        secret.cipher(image.seal).xor(body, 32)
        assert bytes(body) == PLAIN, name
        secret.cipher(image.seal).xor(body, 32)
        assert bytes(body) == data[32 : 32 + 112], "encrypted again"


def test_a_part_of_an_image_may_begin_and_end_anywhere():
    data = read_file("enc-x25519-aes256-ed25519.bin")
    clear = data[:32] + PLAIN + data[144:]
    secret = Secret(secret_keys(), aes)
    image = Verifier(all_keys(), bytearray(SECTOR), secret).verify(area_of(data), 6 * SECTOR)
    cipher = secret.cipher(image.seal)
    for start in range(0, len(data), 7):
        for size in (1, 5, 16, 33, 100, 400):
            part = bytearray(data[start : start + size])
            cipher.xor(part, start)
            assert bytes(part) == clear[start : start + size], (start, size)


def test_where_it_runs_an_encrypted_image_is_in_the_clear():
    # MCUboot's column: an encrypting build that boots what lies in the primary slot (X25519, Ed25519).
    seen = 0
    for name, entry in read_json("accept.json").items():
        accepted = entry["primary_boot_encbuild"] == "accept"
        why = verdict(read_file(name), secret_keys()[:1], False, vector_keys())
        assert (why == "") == accepted, (name, why)
        seen += accepted and name == CLEAR
    assert seen == 1
    assert "SHA-256 of the image" in verdict(read_file(X128), secret_keys(), sealed=False)
    assert "decrypted image" in verdict(read_file(CLEAR), secret_keys()), "plaintext is no update"


def test_what_mcuboot_takes_as_an_update_is_taken():
    # That build of MCUboot had the X25519 key and Ed25519 alone, AES-128 alone, HMAC of SHA-256 alone.
    count = 0
    for name, entry in read_json("accept.json").items():
        accepted = entry["upgrade_encbuild"] == "swapped" or "hmac512" in name or "x25519-aes256" in name
        why = verdict(read_file(name), secret_keys()[:1], True, vector_keys())
        assert (why == "") == accepted, (name, why, entry)
        count += accepted
    assert count > 4


def test_a_device_without_keys_takes_none():
    for name in IMAGES:
        assert "encrypted: this device takes plain images only" in verdict(read_file(name))
        assert "this device has no key for it" in verdict(read_file(name), [])
    plain = read_file("plain-ed25519.bin")
    assert verdict(plain) == verdict(plain, secret_keys()) == ""


def test_what_was_changed_or_is_for_another_is_refused():
    x, p = read_file(X128), read_file(P128)
    x_key, p_key = secret_keys()
    other = [(b"another1", 0x33, bytes(range(32))), (b"another2", 0x32, bytes(range(32)))]
    for data, kind, point in ((x, 0x33, 32), (p, 0x32, 65)):
        at = wrapped_at(data, kind)
        for place in (at + point, at + point + 31, at + point + 32, len(data) - 1):
            assert "wrapped key: changed, or for another device" in verdict(
                changed(data, place), secret_keys()
            ), place
        assert "wrapped key: changed, or for another device" in verdict(data, other)
        for place in (32, 143):
            assert "SHA-256 of the decrypted image" in verdict(changed(data, place), secret_keys())
    assert "wrapped key: changed, or for another device" in verdict(
        changed(x, wrapped_at(x, 0x33)), secret_keys()
    )
    assert "not on the curve" in verdict(changed(p, wrapped_at(p, 0x32) + 20), secret_keys())
    assert "no X25519 key" in verdict(x, [p_key])
    assert "no P-256 key" in verdict(p, [x_key])
    assert verdict(x, [other[0], x_key]) == verdict(x, [x_key, other[0]]) == "", "its own and a shared key"


def test_a_shared_secret_of_zeros_is_refused():
    # RFC 7748, 6.1: a public key of small order; both signs of 0 and 1, which clients can send.
    x = read_file(X128)
    at = wrapped_at(x, 0x33)
    for number in (0, 1, 2**255 - 19, 2**255 - 18):
        point = number.to_bytes(32, "little")
        assert "small order" in verdict(x[:at] + point + x[at + 32 :], secret_keys()), number
    p = read_file(P128)
    at = wrapped_at(p, 0x32)
    assert "not on the curve" in verdict(p[: at + 1] + bytes(64) + p[at + 65 :], secret_keys())


def test_flags_and_tlvs_that_contradict_each_other():
    x = read_file(X128)
    value = x[wrapped_at(x, 0x33) :]
    keys = secret_keys()
    assert "no wrapped key" in verdict(with_wrapped(x, 0, None), keys)
    plain = read_file("plain-ed25519.bin")
    size = struct.unpack_from("<H", plain, 0x86)[0] + 84
    longer = plain[:0x86] + struct.pack("<H", size) + plain[0x88:] + struct.pack("<HH", 0x33, 80) + value
    assert "type 0x0033 has no use in a plain image" in verdict(longer, keys)
    assert "flags 0xc: both AES-128 and AES-256" in verdict(changed(x, 16, 0x0C), keys)
    assert "type 0x0033 is 80 bytes, not 96" in verdict(changed(x, 16, 0x08), keys)
    for short in (value[:-1], value + b"\0", b""):
        reason = "type 0x0033 is %d bytes, not 80" % len(short)
        assert reason in verdict(with_wrapped(x, 0x33, short), keys)
    assert "type 0x0030 is not supported" in verdict(with_wrapped(x, 0x30, bytes(256)), keys)
    assert "type 0x0031 is not supported" in verdict(with_wrapped(x, 0x31, bytes(24)), keys)


def recipients(*entries):
    return b"".join(key_id + bytes((kind,)) + blob for key_id, kind, blob in entries)


def test_a_list_of_recipients():
    x = read_file(X128)
    value = x[wrapped_at(x, 0x33) :]
    mine, p_key = secret_keys()
    here, there = (mine[0], 0x33, value), (b"stranger", 0x33, bytes(80))

    def listed(*entries, keys=(mine,), tail=b""):
        return verdict(with_wrapped(x, 0x1A3, recipients(*entries) + tail), list(keys))

    assert listed(here) == listed(here, there) == listed(there, here) == ""
    assert listed(here, keys=(p_key, mine)) == ""
    assert "no recipient is this device" in listed(there)
    assert "no recipient is this device" in listed(here, keys=(p_key,))
    assert "no recipient is this device" in listed((mine[0], 0x32, bytes(113)), there), "another type of key"
    assert "wrapped key: changed, or for another device" in listed((mine[0], 0x33, changed(value, 79)), there)
    assert "a key stands twice" in listed(here, here)
    assert "type 0x0030 is not supported" in listed((mine[0], 0x30, bytes(80)))
    assert "entry 1 is cut off" in listed(here, tail=there[0] + b"\x33" + bytes(79))
    assert "entry 1 is cut off" in listed(here, tail=there[0])
    assert "recipients: 0 of them" in listed()
    many = [(b"number%02d" % n, 0x33, bytes(80)) for n in range(16)]
    assert listed(here, *many[1:]) == "" and "17 of them, not 1..16" in listed(here, *many)
    both = with_wrapped(x, 0x1A3, recipients(here))
    start = both.rindex(b"\x07\x69")
    size = struct.unpack_from("<H", both, start + 2)[0] + 84
    both = both[: start + 2] + struct.pack("<H", size) + both[start + 4 :]
    both += struct.pack("<HH", 0x33, 80) + value
    assert "more than one wrapped key" in verdict(both, [mine])


def test_a_preview_knows_whether_a_key_fits():
    verifier = Verifier(all_keys(), bytearray(SECTOR), Secret(secret_keys()[1:], aes))
    for data, reason in (
        (read_file(X128), "no X25519 key"),
        (with_wrapped(read_file(X128), 0, None), "no wrapped"),
    ):
        assert reason in raises(VerifyError, verifier.preview, area_of(data), 6 * SECTOR)
    verifier.preview(area_of(changed(read_file(P128), 40)), 6 * SECTOR)


def test_a_wrapped_key_is_opened_once():
    used = []

    def counting(key, *rest):
        used.append(key)
        return aes(key, *rest)

    verifier = Verifier(all_keys(), bytearray(SECTOR), Secret(secret_keys(), counting))
    keys = []
    for _ in range(3):
        used.clear()
        verifier.verify(area_of(read_file(X128)), 6 * SECTOR)
        keys.append(set(used))
    assert len(keys[0]) == 2, "the key that wraps and the content key"
    assert len(keys[1]) == 1 and keys[1] == keys[2] and keys[1] < keys[0]


class Cells:
    """Cells of which one holds `data`; an OSError is raised instead of given."""

    def __init__(self, data):
        self.data = data

    def load(self, name):
        assert name == "identity"
        if isinstance(self.data, OSError):
            raise self.data
        return self.data


def test_keys_that_provisioning_left():
    keys = secret_keys()
    cell = encode({"id": "lamp 7", "keys": [list(key) for key in keys]})
    found = own_keys(Cells(cell))
    assert [
        tuple(bytes(part) if not isinstance(part, int) else part for part in key) for key in found
    ] == keys
    assert verdict(read_file(X128), found) == "" and verdict(read_file(P128), found) == ""
    whole = list(keys[0])
    bad = [
        whole[:2],
        whole + [0],
        [whole[0][:7]] + whole[1:],
        [whole[0], 0x34, whole[2]],
        [1, 2, 3],
        7,
        "abc",
    ]
    for entry in bad:
        rest = own_keys(Cells(encode({"keys": [entry, whole]})))
        assert rest in ([], [tuple(whole)]), entry
    for data in (None, b"", b"\xff", cell[:-1], cell + b"\0", encode({}), encode({"keys": 1}), OSError(5)):
        assert own_keys(Cells(data)) == [], data
