"""Two components, one release: application and runtime are installed, confirmed and taken back together.

The old runtime does the work: it checks both images, swaps the application, and lets ESP-IDF boot the
new runtime once for each trial; whatever goes wrong there, ESP-IDF boots the old one again. DESIGN.md
argues why no cut of power leaves one of the two without the other.
"""

from ophion_boot.core.decide import ANY, NO, YES
from ophion_boot.core.decide import NAMES as SWAP_NAMES
from ophion_boot.core.depend import APP, RUNTIME, unmet
from ophion_boot.core.install import Installer
from ophion_boot.core.runtime import Runtime
from ophion_boot.core.verify import Image
from ophion_boot.fmt.trailer import NONE, PERM, REVERT, TEST

BEGIN, TRY, BACK, RETURN, ACCEPT, SETTLE, NOTHING = 1, 2, 3, 4, 5, 6, 7

# asked: the other runtime ranks higher than the running one; begun: a release with it was begun; left: it
# has a trial left; trial: the running runtime is on trial; guarded: ESP-IDF takes it back at a reset;
# confirmed: ESP-IDF keeps the running runtime; owed: the running, confirmed runtime came with the active
# application, which is on trial. The first row that fits counts. SPEC.md 4.6 has this table; a test compares.
TABLE = (
    ("the old runtime is back for good", YES, ANY, ANY, ANY, ANY, NO, ANY, ACCEPT),
    ("a release is asked for", YES, NO, ANY, ANY, ANY, ANY, ANY, BEGIN),
    ("a release is to be tried", YES, YES, YES, ANY, ANY, ANY, ANY, TRY),
    ("a release had its trials", YES, YES, NO, ANY, ANY, ANY, ANY, BACK),
    ("the trial has lost its guard", NO, ANY, ANY, YES, NO, ANY, ANY, RETURN),
    ("the new runtime runs on trial", NO, ANY, ANY, YES, YES, ANY, ANY, NOTHING),
    ("the runtime is no trial of ours", NO, ANY, ANY, NO, ANY, NO, ANY, ACCEPT),
    ("the application's confirmation is owed", NO, ANY, ANY, NO, ANY, YES, YES, SETTLE),
    ("nothing to do", ANY, ANY, ANY, ANY, ANY, ANY, ANY, NOTHING),
)

# Stands for an application that cannot be told by its hash, because it does not verify.
_NOBODY = b"\x01" * 32


def decide(facts: tuple) -> tuple[int, str]:
    """The action for `facts` (asked, begun, left, trial, guarded, confirmed, owed) and its row's name."""
    for row in TABLE:
        if all(want is ANY or want == have for want, have in zip(row[1:8], facts)):
            return row[8], row[0]
    raise AssertionError("the last row fits everything")


class Release:
    """Acts on the table: `installer` has the application, `runtime` the runtime."""

    def __init__(self, installer: Installer, runtime: Runtime) -> None:
        self._installer = installer
        self._strategy = installer.strategy
        self._log = installer.log
        self._runtime = runtime

    def facts(self) -> tuple:
        """What the slots say, in the order of TABLE."""
        runtime = self._runtime
        asked = runtime.asked()
        partner = runtime.partner()
        return (
            asked,
            partner is not None,
            asked and runtime.trials_left(),
            runtime.on_trial(),
            runtime.guarded(),
            runtime.confirmed(),
            not asked and bool(partner) and self._strategy.on_trial() and self._active_hash() == partner,
        )

    def open(self) -> bool:
        """A release was begun by this runtime and is neither confirmed nor taken back."""
        return self._runtime.asked() and self._runtime.partner() is not None

    def step(self, hold: bool) -> bool:
        """Do what the table says; True when a reset has to follow. OSError and ValueError: try again."""
        action = decide(self.facts())[0]
        if action == ACCEPT:
            self._runtime.accept()
            action = decide(self.facts())[0]
        if action == BEGIN and self._begin():
            action = TRY
        if action == TRY:
            return self._try(hold)
        if action == BACK:
            self._back("not confirmed")
        elif action == RETURN and not hold:
            self._runtime.boot_other()
            return True
        elif action == SETTLE:
            self._settle()
        return False

    def _begin(self) -> bool:
        """Note what belongs to the release; False when it has to wait for the application's own affairs."""
        swap = self._strategy.decide()[0]
        area = self._strategy.active()
        if swap == REVERT:
            return False
        if swap != NONE:
            area = self._strategy.staged()
        app, why = self._installer.verified(area)
        if app is None and swap == NONE:
            return False
        if swap == NONE:
            self._runtime.begin(b"")
            return True
        self._runtime.begin(app.hash if app else _NOBODY)
        if app is None:
            self._back("the application that came with it: " + why, True)
            return False
        if (swap == PERM) != self._runtime.permanent():
            self._back("one of the two images is to stay, the other on trial")
            return False
        return True

    def _try(self, hold: bool) -> bool:
        new, why = self._new_runtime()
        if new is None:
            self._back(why)
            return False
        versions = {RUNTIME: new.header.version}
        partner = self._runtime.partner()
        if partner and self._staged_hash() == partner:
            # Also when it is the active one already: under golden the request outlives the copy.
            app, why = self._installer.check(self._strategy.staged(), versions)
            why = why or self._runtime_needs(new, app)
            if why:
                self._back(why)
                return False
            self._installer.swap_in(PERM if self._runtime.permanent() else TEST, versions)
        elif partner and self._active_hash() != partner:
            self._back("the application that came with it is gone")
            return False
        app, why = self._installer.check(self._strategy.active(), versions)
        why = why or self._runtime_needs(new, app)
        if why:
            self._back(why)
            return False
        return False if hold else self._boot_other(new)

    def _boot_other(self, new: Image) -> bool:
        first = self._runtime.count_trial() == 1
        try:
            self._runtime.boot_other()
        except OSError as e:
            self._back("ESP-IDF does not boot it: %s" % e)
            return False
        if first:
            kind = SWAP_NAMES[PERM if self._runtime.permanent() else TEST]
            self._log.add("installed", "runtime " + new.version, kind)
        return True

    def _new_runtime(self) -> tuple[Image | None, str]:
        if not self._runtime.looks_right():
            return None, "its payload is not an ESP-IDF application"
        return self._installer.verified(self._runtime.other(), RUNTIME)

    def _runtime_needs(self, new: Image, app: Image | None) -> str:
        return unmet(new.protected, {APP: app.header.version}) if app else ""

    def _back(self, why: str, staged: bool = False) -> None:
        """The release is over: its application goes back, or is not installed, then the runtime is rejected.

        In this order, because as long as the runtime is asked for, this is done again. With `staged` the
        pending application is discarded whatever it is.
        """
        partner = self._runtime.partner()
        if staged or (partner and self._staged_hash() == partner):
            self._installer.refuse(why)
        elif partner and self._active_hash() == partner:
            self._installer.revert(why)
        self._runtime.reject()
        self._log.add("reverted" if self._runtime.tried() else "refused", "runtime", why)

    def _settle(self) -> None:
        if self._strategy.confirm():
            self._log.add("confirmed", self._installer.version(), "with its runtime")

    def _active_hash(self) -> bytes | None:
        return self._installer.digest(self._strategy.active())

    def _staged_hash(self) -> bytes | None:
        """The digest of the pending application, or None when none is pending."""
        if self._strategy.decide()[0] not in (TEST, PERM):
            return None
        return self._installer.digest(self._strategy.staged())
