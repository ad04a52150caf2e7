"""Patches that are uploaded: what they make, what is refused and when, and what a refused one leaves."""

import gc
import hashlib
import struct

from ophion_boot.core.delta import Decoder
from ophion_boot.core.patching import bases
from ophion_boot.core.receive import Upload, UploadError
from ophion_boot.core.smp_image import Component
from ophion_boot.core.strategy import StrategyError
from ophion_boot.core.trust import Proof
from ophion_boot.fmt.claims import Claims
from ophion_boot.fmt.delta import HEADER_BYTES, Header
from rig_patches import KINDS, PatchDevice, finished
from rig_uploads import BUF, Client
from support import SECTOR, clear, image, patch, sealed


def refused(call, *args):
    """(rc, reason) of the refusal that `call` ends with."""
    try:
        finished(call, *args)
    except UploadError as e:
        return e.rc, str(e)
    raise AssertionError("it was taken")


def untouched(device, before, data):
    """Nothing was written since `before`, what runs is what ran, and the upload can be made all the same."""
    assert device.flash.ops == before, "something was written"
    assert device.send(data)["match"] is True
    assert device.staged(len(device.new)) == device.new


def test_a_patch_makes_the_image_where_updates_go_and_it_runs():
    for kind in KINDS:
        for write_size in (4, 32):
            for step in (0, 61):
                device = PatchDevice(kind, write_size)
                assert device.send(step=step) == {"off": len(device.data), "match": True}
                assert device.staged(len(device.new)) == device.new
        text = "%d bytes received for %d: " % (len(device.data), len(device.new))
        (event, version, told) = device.told[0]
        assert len(device.told) == 1 and event == "patched" and told.startswith(text), told
        assert version == ("1.3.0" if kind == "runtime" else "3.0.0")
        device.target.set_pending(False)
        boot = device.rig.boot()
        if kind == "runtime":
            assert device.rig.runs(boot) == ("one", "rd3")
        else:
            assert boot.image.version == "3.0.0" and boot.trial


