"""Sealed patches that are sent in parts: after a lost link, after a reset, and other uploads between."""

import hashlib

from ophion_boot.fmt.sealed import BLOCK_BYTES, Prefix
from rig_patches import SealedDevice, finished
from rig_sealed_patches import answer_to, check_hidden, refusal, untouched
from rig_uploads import Client
from sealed_maker import WHOLE, content_of, open_sealed
from support import SECTOR, clear, patch, sealed
from test_patch_uploads import segments


def inner_segments(device):
    """Where in the sealed patch the block is that each segment begins in, and where in the image."""
    start = Prefix(device.data).size
    base = open_sealed(device.data, content_of(device.new))
    return [(start + at // BLOCK_BYTES * WHOLE, made) for at, made in segments(base)]


def handed_in(device, count):
    """Hand in chunks of 100 bytes `count` times, which may be the same one again; the last answer."""
    data = device.data
    answer = device.upload.chunk(0, data[:100], len(data), hashlib.sha256(data).digest())
    at = 100
    for _ in range(count):
        if answer is not None:
            at = answer["off"]
        answer = device.upload.more(at, data[at : at + 100])
    return answer


def test_after_a_reset_it_goes_on_at_the_block_of_the_segment_and_writes_nothing_twice():
    places = inner_segments(SealedDevice())
    assert len(places) > 3 and len({at for at, _ in places}) == 3
    seen = set()
    for count in range(5, 38):
        device = SealedDevice()
        if (handed_in(device, count) or {}).get("match"):
            break
        reached = device.cells.mark()
        # The last segment whose output before is in flash; of the first nothing is kept.
        at = max(place for place, made in places if made <= reached)
        seen.add(at)
        device.boot()
        erased = []
        device.flash.on_op = lambda kind, at, length, found=erased: found.append(kind == "erase")
        client = Client(device, device.data, 100)
        answers = [client.send(0)["off"]]
        while answers[-1] < len(device.data):
            answers.append(client.send(answers[-1])["off"])
        # The first block, and from then on the blocks that are needed.
        first = places[0][0] + WHOLE
        assert not [one for one in answers if first + 100 < one < at], (count, at, answers)
        assert device.staged(len(device.new)) == device.new
        assert sum(erased) <= -(-len(device.new) // SECTOR) - reached // SECTOR
        check_hidden(device)
    assert sorted(seen) == sorted({at for at, _ in places}) and count < 37


def test_after_a_lost_link_not_a_byte_is_sent_again():
    for at in (40, 100, 155, 156, 1000, 1195, 1196, 2000):
        for sha in (b"", bytes(32)):
            device = SealedDevice()
            data = device.data
            first = min(at, 60)
            answer = device.first(data, first, sha=sha)
            if first < at:
                answer = finished(device.upload.chunk, first, data[first:at])
            assert answer == {"off": at}
            answer = device.first(data, 30, sha=sha)
            assert answer == {"off": at if sha else 30}
            while answer["off"] < len(data):
                answer = finished(device.upload.chunk, answer["off"], data[answer["off"] :])
            assert answer["match"] is True and device.staged(len(device.new)) == device.new


def test_what_was_collected_of_the_prefix_is_lost_with_a_reset():
    device = SealedDevice(name="sealed-many")
    device.new = sealed("many")
    client = Client(device, device.data, 300)
    answer = client.send(0)
    while answer["off"] < 2000:
        answer = client.send(answer["off"])
    before = device.flash.ops
    device.boot()
    assert client.send(0)["off"] < 400 and device.flash.ops == before
    assert client.finish()["match"] is True and device.staged(len(device.new)) == device.new


def test_a_chunk_may_begin_before_and_end_behind_what_was_taken():
    device = SealedDevice()
    data = device.data
    device.first(data, 100, sha=bytes(32))
    assert finished(device.upload.chunk, 50, data[50:150]) == {"off": 150}
    assert finished(device.upload.chunk, 50, data[50:150]) == {"off": 150}, "twice"
    assert finished(device.upload.chunk, 170, data[170:]) == {"off": 150}, "a gap"
    assert finished(device.upload.chunk, 150, data[150:]) == {"off": len(data), "match": True}
    assert finished(device.upload.chunk, 150, data[150:]) == {"off": len(data), "match": True}, "lost"


def test_a_complete_patch_is_told_as_that_when_it_is_sent_again():
    device = SealedDevice()
    done = {"off": len(device.data), "match": True}
    assert device.send() == done
    operations = device.flash.ops
    assert device.send() == done
    device.boot()
    assert device.send() == done and answer_to(device, device.data, 100) == done
    assert device.flash.ops == operations and len(device.told) == 1


def test_other_uploads_may_come_between():
    whole, plain = sealed("six"), patch("d3-alone")
    for between in (whole, plain, patch("sealed-alone")):
        device = SealedDevice()
        device.first(device.data, 1500, sha=bytes(32))
        device.first(between, 400, sha=b"\1" * 32)
        assert Client(device, between).finish()["match"] is True
        assert device.send()["match"] is True and device.staged(len(device.new)) == device.new
        device.upload._upload.chunk(0, whole[:900], len(whole), b"")


def test_what_is_forgotten_does_not_go_on():
    device = SealedDevice()
    for spoil in (device.upload.close, device.upload.forget, device.upload.wipe):
        device.first(device.data, 100, sha=bytes(32))
        spoil()
        assert finished(device.upload.chunk, 100, device.data[100:]) == {"off": 0}
    assert device.send()["match"] is True


def test_memory_that_ends_is_told_and_the_next_one_works():
    device = SealedDevice()
    secret = device.rig.verifier.secret
    before = device.flash.ops

    def fail(key, counter):
        raise MemoryError

    secret.stream = fail
    assert refusal(device, device.data) == (15, "no memory for a sealed patch")
    del secret.stream
    untouched(device, before)


def test_the_digest_of_a_base_is_taken_once():
    """Of what runs: it stays where it is until the next reset."""
    device = SealedDevice()
    device.send()
    digest = device.upload._digest
    assert digest == hashlib.sha256(clear("d1")).digest()
