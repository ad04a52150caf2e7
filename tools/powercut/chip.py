"""A device from power-on until an application runs; no Python state outlives a reset.

Runs on CPython and, for the share of on_micropython.py, on MicroPython: nothing of one alone is used here.
"""

import io
from collections import namedtuple

import esp32
from idf import Idf, Partition
from nor import NorFlash
from ophion_boot.core.boot import Bootloader
from ophion_boot.core.eventlog import EventLog
from ophion_boot.core.release import Release
from ophion_boot.core.runtime import Runtime
from ophion_boot.core.sealed_patching import SealedPatching
from ophion_boot.core.secret import Secret
from ophion_boot.core.verify import Image, Verifier, VerifyError
from ophion_boot.fmt.image import Header, signature_tlvs
from ophion_boot.port.ota import Ota

try:
    from cryptolib import aes
except ImportError:
    from ophion.package.aes import Aes as aes

HEADER_BYTES = 32
# Power-on, and for each of the trials there and back, with as many detours for a torn record.
RESETS_MAX = 24
ENDLESS = "the device resets without end"

Ran = namedtuple("Ran", "runs place trial runtime starts problem")
"""What one boot came to: the name of the image that lies where the bootloader jumps to, and that byte; is a
trial open; the name of the runtime in the partition that ESP-IDF started ("" without two components);
the same for each start on the way; what stopped it, or ""."""

Parts = namedtuple("Parts", "strategy runtime bootloader")


class Opened(Secret):
    """A Secret that one reset leaves to the next what it unwrapped: ECDH is slow, and comes to the same."""

    def __init__(self, keys, opened):
        Secret.__init__(self, keys, aes)
        self._opened = opened

    def content(self, seal):
        if seal.blob not in self._opened:
            self._opened[seal.blob] = Secret.content(self, seal)
        return self._opened[seal.blob]


class Approved(Verifier):
    """Stands in for Verifier: exactly the approved images, compared byte by byte, are good.

    `images` are {header: (the image where it runs, elsewhere)}.
    """

    def __init__(self, keys, images, buf, secret=None):
        Verifier.__init__(self, keys, buf, secret)
        self._images = images

    def verify(self, area, max_size, number=0):
        head = bytearray(HEADER_BYTES)
        area.read(0, head)
        forms = self._images.get(bytes(head))
        if forms is None or len(forms[0]) > max_size:
            raise VerifyError("not an approved image")
        image = forms[area.sealed]
        data = bytearray(len(image))
        area.read(0, data)
        if data != image:
            raise VerifyError("not the approved image")
        header, total, protected, entries, tlvs = self.read_layout(area, max_size)
        seal = self._seal(header, entries, tlvs)
        return Image(header, bytes(signature_tlvs(entries, tlvs)[0]), total, protected, number, None, seal)


class QuietLog:
    """Stands in for EventLog where nobody reads it."""

    def add(self, event, version="", reason=""):
        pass


class _Cells:
    def __init__(self):
        self._values = {}

    def load(self, name):
        return self._values.get(name)

    def store(self, name, data):
        self._values[name] = data


class Kinds:
    """The classes that a device is made of; the campaign puts mutants in their places."""

    def __init__(self, strategy=None, release=Release, runtime=Runtime, patching=SealedPatching):
        self.patching = patching
        self.strategy = strategy
        self.release = release
        self.runtime = runtime


