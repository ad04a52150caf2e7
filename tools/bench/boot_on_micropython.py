"""A boot on MicroPython, for boot.py to count: `boot_on_micropython.py ROOT FOLDER PART`.

FOLDER has the device: its flash as `flash.bin` and its `ophion_layout.py`. PART is the number in PARTS of
what is done once all is imported and prepared: nothing, a whole boot, or a part of it alone. A number,
because what an import costs depends on where things lie in the heap, and a longer name moves them.
"""

import gc
import sys

PARTS = ("start", "boot", "hash", "signature")
ROOT, FOLDER, PART = sys.argv[1:4]
sys.path[:0] = [ROOT + "/bootloader", FOLDER]

from ophion_boot.core.area import Area  # noqa: E402
from ophion_boot.core.boot import Bootloader  # noqa: E402
from ophion_boot.core.eventlog import EventLog  # noqa: E402
from ophion_boot.core.strategies import make  # noqa: E402
from ophion_boot.core.verify import Verifier  # noqa: E402
from ophion_boot.crypto.ed25519 import verify  # noqa: E402
from ophion_boot.fmt.image import signature_tlvs  # noqa: E402
from ophion_layout import LAYOUT  # noqa: E402


class Flash:
    """The block device with the least code: it reads a file, and whoever writes to it ends the run."""

    def __init__(self):
        self._file = open(FOLDER + "/flash.bin", "rb")  # noqa: SIM115  as long as the run

    def readblocks(self, n, buf, off=0):
        self._file.seek(n * LAYOUT["sector"] + off)
        self._file.readinto(buf)

    def writeblocks(self, n, buf, off=0):
        raise RuntimeError("a boot of a confirmed image wrote to flash")

    def ioctl(self, op, arg):
        raise RuntimeError("a boot of a confirmed image erased flash")


class Parts:
    """What is counted, a method each; the constructor does what comes before."""

    def __init__(self):
        self._flash = Flash()
        self._buf = bytearray(LAYOUT["sector"])
        self._log = EventLog(None)
        strategy = self._strategy()
        self._verifier = Verifier(LAYOUT["keys"], self._buf)
        self._image = strategy.active()
        header, _, _, entries, tlvs = self._verifier.read_layout(self._image, strategy.max_image_size)
        self._signed_size = header.signed_size
        self._digest, _, self._signature = (bytes(part) for part in signature_tlvs(entries, tlvs))

    def _area(self, name):
        return Area(self._flash, *LAYOUT["areas"][name], LAYOUT["sector"], LAYOUT["write_size"])

    def _strategy(self):
        return make(LAYOUT["strategy"], self._area, self._buf, LAYOUT["trials"])

    def start(self):
        """Nothing: the cost of all that is not counted."""

    def boot(self):
        """What main.py does at a reset, from the strategy to the image that runs."""
        boot = Bootloader(self._strategy(), Verifier(LAYOUT["keys"], self._buf), self._log).run()
        if boot.image is None or boot.trial is not None:
            raise RuntimeError("the image is not confirmed: " + boot.reason)

    def hash(self):
        """SHA-256 of the image, read from flash."""
        if self._verifier.digest(self._image, self._signed_size) != self._digest:
            raise RuntimeError("the digest is another one")

    def signature(self):
        """The signature of the digest."""
        verify(LAYOUT["keys"][0][1], self._digest, self._signature)


part = getattr(Parts(), PARTS[int(PART)])
gc.collect()
# A collection in one part and not in another would be counted as a difference of the two.
gc.disable()
part()
sys.stdout.write("done\n")
