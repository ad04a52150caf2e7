"""Sealed patches that are uploaded: what they make, what is refused and when, and what nobody learns."""

import struct

from ophion_boot.core.sealed_patching import SealedPatching, bases
from ophion_boot.core.smp_image import Component
from ophion_boot.core.strategy import StrategyError
from ophion_boot.fmt.sealed import FIXED_BYTES, TAG_BYTES, Prefix
from rig_patches import PatchDevice, SealedDevice
from rig_sealed_patches import answer_to, check_hidden, refusal, untouched
from rig_uploads import Client
from sealed_maker import (
    WHOLE,
    content_of,
    for_upload,
    make_sealed,
    open_sealed,
    span_of,
    wrap_for_device,
    wrapped_of,
)
from support import SECTOR, clear, image, patch, sealed, secret_keys
from test_patch_uploads import refused

# What is made


def test_a_sealed_patch_makes_the_image_as_it_is_uploaded_and_it_runs():
    for hidden in (True, False):
        for write_size in (4, 32):
            for step in (0, 61):
                device = SealedDevice(hidden, write_size)
                assert device.send(step=step) == {"off": len(device.data), "match": True}
                assert device.staged(len(device.new)) == device.new
                check_hidden(device)
        told = "%d bytes received for %d: 83 %% saved" % (len(device.data), len(device.new))
        assert device.told == [("patched", "4.0.0", told)]
        device.target.set_pending(False)
        boot = device.rig.boot()
        assert boot.image.version == "4.0.0" and boot.trial
        assert device.rig.primary_is(clear("d4"))


def test_chunks_of_any_size():
    for name in ("sealed", "sealed-many"):
        for step in (1, 2, 15, 16, 17, 700):
            device = SealedDevice(name=name)
            device.new = sealed("many" if name == "sealed-many" else "d4")
            assert answer_to(device, device.data, step)["match"] is True
            assert device.staged(len(device.new)) == device.new


def test_without_a_base_it_is_made_on_any_device():
    for running in (clear("four"), image("six")):
        device = SealedDevice(name="sealed-alone")
        device.rig.flash_primary(running)
        device.boot()
        assert device.send()["match"] is True and device.staged(len(device.new)) == device.new
        check_hidden(device)


def test_the_first_of_16_recipients_counts_that_is_this_device():
    device = SealedDevice(name="sealed-many")
    prefix = Prefix(device.data)
    assert prefix.length == 16 * 138
    device.new = sealed("many")
    assert device.send(step=300)["match"] is True and device.staged(len(device.new)) == device.new


def test_what_was_there_before_is_taken_as_before():
    for hidden in (True, False):
        device = SealedDevice(hidden)
        whole = sealed("six")
        assert Client(device, whole).finish()["match"] is True and device.staged(len(whole)) == whole
        alone = patch("d3-alone")
        assert device.send(alone)["match"] is True and device.staged(len(image("d3"))) == image("d3")
    plain = patch("d3")
    assert device.send(plain)["match"] is True and device.staged(len(image("d3"))) == image("d3")


def test_a_device_says_what_sealed_patches_can_be_made_against():
    device = SealedDevice()
    parts = [Component(device.target, device.upload, True)]
    data = sealed("d1")
    at = data.index(b"\x10\x00\x20\x00", 32 + int.from_bytes(data[12:16], "little")) + 4
    base = {"version": "1.0.0", "hash": data[at : at + 32], "size": len(data), "image": 0}
    told = {"patch": 1, "bits": 13, "sealed": 1}
    assert bases(parts) == dict(told, bases=[], encrypted=[base])
    plain = SealedDevice(False)
    found = bases([Component(plain.target, plain.upload, True)])
    assert found["encrypted"] == [] and len(found["bases"]) == 1
    plain.rig.flash_primary(b"\xff" * SECTOR)
    plain.boot()
    assert bases([Component(plain.target, plain.upload, True)]) == dict(told, bases=[], encrypted=[])


# What is refused


