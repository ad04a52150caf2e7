"""Puts application images where they belong: checks them, swaps them in, takes them back, repairs.

The strategy knows how, the Verifier which; outcomes go into the event log.
"""

from ophion_boot.core.area import Area, AreaError
from ophion_boot.core.decide import NAMES
from ophion_boot.core.depend import APP, RUNTIME, unmet
from ophion_boot.core.eventlog import EventLog
from ophion_boot.core.verify import Image, Verifier, VerifyError
from ophion_boot.fmt import FormatError
from ophion_boot.fmt.image import signature_tlvs
from ophion_boot.fmt.trailer import PERM, REVERT


class Installer:
    """Ties a strategy, a Verifier and an EventLog together.

    `versions` is {image number: version} of what runs beside the application (core/depend.py).
    """

    def __init__(self, strategy, verifier: Verifier, log: EventLog, versions: dict) -> None:  # type: ignore[no-untyped-def]
        self.strategy = strategy
        self.log = log
        self._verifier = verifier
        self._versions = versions

    def verified(self, area: Area, number: int = APP) -> tuple[Image | None, str]:
        """(Image, "") or (None, reason); a flash that cannot be read is a reason like any other."""
        try:
            return self._verifier.verify(area, area.size, number), ""
        except (VerifyError, AreaError) as e:
            return None, str(e)
        except OSError as e:
            return None, "flash error: %s" % e

    def check(self, area: Area, versions: dict | None = None) -> tuple[Image | None, str]:
        """The same for an application that is to run: what it depends on has to be there too."""
        image, why = self.verified(area)
        if image is not None:
            why = unmet(image.protected, self._versions if versions is None else versions)
        return (None, why) if why else (image, "")

    def digest(self, area: Area) -> bytes | None:
        """The SHA-256 that the image in `area` claims, unchecked; None when there is no image to read."""
        try:
            _, _, _, entries, tlvs = self._verifier.read_layout(area, area.size)
            return bytes(signature_tlvs(entries, tlvs)[0])
        except (VerifyError, FormatError, AreaError, OSError):
            return None

    def swap_in(self, action: int, versions: dict | None = None) -> bool:
        """Install the staged image, on trial or for good; one that is not to run is discarded."""
        new, why = self.check(self.strategy.staged(), versions)
        if new is None:
            self.refuse(why)
            return False
        old, _ = self.verified(self.strategy.active())
        self.strategy.install(action, *_pair(self._keepable(old), new))
        self.log_swap(action, "")
        return True

    def refuse(self, why: str) -> None:
        """Discard the staged image."""
        self.strategy.discard()
        self.log.add("refused", "", why)

    def revert(self, why: str) -> None:
        """Bring the best image that is not the active one; when there is none, the active one stays."""
        problem = self.go_back(why)
        if problem:
            self.strategy.keep()
            self.log.add("refused", "", "no way back: " + problem)

    def go_back(self, why: str, unwanted=None, before=None) -> str:  # type: ignore[no-untyped-def]
        """Bring the best image that is not the active one; "", or the problem when there is none.

        `unwanted(hash)` tells images that are no way back; `before()` is called when one is found, before
        anything changes.
        """
        new, _ = self.verified(self.strategy.active())
        problem = "there is no other image"
        for area, back, name in self.strategy.ways_back():
            old, problem = self.check(area)
            # An update (one that does not go back) must not be the image that has just failed.
            if old is None or not (back or (new is not None and new.hash != old.hash)):
                continue
            if unwanted and unwanted(old.hash):
                problem = "it has failed before"
                continue
            if before:
                before()
            self._put(old, back, new)
            self.log_swap(REVERT, _from(name, why))
            return ""
        return problem or "there is no other image"

    def repair(self, why: str) -> tuple[Image | None, str]:
        """The active image is not to be run: put a good one from elsewhere in its place."""
        for area, back, name in self.strategy.spares():
            found, _ = self.check(area)
            if found is None:
                continue
            try:
                self._put(found, back, None)
            except (OSError, ValueError) as e:
                return None, "%s; repair failed: %s" % (why, e)
            self.log.add("repaired", found.version, _from(name, why))
            return self.check(self.strategy.active())
        return None, why

    def log_swap(self, action: int, why: str) -> None:
        """Tell the log what was done, and to which version."""
        if action == REVERT:
            self.log.add("reverted", self.version(), why or "not confirmed")
        else:
            self.log.add("installed", self.version(), NAMES[action])

    def version(self) -> str:
        """The version of the active image, or ""."""
        image, _ = self.verified(self.strategy.active())
        return image.version if image else ""

    def _put(self, image: Image, back: bool, old: Image | None) -> None:
        """Make `image` the active one, instead of `old`."""
        pair = _pair(self._keepable(old), image)
        if back:
            self.strategy.revert(*pair)
        else:
            self.strategy.install(PERM, *pair)

    def _keepable(self, image: Image | None) -> Image | None:
        """The active image, unless it is encrypted and cannot be: elsewhere it has to lie as ciphertext."""
        why = self._verifier.unsealable(image) if image else ""
        if why:
            self.log.add("refused", "", "what runs is not kept: " + why)
        return None if why else image


def _pair(old: Image | None, new: Image) -> tuple:
    """What a strategy wants to know of the image that goes (None: nothing to keep) and the one that comes."""
    return old.total if old else 0, new.total, (old.seal if old else None, new.seal)


def settle(verifier: Verifier, image: Image, runtime=None) -> str:  # type: ignore[no-untyped-def]
    """`image`, and the runtime beside it, were confirmed: what they say is asked for from now on.

    Returns "" or why that could not be kept. A runtime that came over a cable says nothing.
    """
    trouble = verifier.confirmed(image)
    if runtime is not None:
        area = runtime.active()
        try:
            trouble = verifier.confirmed(verifier.verify(area, area.size, RUNTIME)) or trouble
        except (OSError, ValueError):
            pass
    return trouble


def _from(name: str, why: str) -> str:
    return "from %s: %s" % (name, why or "not confirmed") if name else why