def test_a_chunk_that_makes_more_than_a_sector_is_answered_after_the_last_of_it():
    device = PatchDevice()
    erased = []
    device.flash.on_op = lambda kind, at, length: erased.append(kind == "erase")
    device.flash.writeblocks(device.rig.staged_at // SECTOR, b"\0" * (5 * SECTOR))
    client = Client(device, device.data)
    most = 0
    handle = device.session.handle

    def counted(packet, link=None):
        nonlocal most
        before = sum(erased)
        try:
            return handle(packet, link)
        finally:
            most = max(most, sum(erased) - before)

    device.session.handle = counted
    assert client.finish()["match"] is True
    # The first output asks for the slot, too: its trailer, the header and the sector behind that.
    assert device.again >= len(device.new) // SECTOR - 1 and most <= 3, (device.again, most)
    assert device.session.requests == 1, "one chunk, however often it was handed in"


def test_another_base_is_refused_before_anything_is_done():
    for kind in KINDS:
        device = PatchDevice(kind)
        other = bytearray(device.data)
        before = device.flash.ops
        for at, value in ((10, other[10] ^ 1), (6, other[6] ^ 4)):
            other = bytearray(device.data)
            other[at] = value
            rc, reason = refused(device.upload.chunk, 0, other, len(other), b"")
            assert rc == 3 and reason.startswith("patch is for the image ") and "here is" in reason
        untouched(device, before, device.data)


def test_a_device_with_another_image_names_what_it_has():
    device = PatchDevice("runtime")
    assert bases([Component(device.target, device.upload, True)]) == {
        "bases": [{"image": 0, "version": "1.0.0", "hash": _digest("rd1"), "size": len(image("rd1"))}],
        "patch": 1,
        "bits": 13,
    }
    other = patch("bad-magic")
    rc, reason = refused(device.upload.chunk, 0, other, len(other), b"")
    assert rc == 3 and hashlib.sha256(image("rd1")).digest()[:8].hex() in reason


def _digest(name):
    """The hash in the TLVs of a vector: what a device calls the image."""
    data = image(name)
    at = data.index(b"\x10\x00\x20\x00", 32 + int.from_bytes(data[12:16], "little"))
    return data[at + 4 : at + 36]


def test_what_has_no_image_of_its_own_is_no_base():
    flashed = PatchDevice("runtime")
    # A runtime that came over a cable has no envelope.
    at = flashed.target.active()
    flashed.rig.put(flashed.rig.idf.running.offset + at._at, b"\xff" * SECTOR)
    encrypted = PatchDevice("sealed")
    encrypted.rig.flash_primary(clear("one"))
    for device in (flashed, encrypted):
        device.boot()
        before = device.flash.ops
        assert device.upload.base() is None
        assert bases([Component(device.target, device.upload, True)])["bases"] == []
        rc, reason = refused(device.upload.chunk, 0, device.data, len(device.data), b"")
        assert rc == 3 and "encrypted, or no image" in reason and device.flash.ops == before


def test_a_board_that_takes_encrypted_images_patches_plain_ones():
    device = PatchDevice("sealed")
    device.new, device.data = image("d3"), patch("d3")
    untouched(device, device.flash.ops, device.data)
    # An encrypted image is uploaded as it is.
    whole = sealed("six")
    assert Client(device, whole).finish()["match"] is True and device.staged(len(whole)) == whole


def test_a_patch_without_a_base_is_an_image_made_small():
    for kind in ("swap_offset", "ab"):
        device = PatchDevice(kind)
        device.rig.put(0, image("four"))
        device.boot()
        alone = patch("d3-alone")
        assert device.send(alone) == {"off": len(alone), "match": True}
        assert device.staged(len(device.new)) == image("d3")


def test_a_board_without_patches_takes_one_for_no_image():
    device = PatchDevice()
    before = device.flash.ops
    found = refused(device.upload._upload.chunk, 0, device.data, len(device.data), b"")
    assert found[0] == 23 and device.flash.ops == before


def test_headers_that_are_refused():
    device = PatchDevice()
    good = device.data
    before = device.flash.ops
    for at, value, rc, words in (
        (4, 2, 22, "patch format 2 is not supported"),
        (5, 14, 22, "wants a table of 2^14 entries"),
        (9, 1, 22, "patch is from"),
        (20, 1, 30, "does not fit in"),
    ):
        bad = bytearray(good)
        bad[at] = value
        assert words in _refusal(device, bad, rc)
    assert "less than a header" in _refusal(device, good[: HEADER_BYTES - 1], 21)
    end = len(good)
    assert "chunk ends at %d, the patch at %d" % (end, end - 1) in _refusal(device, good, 31, end - 1)
    untouched(device, before, good)


def _refusal(device, data, rc, size=0):
    found, reason = refused(device.upload.chunk, 0, data[:700], size or len(data), b"")
    assert found == rc, (found, reason)
    return reason


def test_what_the_first_bytes_of_the_image_show_is_refused_before_anything_is_erased():
    device = PatchDevice(magic=b"\xd2\xcd\x31")
    old = image("six")
    # What was uploaded before stays, and is listed.
    device.upload._upload._magic = b""
    assert Client(device, old).finish()["match"] is True
    device.upload._upload._magic = b"\xd2\xcd\x31"
    trust = device.rig.verifier.trust
    trust.settle(Proof(b"", [], b""), Claims([(0x50, struct.pack("<I", 7))]), bytes(32), 0)
    before = device.flash.ops
    for name, rc, words in (
        ("bad-magic", 23, "magic"),
        ("bad-counter", 27, "security counter 6 is below 7"),
    ):
        data = patch(name)
        assert words in _refusal(device, data, rc)
        assert device.flash.ops == before and device.staged(len(old)) == old
    device.upload._upload._magic = b"\xe9"
    assert "not what this image number takes" in _refusal(device, device.data, 22)
    assert device.flash.ops == before and device.staged(len(old)) == old
    listed = [entry["hash"] for entry in device.session._groups[1].state()["images"]]
    assert _digest("six") in listed


def test_what_the_end_of_the_image_shows_is_refused_and_discarded():
    device = PatchDevice()
    data = patch("bad-tlvs")
    rc, reason = refused(device.upload.chunk, 0, data, len(data), b"")
    assert rc == 24 and device.staged(SECTOR) == b"\xff" * SECTOR, reason
    assert not device.upload.open() and not device.told
    untouched(device, device.flash.ops, device.data)


def test_a_slot_that_is_wanted_is_refused():
    device = PatchDevice()
    device.rig.stage(image("two"))
    before = device.flash.ops
    try:
        device.first(device.data, 60)
        raise AssertionError("the slot is wanted")
    except StrategyError as e:
        assert "pending" in str(e) and device.flash.ops == before


def spoilt(data, at, value):
    found = bytearray(data)
    found[at] ^= value
    return bytes(found)


def test_a_broken_patch_leaves_what_runs_and_nothing_that_could():
    ended = {}
    for seed in range(24):
        device = PatchDevice(KINDS[seed % 4])
        at = 34 + (seed * 397) % (len(device.data) - 34)
        data = spoilt(device.data, at, 1 << seed % 8)
        client = Client(device, data)
        try:
            how = client.finish()["match"]
        except AssertionError as e:
            how = e.args[0]["err"]["rc"]
        assert how is not True
        ended[how] = ended.get(how, 0) + 1
        assert not device.upload.open() and not device.told
        images = device.session._groups[1].state()["images"]
        assert all(entry["hash"] != _digest("d3") for entry in images)
        boot = device.rig.boot()
        assert boot.image.version == "1.0.0" and boot.trial is None
        device.boot()
        assert device.send()["match"] is True and device.staged(len(device.new)) == device.new
    assert ended.get(22, 0) > 4 and sum(ended.values()) == 24, ended


def test_a_patch_that_ends_early_or_goes_on():
    device = PatchDevice()
    for data, words in (
        (device.data[:-9], "ends early"),
        (device.data + b"\0", "goes on behind its end"),
        (device.data[:HEADER_BYTES], "patch ends early"),
    ):
        client = Client(device, data)
        try:
            client.finish()
            raise AssertionError("it was taken")
        except AssertionError as e:
            assert e.args[0] == {"err": {"group": 1, "rc": 22}}, (e, words)
        assert not device.upload.open()
        assert all(e["hash"] != _digest("d3") for e in device.session._groups[1].state()["images"])
    untouched(device, device.flash.ops, device.data)


def test_after_a_lost_link_not_a_byte_is_sent_again():
    for sha in (b"", bytes(32)):
        device = PatchDevice()
        data = device.data
        answer = device.first(data, 100, sha=sha)
        answer = finished(device.upload.chunk, answer["off"], data[100:300])
        assert answer == {"off": 300}
        again = device.first(data, 70, sha=sha)
        # A file without a hash does not go on; nor does it have to write again what is in flash.
        assert again == {"off": 300 if sha else 70}
        ops = device.flash.ops
        while again["off"] < 300:
            again = finished(device.upload.chunk, again["off"], data[again["off"] : 300])
        assert device.flash.ops == ops
        assert finished(device.upload.chunk, 300, data[300:])["match"] is True
        assert device.staged(len(device.new)) == device.new


def test_a_chunk_may_begin_before_and_end_behind_what_was_taken():
    device = PatchDevice()
    data = device.data
    device.first(data, 100, sha=bytes(32))
    assert finished(device.upload.chunk, 50, data[50:150]) == {"off": 150}
    assert finished(device.upload.chunk, 50, data[50:150]) == {"off": 150}, "twice"
    assert finished(device.upload.chunk, 170, data[170:]) == {"off": 150}, "a gap"
    assert finished(device.upload.chunk, 150, data[150:]) == {"off": len(data), "match": True}
    assert finished(device.upload.chunk, 150, data[150:]) == {"off": len(data), "match": True}, "lost"


def segments(data):
    """Where each segment of a patch begins, and where the image that it makes."""
    found = [(HEADER_BYTES, 0)]
    while True:
        at = found[-1][0]
        size, sectors = struct.unpack("<HH", data[at : at + 4])
        if not sectors:
            return found
        found.append((at + 4 + size, sectors * SECTOR))


def send_upto(device, least, step=50):
    """Send the patch of `device` until `least` bytes of it are answered: (Client, the last answer)."""
    client = Client(device, device.data, step)
    answer = client.send(0)
    while answer["off"] < least:
        answer = client.send(answer["off"])
    return client, answer


def test_after_a_reset_it_goes_on_at_the_segment_and_writes_nothing_twice():
    for kind in KINDS:
        device = PatchDevice(kind)
        data = device.data
        for at, made in segments(data)[1:]:
            device = PatchDevice(kind)
            client, _ = send_upto(device, at + 60)
            reached = device.cells.mark()
            assert reached >= made
            device.boot()
            erased = []
            device.flash.on_op = lambda kind, at, length, found=erased: found.append(kind == "erase")
            answer = client.send(0)
            assert answer == {"off": at}, (kind, answer)
            while answer["off"] < len(data):
                answer = client.send(answer["off"])
            assert answer["match"] is True and device.staged(len(device.new)) == device.new
            assert sum(erased) <= -(-len(device.new) // SECTOR) - reached // SECTOR


def test_what_was_kept_of_another_patch_or_image_does_not_count():
    device = PatchDevice()
    at, _ = segments(device.data)[1]
    for spoil in (
        lambda device: device.session._groups[1].components[0].upload.forget(),
        lambda device: Client(device, image("two")).send(0),
    ):
        device = PatchDevice()
        client, _ = send_upto(device, at + 60)
        spoil(device)
        device.boot()
        answer = client.finish()
        assert answer["match"] is True and device.staged(len(device.new)) == device.new


def test_a_slot_that_was_written_behind_its_back_is_found_at_the_end_and_then_it_begins_anew():
    device = PatchDevice()
    at, _ = segments(device.data)[2]
    send_upto(device, at)
    spoilt_at = device.rig.staged_at // SECTOR + 1
    device.flash.writeblocks(spoilt_at, bytes(SECTOR))
    device.boot()
    client = Client(device, device.data)
    assert client.finish() == {"off": len(device.data), "match": False}
    assert not device.upload.open() and device.staged(SECTOR) == b"\xff" * SECTOR
    assert client.finish()["match"] is True and device.staged(len(device.new)) == device.new


def test_another_patch_to_the_same_image_goes_on_where_flash_is():
    device = PatchDevice()
    send_upto(device, 300)
    reached = device.cells.mark()
    assert reached > 2 * SECTOR
    device.boot()
    writes = []
    device.flash.on_op = lambda kind, at, length: writes.append(at - device.rig.staged_at)
    alone = patch("d3-alone")
    assert device.send(alone)["match"] is True and device.staged(len(device.new)) == device.new
    staged = [at for at in writes if 0 <= at < 7 * SECTOR]
    assert staged and min(staged) >= reached // SECTOR * SECTOR


def test_a_complete_patch_is_told_as_that_when_it_is_sent_again():
    for kind in KINDS:
        device = PatchDevice(kind)
        done = {"off": len(device.data), "match": True}
        assert device.send() == done
        operations = device.flash.ops
        assert device.send() == done
        device.boot()
        assert device.send() == done, kind
        assert device.flash.ops == operations and len(device.told) == 1


def test_an_image_may_follow_a_patch_that_was_not_finished_and_the_other_way_round():
    device = PatchDevice()
    device.first(device.data, 60, sha=bytes(32))
    whole = image("six")
    assert Client(device, whole).finish() == {"off": len(whole), "match": True}
    assert device.staged(len(whole)) == whole
    device.upload._upload.chunk(0, whole[:900], len(whole), b"")
    untouched(device, device.flash.ops, device.data)


def test_a_flash_that_fails_ends_the_patch_and_the_next_one_works():
    device = PatchDevice()
    program = device.flash.writeblocks
    device.first(device.data, 60, sha=bytes(32))

    def fail(n, buf, off=None):
        if n < 30:
            raise OSError(5)
        program(n, buf, off)

    device.flash.writeblocks = fail
    try:
        finished(device.upload.chunk, 60, device.data[60:])
        raise AssertionError("the flash did not fail")
    except OSError:
        pass
    device.flash.writeblocks = program
    assert not device.upload.open()
    untouched(device, device.flash.ops, device.data)


def test_memory_that_ends_in_the_middle_ends_the_patch_and_nothing_else():
    device = PatchDevice()
    read = device.flash.readblocks
    device.first(device.data, 60, sha=bytes(32))

    def fail(n, buf, off=0):
        raise MemoryError

    device.flash.readblocks = fail
    found = refused(device.upload.chunk, 60, device.data[60:])
    device.flash.readblocks = read
    assert found == (15, "no memory to go on") and not device.upload.open()
    untouched(device, device.flash.ops, device.data)


def test_without_memory_for_the_table_it_is_refused():
    if not hasattr(gc, "mem_free"):
        return  # CPython's does not end
    device = PatchDevice()
    data, before = device.data, device.flash.ops
    hoard = []
    size = 8192
    gc.collect()
    while size >= 1024:
        try:
            hoard.append(bytearray(size))
        except MemoryError:
            size //= 2
    # Room for an answer, in pieces that no table fits in.
    for i in range(0, len(hoard), 2):
        hoard[i] = None
    rc, reason = refused(device.upload.chunk, 0, data[:700], len(data), b"")
    hoard.clear()
    assert (rc, reason) == (15, "a table of 16384 bytes finds no memory")
    untouched(device, before, data)


def test_a_decoder_is_not_kept_longer_than_it_is_used():
    device = PatchDevice()
    upload = device.upload
    device.first(device.data, 60)
    assert isinstance(upload._decoder, Decoder)
    for end in (upload.close, upload.forget, upload.wipe, lambda: upload.chunk(0, image("two")[:500], 8092)):
        device.first(device.data, 60)
        end()
        assert upload._decoder is None
    assert device.send()["match"] is True and upload._decoder is None
    assert Header(device.data).table_bits == 13 and BUF == 2475 and isinstance(upload._upload, Upload)