def test_prefixes_that_are_refused_at_the_first_chunk():
    device = SealedDevice()
    good, before = device.data, device.flash.ops
    for at, value, words in (
        (4, b"\x02", "sealed patch format 2"),
        (5, b"\x18", "key of 24 bytes"),
        (6, bytes(8), "nonce 0000000000000000"),
        (14, struct.pack("<I", 31), "from 31 on"),
        (18, bytes(4), "for 0 bytes"),
        (22, b"\x35\x00", "wrapped key 0x0035"),
        (22, b"\x30\x00", "wrapped key 0x0030"),
        (24, b"\x82\x00", "with 130 bytes of wrapped key 0x0032"),
        (22, b"\xa3\x01\xff\xff", "with 65535 bytes of wrapped key 0x01a3"),
    ):
        bad = good[:at] + value + good[at + len(value) :]
        rc, reason = refused(device.upload.chunk, 0, bad[:FIXED_BYTES], len(bad), b"")
        assert rc == 22 and words in reason, (at, reason)
    start = Prefix(good).size
    for size in (0, FIXED_BYTES, start, start + 45, start + WHOLE + 1, start + WHOLE + TAG_BYTES):
        rc, reason = refused(device.upload.chunk, 0, good[:FIXED_BYTES], size, b"")
        assert (rc, reason) == (22, "sealed patch of %d bytes" % size)
    rc, reason = refused(device.upload.chunk, 0, good[: FIXED_BYTES - 1], len(good), b"")
    assert rc == 21 and "less than a prefix" in reason
    rc, reason = refused(device.upload.chunk, 0, good, len(good) - 700, b"")
    assert rc == 31 and "the patch at %d" % (len(good) - 700) in reason
    untouched(device, before)


def test_no_byte_of_prefix_first_block_or_tag_can_be_changed():
    device = SealedDevice()
    good, before = device.data, device.flash.ops
    end = Prefix(good).size + WHOLE
    for at in list(range(0, end, 37)) + list(range(4, FIXED_BYTES)) + list(range(end - TAG_BYTES, end)):
        bad = bytearray(good)
        bad[at] ^= 1 << at % 8
        rc, reason = refusal(device, bytes(bad))
        assert rc in (3, 22, 23), (at, rc, reason)
        assert device.flash.ops == before and not device.upload.open(), at
    untouched(device, before)


def test_a_change_of_a_later_block_ends_it_and_frees_the_slot():
    good = patch("sealed")
    start = Prefix(good).size
    for at in range(start + WHOLE, len(good), 211):
        device = SealedDevice()
        bad = bytearray(good)
        bad[at] ^= 1 << at % 8
        number = (at - start) // WHOLE
        assert refusal(device, bytes(bad), 300) == (
            22,
            "sealed patch: tag of block %d does not match" % number,
        )
        assert not device.upload.open() and not device.told
        assert device.staged(SECTOR) == b"\xff" * SECTOR
        check_hidden(device)
        boot = device.rig.boot()
        assert boot.image.version == "1.0.0" and boot.trial is None
        device.boot()
        assert device.send()["match"] is True and device.staged(len(device.new)) == device.new


def test_blocks_stay_in_their_places_and_in_their_patch():
    good, other = patch("sealed"), patch("sealed-plain")
    start = Prefix(good).size
    assert len(good) == len(other) and start == Prefix(other).size
    first, second, third = start, start + WHOLE, start + 2 * WHOLE
    for bad, number in (
        (good[:first] + good[second:third] + good[first:second] + good[third:], 0),
        (good[:second] + good[third : third + WHOLE] + good[second:], 1),
        (good[:second] + good[first:second] + good[third:], 1),
        (good[:second] + other[second:third] + good[third:], 1),
        (good[:second] + good[third:], 1),
        (good[:-1], 2),
        (good + bytes(44), 2),
    ):
        device = SealedDevice()
        rc, reason = refusal(device, bad)
        assert rc == (22 if number else 3) and "tag of block %d " % number in reason, (rc, reason)
        assert not device.upload.open() and not device.told
    # A whole number of blocks: nothing is wrong with them, but there is an end too few.
    device = SealedDevice()
    rc, reason = refusal(device, good[: start + WHOLE])
    assert rc == 22 and "ends early" in reason


