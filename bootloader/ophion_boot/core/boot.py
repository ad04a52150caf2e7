"""One boot, decided: finish what was interrupted, install what was asked for, choose what runs.

No hardware: flash through the strategy, outcomes into the event log. Flash faults of the secondary
slot never stop a boot (MCUboot asserts there); an image runs only after `Verifier.verify`.
"""

from ophion_boot.compat import const
from ophion_boot.core.area import Area
from ophion_boot.core.decide import NAMES
from ophion_boot.core.eventlog import EventLog
from ophion_boot.core.verify import Image, Verifier, VerifyError
from ophion_boot.fmt.trailer import NONE, PERM, REVERT

_TRIES = const(3)


class Boot:
    """What this boot runs: `image` (or None: recovery) in `area`, `trial` as (boot, boots) or None.

    `retry` is True when another boot may do better than recovery: there is an image, or half a swap.
    """

    def __init__(
        self, image: Image | None, area: Area | None, trial: tuple[int, int] | None, reason: str
    ) -> None:
        self.image: Image = image  # type: ignore[assignment]
        self.area: Area = area  # type: ignore[assignment]
        self.trial = trial
        self.reason = reason
        self.retry = image is not None


class Bootloader:
    """Ties a strategy, a Verifier and an EventLog together."""

    def __init__(self, strategy, verifier: Verifier, log: EventLog) -> None:  # type: ignore[no-untyped-def]
        self._strategy = strategy
        self._verifier = verifier
        self._log = log

    def run(self) -> Boot:
        """Do one boot up to the choice of the image; returns a Boot and never raises for bad flash."""
        trouble = self._install_stubbornly()
        if trouble and self._half_done():
            # Neither image is whole now: a repair from half a swap would end the trial or lose an image.
            boot = Boot(None, None, None, trouble)
            boot.retry = True
            return boot
        image, why = self._check(self._strategy.active())
        if image is None:
            image, why = self._repair(why)
        if image is None:
            self._give_up()
            return Boot(None, None, None, why)
        self._settle(image)
        return Boot(image, self._strategy.active(), self._count_trial(), "")

    def _settle(self, image: Image) -> None:
        """The image that runs, if it is confirmed, says what is asked for from now on."""
        try:
            if self._strategy.on_trial():
                return
        except OSError:
            return
        trouble = self._verifier.confirmed(image)
        if trouble:
            self._log.add("refused", "", trouble)

    def _count_trial(self) -> tuple[int, int] | None:
        """Count a boot on trial; a fault of the other slot must not stop an image that is good."""
        try:
            return self._strategy.count_trial()
        except OSError as e:
            self._log.add("refused", "", "flash error while counting a boot on trial: %s" % e)
            return None

    def _install_stubbornly(self) -> str:
        """Install; a flash error is answered by trying again, then told. Returns the last one, or ""."""
        trouble = ""
        for _ in range(_TRIES):
            try:
                self._install()
                return ""
            except (OSError, ValueError) as e:
                trouble = "flash error while installing: %s" % e
        self._log.add("refused", "", trouble)
        return trouble

    def _half_done(self) -> bool:
        try:
            return self._strategy.interrupted()
        except OSError:
            return True

    def _give_up(self) -> None:
        """Nothing is bootable: end any trial, so that recovery may write to the secondary slot."""
        try:
            self._strategy.keep()
        except OSError as e:
            self._log.add("refused", "", "flash error: %s" % e)

    def _install(self) -> None:
        strategy = self._strategy
        resumed = strategy.resume()
        if resumed is not None:
            self._log.add("resumed", self._version(), "a %s swap was cut off" % NAMES[resumed])
            self._log_swap(resumed, "")
        action, why = strategy.decide()
        if action == REVERT:
            self._revert(why)
        elif action != NONE:
            self._swap_in(action)

    def _swap_in(self, action: int) -> None:
        strategy = self._strategy
        new, why = self._check(strategy.staged())
        if new is None:
            strategy.discard()
            self._log.add("refused", "", why)
            return
        old, _ = self._check(strategy.active())
        strategy.install(action, old.total if old else 0, new.total)
        self._log_swap(action, "")

    def _revert(self, why: str) -> None:
        strategy = self._strategy
        new, _ = self._check(strategy.active())
        problem = "there is no other image"
        for area, back, name in strategy.ways_back():
            old, problem = self._check(area)
            # An update (one that does not go back) must not be the image that has just failed.
            if old is None or not (back or (new is not None and new.hash != old.hash)):
                continue
            self._put(old, back, new)
            self._log_swap(REVERT, _from(name, why))
            return
        strategy.keep()
        self._log.add("refused", "", "no way back: " + problem)

    def _put(self, image: Image, back: bool, old: Image | None) -> None:
        """Make `image` the active one, instead of `old`."""
        if back:
            self._strategy.revert(old.total if old else 0, image.total)
        else:
            self._strategy.install(PERM, old.total if old else 0, image.total)

    def _repair(self, why: str) -> tuple[Image | None, str]:
        """The active image is not to be run: put a good one from elsewhere in its place."""
        for area, back, name in self._strategy.spares():
            found, _ = self._check(area)
            if found is None:
                continue
            try:
                self._put(found, back, None)
            except (OSError, ValueError) as e:
                return None, "%s; repair failed: %s" % (why, e)
            self._log.add("repaired", found.version, _from(name, why))
            return self._check(self._strategy.active())
        return None, why

    def _check(self, area: Area) -> tuple[Image | None, str]:
        """(Image, "") or (None, reason); a flash that cannot be read is a reason like any other."""
        try:
            return self._verifier.verify(area, self._strategy.max_image_size), ""
        except VerifyError as e:
            return None, str(e)
        except OSError as e:
            return None, "flash error: %s" % e

    def _log_swap(self, action: int, why: str) -> None:
        if action == REVERT:
            self._log.add("reverted", self._version(), why or "not confirmed")
        else:
            self._log.add("installed", self._version(), NAMES[action])

    def _version(self) -> str:
        image, _ = self._check(self._strategy.active())
        return image.version if image else ""


def _from(name: str, why: str) -> str:
    return "from %s: %s" % (name, why or "not confirmed") if name else why
