"""Encrypted updates under every strategy that takes them: installed, reverted, refused, repaired."""

import binascii
import struct

from nor import PowerCut
from ophion_boot.core.receive import Upload, UploadError
from ophion_boot.core.strategies import make
from ophion_boot.core.strategy import StrategyError
from rig import PRI, Rig, on_swaps
from rig_ab import ABRig
from rig_golden import flip
from rig_sealed import FACTORIES, PAIRS, SealedGolden, SealedRig, installed, running, stored
from support import SECTOR, aes, raises, sealed, secret_keys


@on_swaps
def test_a_swap_and_a_revert_give_every_byte_back(kind):
    for old, new in PAIRS:
        rig = installed(kind, old, new)
        assert rig.swapped_out_is(stored(old))
        rig.check_secrecy()
        boot = rig.boot()
        assert boot.image is not None and boot.trial is None
        assert rig.primary_is(running(old)) and rig.staged_is(stored(new))
        rig.check_secrecy()
        assert rig.events() == ["installed", "reverted"]


@on_swaps
def test_no_key_is_written_to_flash(kind):
    used = set()

    def spy(key, *rest):
        used.add(bytes(key))
        return aes(key, *rest)

    rig = SealedRig(kind, "enc-four", "enc-six", aes=spy)
    for _ in range(2):
        used.clear()
        rig.boot()
        assert len(used) == 4, "two content keys and the two keys that wrap them"
        data = rig.bytes_at(0, rig.flash.size)
        for key in list(used) + [private for _, _, private in secret_keys()]:
            assert key not in data


@on_swaps
def test_a_damaged_primary_is_repaired_from_ciphertext(kind):
    rig = installed(kind, "enc-four", "enc-six")
    rig.strategy.confirm()
    flip(rig, 100)
    assert rig.boot().image.version == "4.0.0" and rig.primary_is(running("enc-four"))
    assert rig.events()[-1] == "repaired"
    rig.check_secrecy()


@on_swaps
def test_nothing_is_decrypted_into_the_primary_slot_before_it_verified(kind):
    good = sealed("six")
    at = 32 + int.from_bytes(good[12:16], "little")
    for place, reason in (
        (40, "decrypted image"),
        (at + 100, "signature"),
        (len(good) - 1, "another device"),
    ):
        rig = SealedRig(kind, "enc-four", "enc-six")
        flip(rig, rig.staged_at + place)
        watched = []
        rig.flash.on_op = lambda what, addr, length, watched=watched: watched.append(addr)
        assert rig.boot().image.version == "4.0.0"
        assert min(watched) >= PRI * SECTOR, "nothing is written to the primary slot"
        assert reason in rig.log.read()[-1]["reason"], rig.log.read()


@on_swaps
def test_a_swap_that_lost_its_key_waits_for_it(kind):
    # The device that goes on with a half-done swap has other keys: it must not write what it cannot know.
    rig = SealedRig(kind, "enc-four", "enc-six")
    rig.flash.arm_cut(14, "before", 0)
    assert raises(PowerCut, rig.boot) is not None
    keys, rig.keys = rig.keys, [(b"another1", 0x33, bytes(range(32)))]
    before = rig.bytes_at(0, rig.flash.size)
    boot = rig.boot()
    assert boot.image is None and boot.retry and "another device" in boot.reason
    assert rig.bytes_at(0, rig.flash.size) == before
    rig.keys = keys
    assert rig.boot().image.version == "6.0.0" and rig.swapped_out_is(stored("enc-four"))


@on_swaps
def test_an_old_image_that_cannot_be_encrypted_again_is_not_kept(kind):
    # Its wrapped key is not signed: damage there shows only when it is needed.
    rig = SealedRig(kind, "enc-four", "enc-two")
    flip(rig, len(running("enc-four")) - 1)
    assert rig.boot().image.version == "2.0.0"
    entries = rig.log.read()
    assert [entry["event"] for entry in entries] == ["refused", "installed"]
    assert "what runs is not kept: wrapped key: changed" in entries[0]["reason"]
    rig.check_secrecy()
    assert rig.boot().image.version == "2.0.0", "there is no way back"
    rig.check_secrecy()