def test_another_base_is_refused_before_anything_is_done():
    for running, name in (
        (clear("four"), "sealed"),
        (clear("d4"), "sealed"),
        (image("d1"), "sealed"),
        (clear("d1"), "sealed-plain"),
        (image("four"), "sealed-plain"),
        (b"\xff" * SECTOR, "sealed"),
    ):
        device = SealedDevice()
        device.rig.flash_primary(running)
        device.boot()
        before = device.flash.ops
        rc, reason = refusal(device, patch(name))
        assert rc == 3 and ("another image" in reason or "here is" in reason), reason
        assert device.flash.ops == before and not device.upload.open()


def test_an_ordinary_patch_of_an_encrypted_image_is_refused():
    device = SealedDevice()
    before = device.flash.ops
    inner = open_sealed(device.data, content_of(device.new))
    for data in (inner, patch("d3")):
        rc, reason = refused(device.upload.chunk, 0, data, len(data), b"")
        assert rc == 3 and "encrypted, or no image" in reason
    untouched(device, before)


def test_who_has_no_key_refuses_it():
    for keys, words in (
        ([(bytes(8), 0x32, bytes(31) + b"\x07")], "changed, or for another device"),
        ([key for key in secret_keys() if key[1] == 0x33], "no P-256 key"),
    ):
        device = SealedDevice()
        device.rig.keys = keys
        device.boot()
        before = device.flash.ops
        rc, reason = refusal(device, device.data)
        assert rc == 22 and words in reason and device.flash.ops == before, reason


def test_where_no_encrypted_image_can_be_it_is_refused_at_once():
    class Device(PatchDevice):
        def taker(self, strategy, number, progress):
            upload = PatchDevice.taker(self, strategy, number, progress)._upload
            return SealedPatching(upload, strategy, self.rig.verifier, number, progress, self)

    data = patch("sealed")
    for kind in ("ab", "swap_offset", "runtime"):
        device = Device(kind)
        before = device.flash.ops
        rc, reason = refused(device.upload.chunk, 0, data[:FIXED_BYTES], len(data), b"")
        assert rc == 22 and "plain images only" in reason and device.flash.ops == before
        assert device.send()["match"] is True and device.staged(len(device.new)) == device.new
    # A board that has no sealed patches takes one for no image.
    found = refused(PatchDevice().upload.chunk, 0, data, len(data), b"")
    assert found[0] == 23


def test_a_slot_that_is_wanted_is_refused():
    device = SealedDevice()
    device.rig.stage(sealed("two"))
    before = device.flash.ops
    try:
        device.first(device.data, 60)
        raise AssertionError("the slot is wanted")
    except StrategyError as e:
        assert "pending" in str(e) and device.flash.ops == before


# Who knows the public key of the device, and the format, but no content key of its images


def attack(inner, tag_key=None):
    """(device, a sealed patch that says `inner`) with a content key of somebody's own."""
    content = bytes(range(16))
    return SealedDevice(), make_sealed(inner, content, wrap_for_device(content), (32, 1000), tag_key)


def test_nobody_makes_a_patch_that_copies_from_an_image_he_cannot_read():
    new = sealed("d4")
    inner = open_sealed(patch("sealed"), content_of(new))
    for tag_key in (None, bytes(32), bytes(16) + bytes(range(16)), bytes(range(16)) * 2):
        device, data = attack(inner, tag_key)
        before = device.flash.ops
        rc, reason = refusal(device, data)
        assert rc == 3 and "tag of block 0 does not match" in reason
        untouched(device, before)


def test_the_same_patch_by_who_knows_the_content_key_of_the_base_is_taken():
    """The tests above do not fail for something else."""
    new, base = sealed("d4"), content_of(sealed("d1"))
    content = content_of(new)
    inner = open_sealed(patch("sealed"), content)
    for wrapped, nonce in ((wrapped_of(new), b"\0\0\0\0\0\0\0\1"), (wrap_for_device(content), b"\xff" * 8)):
        device = SealedDevice()
        data = make_sealed(inner, content, wrapped, span_of(new), base + content, nonce)
        assert answer_to(device, data)["match"] is True and device.staged(len(new)) == new
    # And its tags say that it is for this base.
    device = SealedDevice()
    rc, reason = refusal(device, make_sealed(inner, content, wrapped, span_of(new)))
    assert rc == 3 and "tag of block 0" in reason


