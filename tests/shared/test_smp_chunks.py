"""Chunks in the middle of an upload: the answers they always had, and no allocation."""

import hashlib
import struct

from ophion_boot.core.area import Area
from ophion_boot.core.inbox import Inbox
from ophion_boot.core.receive import Upload
from ophion_boot.core.smp_image import Component, ImageGroup
from ophion_boot.core.smp_session import Session
from ophion_boot.core.strategies import make
from ophion_boot.fmt.cbor import decode_map, encode
from ophion_boot.fmt.quick import copy
from ophion_boot.fmt.smp import pack_request
from support import SECTOR, image, without_heap
from test_smp_server import BUF, Server, err


def chunk(offset, data, seq=5):
    return memoryview(pack_request(1, True, 1, seq, 1, encode({"off": offset, "data": data})))


def begun(name, size):
    """A server with the first `size` bytes of an image."""
    server = Server()
    data = image(name)
    sha = hashlib.sha256(data).digest()
    assert server.ask(True, 1, 1, {"off": 0, "data": data[:size], "len": len(data), "sha": sha}) == {
        "off": size
    }
    return server, data


def test_chunks_of_any_size_are_answered_byte_for_byte_as_the_encoder_would():
    server, data = begun("six", 100)
    at = 100
    for step in (1, 499, 700, 512, 2300):
        answer = server.session.handle(chunk(at, data[at : at + step]))
        at += step
        expected = pack_request(1, True, 1, 5, 1, encode({"off": at}))
        assert bytes(answer) == b"\x0b" + expected[1:], step
    # What is not just the next chunk: repeated, ahead, empty, too long, with more in it, the last one.
    assert server.ask(True, 1, 1, {"off": 100, "data": data[100:200]}) == {"off": at}
    assert server.ask(True, 1, 1, {"off": at + 1, "data": b"x"}) == {"off": at}
    assert err(server.ask(True, 1, 1, {"off": at, "data": b""})) == (1, 21)
    assert err(server.ask(True, 1, 1, {"off": at, "data": data[at:] + b"x"})) == (1, 31)
    assert server.ask(True, 1, 1, {"off": at, "data": data[at : at + 9], "image": 0}) == {"off": at + 9}
    assert server.ask(True, 1, 1, {"off": at + 9, "data": data[at + 9 :]})["match"]
    assert server.rig.staged_is(data)


def test_a_chunk_that_is_for_somebody_else_is_none():
    server, data = begun("six", 100)
    body = encode({"off": 100, "data": data[100:200]})
    for write, group, command in ((False, 1, 1), (True, 1, 2), (True, 0, 1), (True, 64, 1)):
        request = memoryview(pack_request(1, write, group, 3, command, body))
        assert "off" not in decode_map(server.session.handle(request)[8:]), (write, group, command)
    assert server.ask(True, 1, 1, {"off": 100, "data": data[100:200]}) == {"off": 200}


def test_a_flash_that_fails_in_the_middle_is_told():
    server, data = begun("six", 1000)
    server.rig.flash.faults.append((0, server.rig.flash.size, "fail"))
    step = SECTOR
    answer = decode_map(server.session.handle(chunk(1000, data[1000 : 1000 + step]))[8:])
    assert answer["rc"] == 1 and "flash error" in answer["rsn"]
    server.rig.flash.faults.clear()
    assert server.ask(True, 1, 1, {"off": 1000, "data": b"x"}) == {"off": 0}, "the upload is closed"


class Ram:
    """A flash in memory, with the calls of a block device and nothing more: they allocate nothing."""

    def __init__(self, sectors):
        self.data = bytearray(b"\xff" * (sectors * SECTOR))

    def readblocks(self, n, buf, off=0):
        copy(buf, self.data, 0, n * SECTOR + off, len(buf))

    def writeblocks(self, n, buf, off):
        copy(self.data, buf, n * SECTOR + off, 0, len(buf))

    def ioctl(self, op, arg):
        for at in range(arg * SECTOR, (arg + 1) * SECTOR):
            self.data[at] = 0xFF


def test_no_chunk_in_the_steady_state_allocates():
    ram = Ram(22)
    areas = {"primary": (0, 10), "secondary": (10, 12)}

    def area(name):
        return Area(ram, areas[name][0] * SECTOR, areas[name][1] * SECTOR, SECTOR, 4)

    strategy = make("swap_offset", area, bytearray(SECTOR), 3)
    for i in range(13 * SECTOR, 15 * SECTOR):
        ram.data[i] = 0  # two of the sectors are not blank
    upload = Upload(strategy, bytearray(SECTOR))
    session = Session({1: ImageGroup([Component(strategy, upload, False)], None, None)}, BUF)
    inbox = Inbox(4, BUF)
    size = 9 * SECTOR
    head = struct.pack("<IIHHIIBBHI", 0x96F3B83D, 0, 32, 0, size - 800, 0, 9, 0, 0, 0)
    head += bytes([i * 5 & 255 for i in range(2000)])
    first = encode({"off": 0, "data": head, "len": size, "sha": bytes(32)})
    at = decode_map(session.handle(pack_request(1, True, 1, 0, 1, first))[8:])["off"]
    assert at == len(head)
    data = bytes([i * 11 & 255 for i in range(2411)])
    packets = []
    while at + len(data) < size:
        packet = bytes(chunk(at, data))
        packets.append([packet[i : i + 495] for i in range(0, len(packet), 495)])
        at += len(data)
    state = [0, b""]

    def take(fragments):
        for fragment in fragments:
            inbox.put(fragment, 1)
        state[1] = session.handle(inbox.take())
        inbox.release()
        state[0] += 1

    for fragments in packets[:4]:  # each slot of the inbox has had a request of that length once
        take(fragments)

    rest = packets[4:]

    def steady():
        for fragments in rest:
            take(fragments)

    without_heap(steady)
    assert state[0] == len(packets) and len(packets) > 12
    assert decode_map(state[1][8:]) == {"off": at}
    begin = 11 * SECTOR
    assert (
        bytes(ram.data[begin + len(head) : begin + at - at % 512]) == (data * 15)[: at - at % 512 - len(head)]
    )
