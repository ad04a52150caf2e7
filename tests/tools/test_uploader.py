"""The uploader on the virtual link: whatever is lost on the way, the right image arrives."""

import itertools
import random
from contextlib import aclosing

import pytest
from bench.link.clients import Transport
from bench.link.clock import run
from bench.link.device import OURS, Device, Kind
from bench.link.radio import LinkOptions, Radio
from ophion.push.ble import write_size
from ophion.push.pipeline import Limits, Uploader
from powercut.images import signed
from smp.image_management import ImageUploadWriteRequest
from smpclient import SMPClient
from smpclient.exceptions import SMPUploadError
from smpclient.requests.os_management import EchoWrite, MCUMgrParametersRead

IMAGE = signed(2, 40 * 1024)
WRITE = write_size(512)


class Bench:
    """A client and a device; `lose_write(n)` and `lose_answer(n)` say what gets lost, counted from 0."""

    def __init__(self, kind=OURS, lose_write=lambda n: False, lose_answer=lambda n: False):
        self.lose_write, self.lose_answer = lose_write, lose_answer
        self.writes = self.answers = 0
        self.sent = []
        self.radio = Radio(LinkOptions(), lambda: self.device.room())
        self.device = Device(kind, len(IMAGE), False, self.answer)
        self.radio.on_device = self.arrive
        self.client = SMPClient(Transport(self.radio, WRITE), "virtual", 600)

    def arrive(self, value):
        if value is not None:
            self.sent.append(len(value))
            lost = self.lose_write(self.writes)
            self.writes += 1
            value = None if lost else value
        self.device.arrive(value)

    def answer(self, value):
        lost = self.lose_answer(self.answers)
        self.answers += 1
        if not lost:
            self.radio.to_host(value)

    async def upload(self, data=IMAGE, window=None, arrived=None, stop_at=None):
        """Upload; returns (the Uploader, offsets)."""
        await self.client.connect()
        answer = await self.client.request(MCUMgrParametersRead())
        limits = Limits.of(answer.buf_size, answer.buf_count, WRITE, True, window)
        uploader = Uploader(self.client, data, 0, limits, arrived)
        offsets = []
        async with aclosing(uploader.run()) as steps:
            async for offset in steps:
                offsets.append(offset)
                if stop_at is not None and offset >= stop_at:
                    break
        return uploader, offsets


def complete(**options):
    """Upload the image through a bench with `options`; returns (Uploader, offsets, bench, seconds)."""
    found = []

    async def main():
        bench = Bench(**options)
        found.append(bench)
        result = await bench.upload()
        bench.radio.close()
        return result

    (uploader, offsets), seconds = run(main)
    bench = found[0]
    assert bench.device.staged(len(IMAGE)) == IMAGE
    assert offsets[-1] == len(IMAGE)
    return uploader, offsets, bench, seconds


def test_nothing_lost():
    uploader, offsets, bench, seconds = complete()
    assert offsets == sorted(set(offsets)) and uploader.lost == 0
    assert bench.device.inbox.dropped == 0 and seconds < 1.5
    assert all(offset % 32 == 0 for offset in offsets[:-1]), "whole units"


@pytest.mark.parametrize("lost", [2, 3, 6, 7, 8, 41, 42, 81])
def test_a_lost_write_costs_its_request_and_nothing_else(lost):
    # The first two writes ask for the parameters.
    uploader, offsets, bench, seconds = complete(lose_write=lambda n: n == lost)
    assert bench.writes > lost, "it was on its way"
    assert uploader.lost or offsets != sorted(set(offsets)), "it was missed"
    assert uploader.window <= 4
    assert seconds < 45


def test_the_last_write_is_lost():
    _, _, bench, _ = complete()
    last = bench.writes - 1
    uploader, _, _, _ = complete(lose_write=lambda n: n == last)
    assert uploader.lost >= 1


@pytest.mark.parametrize("lost", [2, 3, 4, 9])
def test_a_lost_answer_costs_no_byte(lost):
    uploader, offsets, bench, _ = complete(lose_answer=lambda n: n == lost)
    assert uploader.lost == 1 and offsets == sorted(offsets)
    assert bench.device.inbox.dropped == 0


def test_the_answer_to_the_last_chunk_is_lost():
    _, _, whole, _ = complete()
    last = whole.answers - 1
    uploader, offsets, bench, _ = complete(lose_answer=lambda n: n == last)
    assert uploader.lost >= 1 and offsets[-1] == len(IMAGE)
    assert bench.writes < whole.writes + 12, "what the device has is not sent again"


@pytest.mark.parametrize("seed", range(12))
def test_many_losses_both_ways(seed):
    chance = random.Random(seed)
    lossy = {
        "lose_write": lambda n: n > 1 and chance.random() < 0.04,
        "lose_answer": lambda n: n > 1 and chance.random() < 0.04,
    }
    uploader, _, bench, _ = complete(**lossy)
    assert bench.writes > 80 and uploader.lost


