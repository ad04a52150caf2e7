"""One boot, decided: finish what was interrupted, install what was asked for, choose what runs.

No hardware: flash through the strategy, outcomes into the event log. Flash faults of the secondary
slot never stop a boot (MCUboot asserts there); an image runs only after `Verifier.verify`.
"""

from ophion_boot.compat import const
from ophion_boot.core.area import Area
from ophion_boot.core.decide import NAMES
from ophion_boot.core.depend import RUNTIME
from ophion_boot.core.eventlog import EventLog
from ophion_boot.core.install import Installer, settle
from ophion_boot.core.verify import Image, Verifier
from ophion_boot.fmt.trailer import NONE, REVERT

_TRIES = const(3)


class Boot:
    """What this boot runs: `image` (or None: recovery) in `area`, `trial` as (boot, boots) or None.

    `retry` is True when another boot may do better than recovery: there is an image, or half a swap.
    `restart` is True when nothing is to run: a reset now lets the other runtime boot.
    """

    def __init__(
        self, image: Image | None, area: Area | None, trial: tuple[int, int] | None, reason: str
    ) -> None:
        self.image: Image = image  # type: ignore[assignment]
        self.area: Area = area  # type: ignore[assignment]
        self.trial = trial
        self.reason = reason
        self.retry = image is not None
        self.restart = False


class Bootloader:
    """Ties a strategy, a Verifier, an EventLog and, where there is one, a Runtime together."""

    def __init__(self, strategy, verifier: Verifier, log: EventLog, runtime=None) -> None:  # type: ignore[no-untyped-def]
        self._strategy = strategy
        self._verifier = verifier
        self._log = log
        self._runtime = runtime
        versions = {RUNTIME: runtime.version} if runtime else {}
        self._installer = Installer(strategy, verifier, log, versions)
        self._release = _release(self._installer, runtime) if runtime else None

    def run(self, hold: bool = False) -> Boot:
        """Do one boot up to the choice of the image; returns a Boot and never raises for bad flash.

        With `hold` no other runtime is booted: recovery was asked for.
        """
        self._restart = False
        trouble = self._install_stubbornly(hold)
        if self._restart:
            return self._again("the other runtime boots")
        if self._half_done(trouble):
            # Neither image is whole now, or one of a release is in place without the other: a repair would
            # end the trial or lose an image.
            boot = Boot(None, None, None, trouble or "a release is being installed")
            boot.retry = True
            return boot
        return self._choose()

    def go_back(self, why: str, unwanted, before) -> Boot | None:  # type: ignore[no-untyped-def]
        """The active image is good but fails: boot another one. None when there is none to go back to.

        The arguments are those of `Installer.go_back`; no image on trial is asked for.
        """
        try:
            if self._installer.go_back(why, unwanted, before):
                return None
        except (OSError, ValueError) as e:
            trouble = "flash error while going back: %s" % e
            self._log.add("refused", "", trouble)
            if not self._half_done(trouble):
                return None
            boot = Boot(None, None, None, trouble)
            boot.retry = True
            return boot
        return self._choose()

    def _choose(self) -> Boot:
        image, why = self._installer.check(self._strategy.active())
        if self._runtime and self._runtime.on_trial():
            return self._on_trial(image, why)
        if image is None:
            image, why = self._installer.repair(why)
        if image is None:
            self._give_up()
            return Boot(None, None, None, why)
        self._settle(image)
        return Boot(image, self._strategy.active(), self._count_trial(), "")

    def _settle(self, image: Image) -> None:
        """The application that runs, if it is confirmed, says what is asked for from now on.

        While a release is open its application may still go back, whatever its flags say.
        """
        try:
            if self._strategy.on_trial() or (self._release and self._release.open()):
                return
        except OSError:
            return
        trouble = settle(self._verifier, image)
        if trouble:
            self._log.add("refused", "", trouble)

    def _on_trial(self, image: Image | None, why: str) -> Boot:
        """A new runtime runs: it repairs nothing, and leaves to the old one what does not work."""
        if image is None:
            self._log.add("refused", "", why)
            return self._again(why)
        if self._runtime.permanent() and self._runtime.confirm():
            self._log.add("confirmed", image.version, "installed for good, with its runtime")
            settle(self._verifier, image, self._runtime)
        return Boot(image, self._strategy.active(), self._runtime.trial(), "")

    def _again(self, why: str) -> Boot:
        boot = Boot(None, None, None, why)
        boot.retry = boot.restart = True
        return boot

    def _count_trial(self) -> tuple[int, int] | None:
        """Count a boot on trial; a fault of the other slot must not stop an image that is good."""
        try:
            return self._strategy.count_trial()
        except OSError as e:
            self._log.add("refused", "", "flash error while counting a boot on trial: %s" % e)
            return None

    def _install_stubbornly(self, hold: bool) -> str:
        """Install; a flash error is answered by trying again, then told. Returns the last one, or ""."""
        trouble = ""
        for _ in range(_TRIES):
            try:
                self._install(hold)
                return ""
            except (OSError, ValueError) as e:
                what = "flash error" if isinstance(e, OSError) else "trouble"
                trouble = "%s while installing: %s" % (what, e)
        self._log.add("refused", "", trouble)
        return trouble

    def _half_done(self, trouble: str) -> bool:
        try:
            if self._release and self._release.open():
                return True
            return trouble != "" and self._strategy.interrupted()
        except OSError:
            return trouble != ""

    def _give_up(self) -> None:
        """Nothing is bootable: end any trial, so that recovery may write to the secondary slot."""
        try:
            self._strategy.keep()
        except OSError as e:
            self._log.add("refused", "", "flash error: %s" % e)

    def _install(self, hold: bool) -> None:
        strategy, installer = self._strategy, self._installer
        resumed = strategy.resume()
        if resumed is not None:
            self._log.add("resumed", installer.version(), "a %s swap was cut off" % NAMES[resumed])
            installer.log_swap(resumed, "")
        if self._release:
            self._restart = self._release.step(hold)
            if self._restart or self._runtime.on_trial():
                return
        action, why = strategy.decide()
        if action == REVERT:
            installer.revert(why)
        elif action != NONE:
            installer.swap_in(action)


def _release(installer: Installer, runtime):  # type: ignore[no-untyped-def]
    """The Release of a board whose runtime is a component; others need none of its code."""
    from ophion_boot.core.release import Release

    return Release(installer, runtime)
