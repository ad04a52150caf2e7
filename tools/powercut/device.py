"""A device as a function: flash before, one boot, flash after."""

from collections import namedtuple

from nor import NorFlash, PowerCut
from ophion_boot.core.patching import Patching
from ophion_boot.core.receive import Upload, UploadError
from ophion_boot.core.strategy import StrategyError
from ophion_boot.core.verify import Verifier

from powercut.chip import ENDLESS, RESETS_MAX, Chip, Parts, QuietLog, Ran, confirm, content, with_starts

BLOCK = 16
NO_BASE = 3
"""The code of a refused patch whose base does not run."""
Seen = namedtuple("Seen", "cut runs place trial runtime starts ops state problem")
"""One boot, from outside: was it cut; what Ran says; flash operations; flash afterwards; what the bootloader
raised, or nothing."""


class Device(Chip):
    """A Chip whose boots are remembered: the same flash always does the same."""

    def __init__(self, *args, **more) -> None:
        super().__init__(*args, **more)
        self._boots: dict = {}
        self._starts: dict = {}
        self._states: dict = {}
        self._asks: dict = {}
        self._secrets: set[bytes] = set()
        self._plain: set[bytes] = set()
        self._leaks: dict = {}
        # What is sent instead of an image, as long as its base runs: {image: patch}.
        self.patches: dict[bytes, bytes] = {}

    def hides(self, secrets: set[bytes], plain: set[bytes]) -> None:
        """What must not lie in flash: `secrets` nowhere, the blocks `plain` only in the primary slot."""
        self._secrets, self._plain = secrets, plain

    def leak(self, state: bytes) -> str:
        """What lies in flash and must not, in words, or ""."""
        if not self._secrets:
            return ""
        if state not in self._leaks:
            self._leaks[state] = self._leak(state)
        return self._leaks[state]

    def _leak(self, state: bytes) -> str:
        if any(secret in state for secret in self._secrets):
            return "a key lies in flash"
        start = self.layout.sizes[0] * self.layout.sector
        found = {state[at : at + BLOCK] for at in range(start, len(state), BLOCK)}
        return "" if found.isdisjoint(self._plain) else "plaintext lies outside the primary slot"

    def boot(self, state: bytes, confirms: bool = False, cut=None) -> Seen:
        """Boot flash that holds `state`; `cut` is (operation, shape, seed). With `confirms` an application
        that runs on trial confirms itself."""
        if cut:
            return self._boot(state, confirms, cut)
        key = (state, confirms)
        if key not in self._boots:
            self._boots[key] = self._boot(state, True, None) if confirms else self._remembered(state)
        return self._boots[key]

    def _boot(self, state: bytes, confirms: bool, cut) -> Seen:
        flash = self.flash(state)
        if cut:
            flash.arm_cut(*cut)
        power, ran = False, Ran("", 0, False, "", (), "")
        try:
            ran, parts = self.run(flash)
            if ran.runs and ran.trial and confirms:
                confirm(parts)
        except PowerCut:
            power = True
        except Exception as error:
            ran = ran._replace(runs="", problem=f"raised {error!r}")
        return Seen(power, *ran[:-1], flash.ops, self._same(content(flash)), ran.problem)

    def _remembered(self, state: bytes) -> Seen:
        """The same without cut and confirmation: what happens from one reset to the next is remembered."""
        names, ops, ran = [], 0, None
        while ran is None and len(names) < RESETS_MAX:
            if state not in self._starts:
                self._starts[state] = self._start(state)
            name, ran, more, state = self._starts[state]
            names.append(name)
            ops += more
        ran = with_starts(ran or Ran("", 0, False, "", (), ENDLESS), names)
        return Seen(False, *ran[:-1], ops, state, ran.problem)

    def _start(self, state: bytes) -> tuple:
        flash = self.flash(state)
        try:
            name, ran, _ = self.start(flash)
        except Exception as error:
            name, ran = "", Ran("", 0, False, "", (), f"raised {error!r}")
        return name, ran, flash.ops, self._same(content(flash))

    def _same(self, state: bytes) -> bytes:
        """One object for equal states: many cuts come to the same flash."""
        return self._states.setdefault(state, state)

    def parts_at_rest(self, flash: NorFlash) -> Parts:
        """What the boot made that runs already, of a device that is at rest."""
        if not self.layout.two:
            return self.parts(flash)
        idf = self.idf(flash)
        idf.start()
        return self.parts(flash, idf, self.runtime_at(content(flash), idf.running.offset))

    def holds(self, state: bytes, name: str, beside: int = -1) -> bool:
        """Image `name` lies whole at some sector other than the one at `beside`."""
        image = self.images[name]
        places = range(0, len(state), self.layout.sector)
        return any(at != beside and state.startswith(image, at) for at in places)

    def ask(self, last: Seen, app: str, runtime: str = "") -> str:
        """After the boot `last`, ask for an update once more, uploading what is not there; nothing, or what
        went wrong. `app`, `runtime`: what it consists of."""
        key = (last.state, app, runtime)
        if key not in self._asks:
            self._asks[key] = self._ask(last, app, runtime)
        return self._asks[key]

    def _ask(self, last: Seen, app: str, runtime: str) -> str:
        flash = self.flash(last.state)
        try:
            parts = self.parts_at_rest(flash)
            missing = self.stored_at(last.state, self.layout.staged_at(last.place)) != app
            self.request(parts, app if missing else "", runtime)
            if app and not missing:
                parts.strategy.set_pending(False)
        except (StrategyError, OSError, ValueError) as error:
            return f"asking again: {error!r}"
        seen = self.boot(content(flash))
        wanted = (app or last.runs, runtime)
        if (seen.runs, seen.runtime) != wanted:
            return f"asked again, {(seen.runs, seen.runtime)} run, not {wanted} ({seen.problem})"
        return ""

    def request(self, parts: Parts, app: str, runtime: str = "", permanent: bool = False) -> None:
        """Upload an application, a runtime or both, and ask for them."""
        if runtime:
            self.upload(parts.runtime, self.runtimes[runtime])
        if app:
            self.upload(parts.strategy, self.images[app])
        if runtime:
            parts.runtime.set_pending(permanent)
        if app:
            parts.strategy.set_pending(permanent)

    def upload(self, target, image: bytes) -> None:
        """Send `image` in chunks to `target`, a strategy or a Runtime; as a patch, where there is one."""
        upload = Upload(target, bytearray(self.layout.sector))
        if image in self.patches:
            verifier = Verifier([], bytearray(self.layout.sector), self._secret())
            kind = self._kinds.patching if verifier.secret else Patching
            patching = kind(upload, target, verifier, 0, None, QuietLog())
            try:
                self._send(patching, self.patches[image])
                return
            except UploadError as error:
                if error.rc != NO_BASE:
                    raise
        self._send(upload, image)

    def _send(self, upload, data: bytes) -> None:
        step = self.layout.sector * 3 // 8 + 3
        for at in range(0, len(data), step):
            while upload.chunk(at, data[at : at + step], len(data) if at == 0 else None) is None:
                pass