@on_swaps
def test_a_journal_without_its_keys_is_no_journal(kind):
    rig = SealedRig(kind, "enc-four", "enc-two")
    rig.boot()
    start = (PRI - 1) * SECTOR + 32 + 64 + rig.strategy.marks_per_sector * PRI * 4
    assert rig.bytes_at(start, 4) == rig.bytes_at(start + 160, 4) == b"OPHK"
    assert rig.strategy._records.read()[0].blob in stored("enc-four")
    for at in range(0, 320, 13):
        flip(rig, start + at)
        assert rig.strategy._records.read() is None, at
        flip(rig, start + at)
    assert rig.strategy._records.read() is not None


@on_swaps
def test_when_the_wrapped_keys_are_written(kind):
    rig = SealedRig(kind, "enc-four", "two")
    trailer, seen = (PRI - 1) * SECTOR, []
    rig.flash.on_op = lambda what, at, length: seen.append((what, at - trailer, length))
    rig.boot()
    records = 32 + 64 + rig.strategy.marks_per_sector * PRI * 4
    size_at = -48 if kind == "swap_scratch" else -56
    assert seen[:6] == [
        ("program", 0, 32),
        ("program", records, 160),
        ("program", records + 160, 160),
        ("program", SECTOR - 40, 8),
        ("program", SECTOR + size_at, 8),
        ("program", SECTOR - 16, 16),
    ]
    old = stored("enc-four")
    body = b"OPHK\1\x33" + struct.pack("<HIB", 32, 16208, 96) + old[-96:]
    body += bytes(156 - len(body))
    assert rig.bytes_at(trailer + records, 160) == body + struct.pack("<I", binascii.crc32(body))
    body = b"OPHK\1" + bytes(151)
    assert rig.bytes_at(trailer + records + 160, 160) == body + struct.pack("<I", binascii.crc32(body))


def test_golden_installs_and_restores():
    for factory in FACTORIES:
        for old, new in PAIRS[:3]:
            rig = SealedGolden(old, new, factory)
            assert rig.boot().image is not None and rig.active_is(new)
            assert rig.bytes_at(PRI * SECTOR, len(stored(new))) == stored(new)
            rig.check_secrecy()
            boot = rig.boot()
            assert boot.image is not None and rig.active_is(factory)
            assert rig.events() == ["installed", "reverted"]
            rig.check_secrecy()


def test_golden_does_not_copy_twice_what_is_there():
    rig = SealedGolden("enc-four", "enc-six", "one", permanent=True)
    rig.boot()
    rig.strategy.set_pending(True)
    before = rig.flash.ops
    rig.boot()
    assert rig.flash.ops - before == 1, "the request is erased, and no more"
    assert rig.active_is("enc-six")


def test_an_image_that_runs_where_it_lies_cannot_be_encrypted():
    rig = ABRig("four")
    upload = Upload(rig.strategy, bytearray(SECTOR), rig.verifier)
    data = sealed("two")
    before = rig.flash.ops
    why = raises(UploadError, upload.chunk, 0, data[:200], len(data))
    assert why == "encrypted: under ab an image runs where it lies"
    assert rig.flash.ops == before
    why = raises(
        StrategyError, make, "ab", lambda name: rig.strategy.primary.area, bytearray(SECTOR), 1, None, 1
    )
    assert "they cannot be encrypted" in why


def test_a_device_without_encryption_refuses_at_the_first_chunk():
    for keys, size in ((None, 200), ([(b"another1", 0x33, bytes(range(32)))], None)):
        rig = Rig(keys=keys)
        rig.flash_primary(running("four"))
        upload = Upload(rig.strategy, bytearray(SECTOR), rig.verifier)
        data = sealed("one")
        why = raises(UploadError, upload.chunk, 0, data[:size], len(data))
        assert ("takes plain images only" if keys is None else "another device") in why, why
        assert rig.staged_is(b"\xff" * len(data))
        assert not rig.strategy.facts().pending


def test_a_board_with_encryption_has_its_plain_bytes_elsewhere_as_before():
    # The records lie behind the marks: nothing that was there moves, and a plain board does not know them.
    for keys in (None, secret_keys()):
        rig = Rig(keys=keys)
        rig.flash_primary(running("four"))
        rig.stage(stored("six"))
        rig.boot()
        start = (PRI - 1) * SECTOR
        records_at = 32 + 64 + 2 * PRI * 4
        head = rig.bytes_at(start, records_at)
        tail = rig.bytes_at(start + records_at + 320, SECTOR - records_at - 320)
        records = rig.bytes_at(start + records_at, 320)
        if keys is None:
            before = head, tail
            assert records == b"\xff" * 320
        else:
            assert (head, tail) == before and records[:6] == b"OPHK\1\0"
