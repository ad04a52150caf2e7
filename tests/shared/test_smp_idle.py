"""What a device does between requests: flash is erased ahead, and no answer waits for more than a few erases.

Flash operations are counted, not time: on an ESP32 the erase of a sector takes 45 ms (typical for its
flash), so two of them are what an answer within 100 ms may cost.
"""

import hashlib

from support import SECTOR, image
from test_smp_server import Server

READ, WRITE = False, True


class Gaps(Server):
    """A Server that counts erases: `spent` of the last request, `ahead` of the idle time."""

    def __init__(self, running="four"):
        self.erased = []
        Server.__init__(self, running)
        self.rig.flash.on_op = self._watch

    def _watch(self, kind, at, length):
        if kind == "erase":
            self.erased.append(at // SECTOR)

    def ask(self, write, group, command, args=None, seq=9):
        before = len(self.erased)
        answer = Server.ask(self, write, group, command, args or {}, seq)
        self.spent = len(self.erased) - before
        return answer

    def idle(self, times):
        """So many polls without a request; returns the sectors erased, none of them with more than one."""
        begin = len(self.erased)
        for _ in range(times):
            before = len(self.erased)
            self.session.idle()
            assert len(self.erased) - before <= 1
        return self.erased[begin:]

    def send(self, data, at, step, **more):
        args = {"off": at, "data": data[at : at + step]}
        args.update(more)
        return self.ask(WRITE, 1, 1, args)["off"]


def first(data):
    return {"len": len(data), "sha": hashlib.sha256(data).digest()}


def staged_sectors(server, count):
    start = server.rig.staged_at // SECTOR
    return list(range(start, start + count))


def used(server):
    """Fill the slot, so that every sector has to be erased, but the trailer: a swap leaves that blank."""
    server.rig.put(server.rig.swapped_out_at, b"\0" * (8 * SECTOR))


def test_an_upload_in_the_gaps_erases_nothing_in_its_answers():
    server = Gaps()
    used(server)
    data = image("six")
    at = server.send(data, 0, 2000, **first(data))
    assert server.spent <= 2
    while at < len(data):
        server.idle(2)
        at = server.send(data, at, 2000)
        assert server.spent == 0, at
    assert server.rig.staged_is(data)


def test_without_any_gap_a_chunk_costs_the_erase_of_the_sector_that_it_reaches():
    server = Gaps()
    used(server)
    data = image("six")
    at = server.send(data, 0, 2000, **first(data))
    total = server.spent
    while at < len(data):
        at = server.send(data, at, 2000)
        assert server.spent <= 1
        total += server.spent
    assert total == 6 + 1, "each sector of the image once, and the one in which an old header may lie"


def test_erasing_ahead_goes_to_the_end_of_the_image_and_no_further():
    server = Gaps()
    used(server)
    data = image("four")
    server.send(data, 0, 500, **first(data))
    ahead = server.idle(30)
    assert ahead == staged_sectors(server, 4)[1:]
    assert server.idle(10) == []
    at = 500
    while at < len(data):
        at = server.send(data, at, 500)
        assert server.spent == 0
    assert server.rig.staged_is(data)


def test_blank_sectors_are_left_alone():
    server = Gaps()
    data = image("four")
    server.send(data, 0, 500, **first(data))
    assert server.idle(30) == []


def test_erase_is_answered_at_once_and_the_slot_is_erased_in_the_gaps():
    server = Gaps()
    data = image("six")
    assert server.upload(data)["match"]
    assert len(server.images()) == 2
    assert server.ask(WRITE, 1, 5) == {}
    assert server.spent <= 2
    assert len(server.images()) == 1, "what is half erased is no image"
    rest = server.idle(30)
    assert rest == staged_sectors(server, 6)[1:]
    start = server.rig.staged_at
    assert server.rig.bytes_at(start, 6 * SECTOR) == b"\xff" * (6 * SECTOR)


def test_after_an_erase_an_upload_finds_the_slot_blank():
    server = Gaps()
    used(server)
    server.ask(WRITE, 1, 5)
    server.idle(30)
    before = len(server.erased)
    assert server.upload(image("six"))["match"]
    assert len(server.erased) == before
    assert server.rig.staged_is(image("six"))


def test_an_upload_ends_the_erasing():
    server = Gaps()
    used(server)
    server.ask(WRITE, 1, 5)
    server.idle(1)
    data = image("one")
    assert server.upload(data)["match"]
    assert server.idle(30) == [], "the image that was just sent stays"
    assert server.rig.staged_is(data)


def test_a_pending_image_is_not_erased_ahead():
    server = Gaps()
    server.upload(image("six"))
    server.ask(WRITE, 1, 0, {"hash": server.images()[1]["hash"], "confirm": False})
    assert server.idle(30) == []
    assert server.images()[1]["pending"]
    server.ask(WRITE, 1, 5)
    server.boot()
    assert server.images()[0]["version"] == "4.0.0"


def test_nothing_is_erased_before_anybody_asks():
    server = Gaps()
    used(server)
    assert server.idle(30) == []


def test_a_sector_that_cannot_be_erased_is_told_to_who_needs_it():
    server = Gaps()
    used(server)
    data = image("six")
    at = server.send(data, 0, 500, **first(data))
    flash = server.rig.flash
    real = flash.ioctl

    def broken(op, arg):
        if op == 6:
            raise OSError(5)
        return real(op, arg)

    flash.ioctl = broken
    assert server.idle(5) == []
    answer = server.ask(WRITE, 1, 1, {"off": at, "data": data[at : at + 4000]})
    assert answer["rc"] == 1 and "flash error" in answer["rsn"]
    flash.ioctl = real
    assert server.upload(data)["match"]


def test_a_request_that_was_taken_back_costs_one_erase_more():
    server = Gaps()
    used(server)
    server.upload(image("one"))
    server.ask(WRITE, 1, 0, {"hash": server.images()[1]["hash"], "confirm": False})
    server.ask(WRITE, 1, 5)
    assert server.spent <= 3