def test_fragments_of_two_requests_that_look_like_one_are_found_out_by_the_hash():
    # Two writes for parameters, five for each chunk: the last three of one and the first two of the next
    # are lost.
    uploader, offsets, _, _ = complete(lose_write=lambda n: 14 <= n <= 18)
    assert offsets.count(len(IMAGE)) == 2, "the first time it was another image"
    assert uploader.window == 1


def test_writes_of_one_length_would_hide_a_loss():
    _, _, bench, _ = complete()
    whole = [bench.sent[i : i + 5] for i in range(2, 2 + 5 * 10, 5)]
    assert all(part[:4] == [WRITE] * 4 and 0 < part[4] < WRITE for part in whole)


def test_a_device_with_one_buffer_gets_one_request_at_once():
    kind = Kind("one", 2475, 1, 0.0, 0.001)
    uploader, offsets, bench, _ = complete(kind=kind)
    assert uploader.window == 1 and bench.device.inbox.dropped == 0
    assert offsets == sorted(set(offsets))


def test_a_device_that_says_more_buffers_than_it_has_gets_fewer_requests():
    found = []

    async def main():
        bench = Bench(kind=Kind("two", 2475, 2, 0.0, 0.001))
        found.append(bench)
        await bench.client.connect()
        uploader = Uploader(bench.client, IMAGE, 0, Limits(2475, 8, WRITE))
        async for _ in uploader.run():
            pass
        bench.radio.close()
        return uploader

    uploader, _ = run(main)
    assert found[0].device.inbox.dropped > 0 and uploader.window < 8
    assert found[0].device.staged(len(IMAGE)) == IMAGE


def test_an_upload_that_was_broken_off_goes_on_where_it_was():
    async def main():
        bench = Bench()
        await bench.upload(stop_at=20000)
        writes = bench.writes
        _, offsets = await bench.upload()
        bench.radio.close()
        return bench, writes, offsets

    (bench, writes, offsets), _ = run(main)
    assert offsets[0] >= 20000 and offsets[-1] == len(IMAGE)
    assert bench.writes - writes < 60
    assert bench.device.staged(len(IMAGE)) == IMAGE


def test_a_device_that_is_ahead_is_followed():
    """Somebody else sends a part of the same file in between."""

    async def main():
        bench = Bench()

        def other(n):
            if n == 30:
                at = int(bench.device._session._chunk.offset)
                upload = bench.device._session._groups[1]._sending.upload
                at = upload.chunk(at, b"")["off"]
                for start in range(at, at + 8000, 1000):
                    upload.chunk(start, IMAGE[start : start + 1000])
            return False

        bench.lose_write = other
        result = await bench.upload()
        bench.radio.close()
        return bench, result[1]

    (bench, offsets), _ = run(main)
    assert max(b - a for a, b in itertools.pairwise(offsets)) >= 8000
    assert offsets == sorted(offsets) and bench.device.staged(len(IMAGE)) == IMAGE


def test_a_refusal_in_the_middle_ends_it_and_later_requests_get_their_own_answers():
    async def main():
        bench = Bench()

        def fail(n):
            if n == 40:
                bench.device.flash.faults.append((0, bench.device.flash.size, "fail"))
            return False

        bench.lose_write = fail
        with pytest.raises(SMPUploadError):
            await bench.upload()
        bench.device.flash.faults.clear()
        for word in ("one", "two", "three"):
            assert (await bench.client.request(EchoWrite(d=word))).r == word
        bench.radio.close()
        return True

    assert run(main)[0]


def test_a_device_that_is_silent_is_given_up():
    async def main():
        bench = Bench(lose_write=lambda n: n > 20)
        with pytest.raises(TimeoutError):
            await bench.upload()
        bench.radio.close()

    _, seconds = run(main)
    assert 9 < seconds < 30


def test_another_hash_twice_is_an_error():
    async def main():
        bench = Bench()
        at = bench.device.strategy.staged().offset + 100

        def wear(n):
            if n % 40 == 0:  # cells that lose what was programmed long ago
                bench.device.flash._file.getbuffer()[at : at + 16] = bytes(16)
            return False

        bench.lose_write = wear
        with pytest.raises(SMPUploadError, match="another SHA-256"):
            await bench.upload()
        bench.radio.close()

    run(main)


def test_a_buffer_without_room_for_data_is_refused():
    async def main():
        bench = Bench()
        with pytest.raises(SMPUploadError, match="no data fits"):
            async for _ in Uploader(bench.client, IMAGE, 0, Limits(60)).run():
                pass
        bench.radio.close()

    run(main)


@pytest.mark.parametrize("packet", [120, 128, 200, 256, 300, 384, 1000, 2475])
def test_requests_fill_the_buffer_and_never_more(packet):
    uploader = Uploader(None, IMAGE, 0, Limits(packet, 1, 0))
    for start in (0, 1000, 20000):
        request = uploader._request(start)
        assert isinstance(request, ImageUploadWriteRequest)
        assert packet - 34 <= len(request.BYTES) <= packet
        assert request.data == IMAGE[start : start + len(request.data)]


@pytest.mark.parametrize(
    ("largest", "best"), [(20, 20), (182, 182), (244, 244), (247, 244), (495, 495), (512, 495)]
)
def test_writes_fill_radio_packets(largest, best):
    assert write_size(largest) == best
