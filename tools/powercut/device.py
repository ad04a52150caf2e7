"""A device as a function: flash before, one boot, flash after. No Python state outlives a boot."""

import io
from collections import namedtuple

from nor import NorFlash, PowerCut
from ophion_boot.core.boot import Bootloader
from ophion_boot.core.eventlog import EventLog
from ophion_boot.core.receive import Upload
from ophion_boot.core.strategy import StrategyError
from ophion_boot.core.verify import Image, Verifier, VerifyError

from powercut.images import KEYS

Seen = namedtuple("Seen", "cut runs place trial ops state problem")
"""One boot, from outside: was it cut; the name of the image that lies where the bootloader jumps to, and that
byte; is a trial open; flash operations; flash afterwards; what the bootloader raised, or nothing."""


class Approved(Verifier):
    """Stands in for Verifier: exactly the approved images, compared byte by byte, are good."""

    def __init__(self, images: dict[str, bytes], buf: bytearray) -> None:
        Verifier.__init__(self, KEYS, buf)
        self._images = {image[:32]: image for image in images.values()}

    def verify(self, area, max_size: int, number: int = 0) -> Image:
        head = bytearray(32)
        area.read(0, head)
        image = self._images.get(bytes(head))
        if image is None or len(image) > max_size:
            raise VerifyError("not an approved image")
        data = bytearray(len(image))
        area.read(0, data)
        if data != image:
            raise VerifyError("not the approved image")
        header, total, *_ = self.read_layout(area, max_size)
        return Image(header, b"", total, ())


class QuietLog:
    """Stands in for EventLog where nobody reads it."""

    def add(self, event: str, version: str = "", reason: str = "") -> None:
        pass


class _Cells:
    def __init__(self) -> None:
        self._values: dict[str, bytes] = {}

    def load(self, name: str):
        return self._values.get(name)

    def store(self, name: str, data: bytes) -> None:
        self._values[name] = data


class Device:
    """A Layout, the approved `images` ({name: bytes}), the trials; `kind` may be a mutant of the strategy."""

    def __init__(self, layout, images: dict[str, bytes], trials: int, kind=None, real: bool = False) -> None:
        self.layout = layout
        self.images = images
        self.trials = trials
        self._kind = kind
        self._real = real
        self._boots: dict = {}
        self._asks: dict = {}

    def flash(self, state: bytes) -> NorFlash:
        """A chip that holds `state`; `content(flash)` reads it back."""
        return NorFlash(io.BytesIO(state), len(state), self.layout.sector, self.layout.write_size)

    def strategy(self, flash: NorFlash):
        """The strategy as after a reset."""
        return self.layout.strategy(flash, self.trials, self._kind)

    def boot(self, state: bytes, confirms: bool = False, cut=None) -> Seen:
        """Boot flash that holds `state`; `cut` is (operation, shape, seed). With `confirms` an application
        that runs on trial confirms itself. The same flash always does the same, so it is remembered."""
        if cut:
            return self._boot(state, confirms, cut)
        key = (state, confirms)
        if key not in self._boots:
            self._boots[key] = self._boot(state, confirms, None)
        return self._boots[key]

    def _boot(self, state: bytes, confirms: bool, cut) -> Seen:
        flash = self.flash(state)
        if cut:
            flash.arm_cut(*cut)
        runs, place, trial, problem, power = "", 0, False, "", False
        try:
            boot = self.bootloader(flash).run()
            if boot.image is None:
                problem = "recovery: " + boot.reason
            else:
                place, trial = boot.area._offset, boot.trial is not None
                runs = self.at(content(flash), place)
            if runs and trial and confirms:
                self.strategy(flash).confirm()
        except PowerCut:
            power = True
        except Exception as error:
            runs, problem = "", f"raised {error!r}"
        return Seen(power, runs, place, trial, flash.ops, content(flash), problem)

    def bootloader(self, flash: NorFlash) -> Bootloader:
        buf = bytearray(self.layout.sector)
        if self._real:
            return Bootloader(self.strategy(flash), Verifier(KEYS, buf), EventLog(_Cells()))
        return Bootloader(self.strategy(flash), Approved(self.images, buf), QuietLog())

    def at(self, state: bytes, where: int) -> str:
        """The name of the approved image that lies at `where`, whole; or nothing."""
        return next((name for name, image in self.images.items() if state.startswith(image, where)), "")

    def holds(self, state: bytes, name: str, beside: int = -1) -> bool:
        """Image `name` lies whole at some sector other than the one at `beside`."""
        image = self.images[name]
        places = range(0, len(state), self.layout.sector)
        return any(at != beside and state.startswith(image, at) for at in places)

    def ask(self, last: Seen, name: str) -> str:
        """After the boot `last`, ask for update `name` once more, uploading it when it is not there; nothing,
        or what went wrong."""
        key = (last.state, name)
        if key not in self._asks:
            self._asks[key] = self._ask(last, name)
        return self._asks[key]

    def _ask(self, last: Seen, name: str) -> str:
        flash = self.flash(last.state)
        try:
            if self.at(last.state, self.layout.staged_at(last.place)) != name:
                self.upload(flash, name)
            self.strategy(flash).set_pending(False)
        except (StrategyError, OSError, ValueError) as error:
            return f"asking again: {error!r}"
        seen = self.boot(content(flash))
        if seen.runs != name:
            return f"asked again, {seen.runs or 'nothing'} runs, not {name} ({seen.problem})"
        return ""

    def upload(self, flash: NorFlash, name: str) -> None:
        """Send image `name` in chunks."""
        image = self.images[name]
        upload = Upload(self.strategy(flash), bytearray(self.layout.sector))
        step = self.layout.sector * 3 // 8 + 3
        for at in range(0, len(image), step):
            upload.chunk(at, image[at : at + step], len(image) if at == 0 else None)


def content(flash: NorFlash) -> bytes:
    """All bytes of the chip."""
    return flash._file.getvalue()
