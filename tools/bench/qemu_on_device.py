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
from ophion_boot import main  # noqa: E402

try:
    from ophion_boot.core.area import Area
    from ophion_boot.core.strategies import make
    from ophion_boot.fmt import trailer
    from ophion_boot.fmt.cbor import encode
    from ophion_boot.fmt.console import Reassembly, lines
    from ophion_boot.fmt.smp import pack_request
except ImportError:  # a firmware as chips have it has no modules to take parts of
    Area = None

_SECTOR = 4096


def tell(name, number):
    sys.stdout.write(name + " = " + str(number) + "\n")


class Ram:
    """A block device in memory, with the least code.

    Assigning to a part of a memoryview moves all that is behind it (MicroPython 1.25), hence the views.
    """

    def __init__(self, sectors):
        self._data = memoryview(bytearray(b"\xff" * (_SECTOR * sectors)))
        self._blank = b"\xff" * _SECTOR

    def readblocks(self, n, buf, off=0):
        at = n * _SECTOR + off
        buf[:] = self._data[at : at + len(buf)]

    def writeblocks(self, n, buf, off=0):
        at = n * _SECTOR + off
        self._data[at : at + len(buf)][:] = buf

    def ioctl(self, op, arg):
        at = arg * _SECTOR
        self._data[at : at + _SECTOR][:] = self._blank


def count_image(device):
    """Verify what runs, and hash it alone."""
    image, area = device.boot.image, device.boot.area
    tell("verify", counting.instructions(device.verifier.verify, area, device.strategy.max_image_size))
    tell("hash", counting.instructions(device.verifier.digest, area, image.total))


def swap(sectors):
    """Instructions of a swap of two images of `sectors` sectors, flash not counted (it is memory)."""
    slot = sectors + 3
    ram = Ram(2 * slot)
    areas = {"primary": (0, slot), "secondary": (slot * _SECTOR, slot)}

    def area(name):
        return Area(ram, areas[name][0], areas[name][1] * _SECTOR, _SECTOR, 4)

    strategy = make("swap_offset", area, bytearray(_SECTOR), 3)
    size = sectors * _SECTOR
    return counting.instructions(strategy.install, trailer.TEST, size, size)


def count_packets(session):
    """SMP requests: a packet of an upload in the middle of it, an echo, and their way over the console."""
    first = {"off": 0, "len": 20000, "data": main_header(), "image": 0}
    session.handle(memoryview(request(1, first)))
    at = len(first["data"])
    for _ in range(3):
        packet = memoryview(request(1, {"off": at, "data": bytes(512)}))
        count = counting.instructions(session.handle, packet)
        at += 512
    tell("upload", count)
    echo = memoryview(pack_request(1, True, 0, 1, 0, encode({"d": "x" * 400})))
    session.handle(echo)
    tell("echo", counting.instructions(session.handle, echo))
    text = lines(bytes(packet))
    reassembly = Reassembly(2475)

    def receive():
        for line in text:
            reassembly.line(line)

    receive()
    tell("console", counting.instructions(receive))


def main_header():
    """512 bytes of an image whose header says 18,000 bytes."""
    return struct.pack("<IIHHIIBBHI", 0x96F3B83D, 0, 32, 0, 18000, 0, 9, 0, 0, 0) + bytes(484)


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
