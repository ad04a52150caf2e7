"""A device that takes patches: it runs d1 (tests/vectors/images), and d3.patch makes d3 of that."""

from ophion_boot.core.patching import Patching
from ophion_boot.core.receive import Upload
from ophion_boot.core.sealed_patching import SealedPatching
from rig_release import OTA_AT
from rig_uploads import Client, UploadDevice
from support import SECTOR, clear, image, patch, sealed

KINDS = ("swap_offset", "swap_scratch", "golden", "ab", "runtime")
INTERRUPTED = KINDS + ("encrypted",)


class PatchDevice(UploadDevice):
    """As UploadDevice. `data` is the patch that it can be sent, `new` what that makes; `told` are reports."""

    old = "d1"

    def __init__(self, kind="swap_offset", write_size=4, magic=b""):
        self.magic = magic
        self.told = []
        UploadDevice.__init__(self, kind, write_size)
        if kind == "runtime":
            put_runtime(self.rig)
            self.boot()
        self.data = patch("rd3" if kind == "runtime" else "d3")
        self.new = image("rd3" if kind == "runtime" else "d3")

    def taker(self, strategy, number, progress):
        verifier = self.rig.verifier
        upload = Upload(strategy, bytearray(SECTOR), verifier, number, progress, self.magic)
        return Patching(upload, strategy, verifier, number, progress, self)

    def add(self, event, version, text):
        """What an EventLog takes."""
        self.told.append((event, version, text))

    def send(self, data=None, step=0):
        """Send a whole patch, as a client does; the last answer."""
        return Client(self, data or self.data, step).finish()

    def first(self, data, count=700, size=None, sha=b""):
        """The first chunk of `data`, straight to the upload."""
        return finished(self.upload.chunk, 0, data[:count], size or len(data), sha)


def finished(call, *args):
    """The answer to a chunk, which may have to be handed in more than once."""
    answer = None
    while answer is None:
        answer = call(*args)
    return dict(answer)


def put_runtime(rig):
    """The runtime that runs is rd1, with its envelope: as one that came as an update."""
    data = image("rd1")
    size = 32 + int.from_bytes(data[12:16], "little")
    rig.put(OTA_AT[0], data[32:size])
    rig.put(OTA_AT[0] + (rig.runtime._running.trailer_sector - 1) * SECTOR, data[:32] + data[size:])


class SealedDevice(PatchDevice):
    """A device that takes encrypted images, and runs enc-d1, or d1 when it is not `hidden`.

    `data` is the sealed patch that makes `new`, enc-d4.
    """

    def __init__(self, hidden=True, write_size=4, name=""):
        self.hidden = hidden
        PatchDevice.__init__(self, "sealed", write_size)
        if hidden:
            self.rig.flash_primary(clear("d1"))
            self.boot()
        self.data = patch(name or ("sealed" if hidden else "sealed-plain"))
        self.new = sealed("d4")

    def taker(self, strategy, number, progress):
        verifier = self.rig.verifier
        upload = Upload(strategy, bytearray(SECTOR), verifier, number, progress, self.magic)
        return SealedPatching(upload, strategy, verifier, number, progress, self)


def device_of(kind, write_size=4):
    """The device of a kind in INTERRUPTED: "encrypted" is a SealedDevice, the others are a strategy."""
    return SealedDevice(write_size=write_size) if kind == "encrypted" else PatchDevice(kind, write_size)
