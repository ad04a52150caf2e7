"""What qemu.py counts, as the application of a device in QEMU: lines `name = number`, then QEMU ends."""

import gc

import virt

# First of all: the instructions from main() of the firmware to the first line of the application.
_boot = virt.instret()
gc.collect()
_heap = gc.mem_alloc()

import struct  # noqa: E402
import sys  # noqa: E402

import counting  # noqa: E402
import micropython  # noqa: E402
from ophion_boot import main  # noqa: E402

try:
    from ophion_boot.core.area import Area
    from ophion_boot.core.inbox import Inbox
    from ophion_boot.core.receive import Upload
    from ophion_boot.core.smp_image import Component, ImageGroup
    from ophion_boot.core.smp_session import Session
    from ophion_boot.core.strategies import make
    from ophion_boot.fmt import trailer
    from ophion_boot.fmt.cbor import decode_map, encode
    from ophion_boot.fmt.console import Reassembly, lines
    from ophion_boot.fmt.quick import copy
    from ophion_boot.fmt.smp import pack_request
except ImportError:  # a firmware as chips have it has no modules to take parts of
    Area = None

_SECTOR = 4096
ROMFS = b"\xd2\xcd\x31"


def tell(name, number):
    sys.stdout.write(name + " = " + str(number) + "\n")


class Ram:
    """A block device in memory, with the least code: it allocates nothing."""

    def __init__(self, sectors):
        self._data = bytearray(b"\xff" * (_SECTOR * sectors))
        self._blank = b"\xff" * _SECTOR

    def readblocks(self, n, buf, off=0):
        copy(buf, self._data, 0, n * _SECTOR + off, len(buf))

    def writeblocks(self, n, buf, off=0):
        copy(self._data, buf, n * _SECTOR + off, 0, len(buf))

    def ioctl(self, op, arg):
        copy(self._data, self._blank, arg * _SECTOR, 0, _SECTOR)


def count_image(device):
    """Verify what runs, and hash it alone."""
    image, area = device.boot.image, device.boot.area
    tell("verify", counting.instructions(device.verifier.verify, area, device.strategy.max_image_size))
    tell("hash", counting.instructions(device.verifier.digest, area, image.total))


def on_ram(slot):
    """The strategy swap_offset over slots of `slot` sectors in memory."""
    ram = Ram(2 * slot)
    areas = {"primary": (0, slot), "secondary": (slot * _SECTOR, slot)}

    def area(name):
        return Area(ram, areas[name][0], areas[name][1] * _SECTOR, _SECTOR, 4)

    return make("swap_offset", area, bytearray(_SECTOR), 3)


def swap(sectors):
    """Instructions of a swap of two images of `sectors` sectors, flash not counted (it is memory)."""
    size = sectors * _SECTOR
    return counting.instructions(on_ram(sectors + 3).install, trailer.TEST, size, size)


def count(function, *args):
    """Instructions of `function(*args)` as things are: no collection before, as between packets."""
    before = virt.instret()
    _nothing(*args)
    empty = virt.instret() - before
    before = virt.instret()
    function(*args)
    return virt.instret() - before - empty


def _nothing(*args):
    pass


def count_chunks(session, chunks):
    """(mean, most, offset then): instructions of `chunks` packets of 500 bytes in the middle of an upload."""
    head = (
        struct.pack("<IIHHIIBBHI", 0x96F3B83D, 0, 32, 0, 22000, 0, 9, 0, 0, 0) + bytes(4) + ROMFS + bytes(477)
    )
    first = request(1, {"off": 0, "len": 52000, "data": head, "image": 0})
    answer = decode_map(session.handle(memoryview(first))[8:])
    if answer != {"off": len(head)}:
        raise ValueError(answer)
    at = len(head)
    data = bytes(range(250)) * 2
    slots = [memoryview(bytearray(request(1, {"off": 1000, "data": data}))) for _ in range(4)]
    counts = []
    for i in range(chunks):
        packet = slots[i % 4]
        packet[:] = request(1, {"off": at, "data": data})
        counts.append(count(session.handle, packet))
        at += len(data)
    if decode_map(session.handle(packet)[8:]) != {"off": at}:
        raise ValueError("the upload did not go on")
    counts = counts[5:]  # the first ones fill caches
    return sum(counts) // len(counts), max(counts), at


def count_packets(session):
    """A packet of 500 bytes of an upload: with this flash and without one, its roads; an echo."""
    mean, most, _ = count_chunks(session, 16)
    tell("upload", mean)
    tell("upload_most", most)
    strategy = on_ram(18)
    quiet = Session(
        {1: ImageGroup([Component(strategy, Upload(strategy, bytearray(_SECTOR)), False)], None, None)}, 2475
    )
    mean, most, at = count_chunks(quiet, 54)
    tell("chunk", mean)
    tell("chunk_most", most)
    echo = memoryview(pack_request(1, True, 0, 1, 0, encode({"d": "x" * 400})))
    session.handle(echo)
    tell("echo", counting.instructions(session.handle, echo))
    count_roads(quiet, at)


def count_roads(session, at):
    """The way in of the next packets from offset `at` on, and what they leave on the heap."""
    inbox = Inbox(4, 2475)
    data = bytes(range(250)) * 2

    def following(at):
        return request(1, {"off": at, "data": data})

    def by_radio(parts):
        for part in parts:
            inbox.put(part, 1)
        session.handle(inbox.take())
        inbox.release()

    def by_console(text):
        for line in text:
            whole = reassembly.line(line)
        for line in lines(session.handle(whole)):
            sent.append(line)

    counts = []
    for _ in range(8):
        whole = following(at)
        counts.append(count(by_radio, (whole[:495], whole[495:])))
        at += len(data)
    tell("radio", sum(counts[4:]) // 4)
    whole = following(at)
    parts = (whole[:495], whole[495:])
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    by_radio(parts)
    tell("left", gc.mem_alloc() - before)
    gc.enable()
    parts = tuple(
        (whole[:495], whole[495:]) for whole in [following(at + i * len(data)) for i in range(1, 5)]
    )
    micropython.heap_lock()
    for two in parts:
        by_radio(two)
    micropython.heap_unlock()
    at += 5 * len(data)
    reassembly = Reassembly(2475)
    sent = []
    counts = []
    for _ in range(4):
        text = lines(following(at))
        counts.append(count(by_console, text))
        at += len(data)
    tell("console", counts[-1])
    answer = sent[-1]
    if len(sent) != 4 or Reassembly(99).line(answer) is None:
        raise ValueError("an answer is missing")


def request(command, args):
    return pack_request(1, True, 1, 7, command, encode(args))


tell("boot", _boot)
tell("heap", _heap)
tell("sector", main.device.layout["sector"])
count_image(main.device)
if Area:
    tell("swap4", swap(4))
    tell("swap8", swap(8))
    count_packets(main.device.server()._session)
sys.stdout.write("end\n")
virt.exit(0)
