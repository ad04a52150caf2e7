"""The mendings of a release of two components, each switched off: see mutations.py."""

from ophion_boot.core import ranked
from ophion_boot.core.depend import RUNTIME as RUNTIME_NUMBER
from ophion_boot.fmt.trailer import PERM, TEST


class RejectFirst:
    """The runtime is rejected before its application goes back."""

    def _back(self, why, staged=False):
        runtime = self._runtime
        partner = runtime.partner()
        runtime.reject()
        if staged or (partner and self._staged_hash() == partner):
            self._installer.refuse(why)
        elif partner and self._active_hash() == partner:
            self._installer.revert(why)


class Settle:
    """A confirmation that the application is owed is not given."""

    def facts(self):
        facts = super().facts()
        return (*facts[:6], False)


class TrialAfterBoot:
    """A trial is counted after ESP-IDF was told to boot the other runtime."""

    def _boot_other(self, new):
        self._runtime.boot_other()
        self._runtime.count_trial()
        return True


class LostGuard:
    """A new runtime that ESP-IDF would not take back stays where it is."""

    def facts(self):
        facts = super().facts()
        return (*facts[:4], True, *facts[5:])


class NoteAfterSwap:
    """What belongs together is noted when the application is swapped already."""

    def _begin(self):
        swap = self._strategy.decide()[0]
        partner = self._staged_hash()
        new, _ = self._new_runtime()
        if swap not in (TEST, PERM) or new is None:
            return super()._begin()
        if self._installer.swap_in(swap, {RUNTIME_NUMBER: new.header.version}):
            self._runtime.begin(partner)
            return True
        return super()._begin()


class Accept:
    """The old runtime does not tell ESP-IDF that it is back for good."""

    def facts(self):
        facts = super().facts()
        return (*facts[:5], True, facts[6])


class RequestForgotten:
    """An application that is active already is not asked for any more, whatever its request says."""

    _trying = False

    def _try(self, hold):
        self._trying = True
        try:
            return super()._try(hold)
        finally:
            self._trying = False

    def _staged_hash(self):
        partner = self._runtime.partner()
        if self._trying and partner and self._active_hash() == partner:
            return None
        return super()._staged_hash()


class NoteAgain:
    """A note is written over a torn one."""

    def begin(self, partner):
        area, slot = self._other.area, self._other
        program = area.program
        area.program = lambda at, buf: program(slot.trailer_at + ranked.record_bytes(slot.unit), buf)
        try:
            super().begin(partner)
        finally:
            del area.program


RELEASE = {
    "two_reject_first": RejectFirst,
    "two_settle": Settle,
    "two_trial_after_boot": TrialAfterBoot,
    "two_lost_guard": LostGuard,
    "two_note_after_swap": NoteAfterSwap,
    "two_accept": Accept,
    "two_request_forgotten": RequestForgotten,
}
RUNTIME = {
    "two_note_again": NoteAgain,
}