class Chip:
    """A Layout, the approved `images` and `runtimes` ({name: bytes}), the trials, the trusted `keys`.

    A runtime called `dead` resets the chip before any bootloader runs. With `real` the real Verifier and
    EventLog are used. A chip with `device_keys` takes encrypted images: `running` are the images as they lie
    where they run.
    """

    def __init__(
        self,
        layout,
        images,
        runtimes,
        trials,
        keys,
        real=False,
        dead="",
        kinds=None,
        running=None,
        device_keys=(),
    ):
        self.layout = layout
        self.images = images
        self.running = running or images
        self.device_keys = device_keys
        self._opened = {}
        self.runtimes = runtimes
        self.trials = trials
        self.dead = dead
        self._keys = keys
        self.real = real
        self._kinds = kinds or Kinds()
        self._by_header = {}
        for name, image in images.items():
            self._by_header[bytes(image[:HEADER_BYTES])] = self.running[name], image
        for image in runtimes.values():
            self._by_header[bytes(image[:HEADER_BYTES])] = image, image
        self._payloads = {}
        for name, image in runtimes.items():
            # ih_img_size; the judge looks for payloads, so the bootloader's parser is not asked.
            size = int.from_bytes(image[12:16], "little")
            self._payloads[name] = image[HEADER_BYTES : HEADER_BYTES + size]

    def flash(self, state):
        """A flash that holds `state`; `content(flash)` reads it back."""
        return NorFlash(io.BytesIO(state), len(state), self.layout.sector, self.layout.write_size)

    def run(self, flash):
        """Power on, and reset as often as the device does; returns (Ran, the Parts that run or None).
        A PowerCut comes through."""
        starts = []
        while len(starts) < RESETS_MAX:
            name, ran, parts = self.start(flash)
            starts.append(name)
            if ran:
                return with_starts(ran, starts), parts
        return with_starts(Ran("", 0, False, "", (), ENDLESS), starts), None

    def start(self, flash):
        """Up to the next reset: (the runtime that was started, Ran or None for a reset, its Parts)."""
        idf = None
        name = ""
        if self.layout.two:
            idf = self.idf(flash)
            if idf.start() is None:
                return "", Ran("", 0, False, "", (), "ESP-IDF finds no application image"), None
            name = self.runtime_at(content(flash), idf.running.offset)
        if name and name == self.dead:
            return name, None, None
        parts = self.parts(flash, idf, name)
        boot = parts.bootloader.run()
        return name, None if boot.restart else self._ran(flash, boot, name), parts

    def parts(self, flash, idf=None, running=""):
        """Everything that a reset makes, in the runtime called `running`."""
        buf = bytearray(self.layout.sector)
        secret = self._secret()
        strategy = self.strategy(flash)
        if self.real:
            verifier = Verifier(self._keys, buf, secret)
        else:
            verifier = Approved(self._keys, self._by_header, buf, secret)
        log = EventLog(_Cells()) if self.real else QuietLog()
        runtime = None
        if idf:
            # A class of its own for each chip: `idf` is its state.
            kind = type("Partition", (esp32.Partition,), {"idf": idf})
            version = Header(self.runtimes[running]).version
            ota = Ota(kind, version, self.layout.write_size, self.layout.sector)
            runtime = self._kinds.runtime(ota, self.trials)
        bootloader = Bootloader(strategy, verifier, log, runtime)
        if runtime and self._kinds.release is not Release:
            bootloader._release = self._kinds.release(bootloader._installer, runtime)
        return Parts(strategy, runtime, bootloader)

    def strategy(self, flash):
        """The strategy as after a reset."""
        return self.layout.strategy(flash, self.trials, self._kinds.strategy, self._secret())

    def _secret(self):
        return Opened(self.device_keys, self._opened) if self.device_keys else None

    def idf(self, flash):
        """ESP-IDF's part of the chip, not yet started."""
        sector, size = self.layout.sector, self.layout.app_sectors * self.layout.sector
        rows = [Partition("otadata", 1, 0, self.layout.otadata, 2 * sector)]
        rows += [Partition(f"ota_{i}", 0, 0x10 + i, self.layout.apps[i], size) for i in range(2)]
        return Idf(flash, rows)

    def at(self, state, where):
        """The name of the approved image that lies at `where`, whole, as it runs; or ""."""
        return _named(self.running, state, where)

    def stored_at(self, state, where):
        """The same as it was uploaded."""
        return _named(self.images, state, where)

    def runtime_at(self, state, where):
        """The name of the approved runtime whose payload lies at `where`, whole; or ""."""
        return _named(self._payloads, state, where)

    def _ran(self, flash, boot, running):
        if boot.image is None:
            return Ran("", 0, False, running, (), "recovery: " + boot.reason)
        place = boot.area._offset
        return Ran(self.at(content(flash), place), place, boot.trial is not None, running, (), "")


def with_starts(ran, starts):
    """`ran` with the runtimes that were started on the way."""
    return Ran(ran.runs, ran.place, ran.trial, ran.runtime, tuple(starts), ran.problem)


def confirm(parts):
    """What the device does when the application confirms itself: the runtime first."""
    if parts.runtime:
        parts.runtime.confirm()
    parts.strategy.confirm()


def content(flash):
    """All bytes of the chip."""
    return flash._file.getvalue()


def _named(known, state, where):
    for name, data in known.items():
        if state[where : where + len(data)] == data:
            return name
    return ""