def payload_reads(device, data):
    """(how the upload ends, how often the payload of what runs was read meanwhile)."""
    size = int.from_bytes(clear("d1")[12:16], "little")
    reads = []
    plain = device.flash.readblocks

    def read(n, buf, off=0):
        at = n * SECTOR + off
        if at < 32 + size and at + len(buf) > 32:
            reads.append(at)
        plain(n, buf, off)

    device.flash.readblocks = read
    answer = answer_to(device, data)
    device.flash.readblocks = plain
    return answer, len(reads)


def test_what_somebody_makes_of_nothing_reads_nothing_of_what_runs():
    alone = open_sealed(patch("sealed-alone"), content_of(sealed("d4")))
    device, data = attack(alone)
    # The payload comes out under another key: it is not the image that the header promises.
    assert payload_reads(device, data) == ({"off": len(data), "match": False}, 0)
    assert device.staged(SECTOR) == b"\xff" * SECTOR
    answer, reads = payload_reads(SealedDevice(), patch("sealed"))
    assert answer["match"] is True and reads > 10


def test_a_replaced_wrapped_key_is_found():
    good = patch("sealed")
    prefix = Prefix(good)
    content = bytes(range(32))
    kind, value = wrap_for_device(content)
    fixed = good[:22] + struct.pack("<HH", kind, len(value))
    device = SealedDevice()
    before = device.flash.ops
    rc, reason = refusal(device, fixed + value + good[prefix.size :])
    assert rc in (3, 22) and "tag of block 0 does not match" in reason
    untouched(device, before)


def test_an_image_of_which_more_is_payload_than_there_is():
    device = SealedDevice()
    content = content_of(device.new)
    data = make_sealed(
        open_sealed(device.data, content),
        content,
        wrapped_of(device.new),
        (32, len(device.new) - 32),
        content_of(sealed("d1")) + content,
    )
    before = device.flash.ops
    assert refusal(device, data) == (22, "sealed patch: the payload ends behind the image")
    untouched(device, before)


def test_a_bad_patch_that_is_sealed_well_is_told_as_a_bad_patch():
    content, key = content_of(sealed("d4")), content_of(sealed("d1"))
    inner = bytearray(open_sealed(patch("sealed"), content))
    span = span_of(sealed("d4"))
    for at, value, rc, words in (
        (1100, 0x40, None, ""),
        (5, 3, 22, "wants a table of"),
        (32, 0xFF, 22, "segment of"),
        (12, 1, 3, "patch is for the image"),
        (22, 1, None, ""),
    ):
        bad = bytearray(inner)
        bad[at] ^= value
        device = SealedDevice()
        data = make_sealed(bytes(bad), content, wrapped_of(device.new), span, key + content)
        try:
            assert answer_to(device, data, 500)["match"] is False and rc is None
        except ValueError as e:
            assert rc in (None, e.rc) and words in str(e), (at, e)
        assert not device.upload.open() and not device.told
        check_hidden(device)
        assert all(entry["slot"] == 0 for entry in device.session._groups[1].state()["images"])


def test_the_hash_of_the_image_in_the_clear_is_not_that_of_the_image():
    """The tests' own helper makes what `for_upload` says: without it `match` is false."""
    content, key = content_of(sealed("d4")), content_of(sealed("d1"))
    inner = open_sealed(patch("sealed"), content)
    span = span_of(sealed("d4"))
    for text, match in ((for_upload(inner, clear("d4")), False), (for_upload(inner, sealed("d4")), True)):
        device = SealedDevice()
        data = make_sealed(text, content, wrapped_of(device.new), span, key + content)
        assert answer_to(device, data)["match"] is match
