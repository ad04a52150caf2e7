"""The mended weaknesses, each switched off from outside: a subclass with the naive behaviour.

The campaign must find failures with any of them; nothing of this is in the bootloader. Those of a release
of two components are in mutations_two.py, those of encrypted updates in mutations_enc.py.
"""

from ophion_boot.core.decide import Facts
from ophion_boot.core.release import Release
from ophion_boot.core.runtime import Runtime
from ophion_boot.core.sealed_patching import SealedPatching
from ophion_boot.fmt import trailer
from ophion_boot.fmt.image import Header

from powercut import mutations_enc, mutations_two
from powercut.chip import Kinds


def kinds(strategy: type, name: str) -> Kinds:
    """The classes of a device with this strategy, without the mending `name`."""
    if name in mutations_two.RELEASE:
        return Kinds(strategy, release=_mutant(Release, name))
    if name in mutations_two.RUNTIME:
        return Kinds(strategy, runtime=_mutant(Runtime, name))
    if name in mutations_enc.PATCHING:
        return Kinds(strategy, patching=_mutant(SealedPatching, name))
    return Kinds(_mutant(strategy, name))


def _mutant(kind: type, name: str) -> type:
    return type(kind.__name__, (MUTATIONS[name], kind), {})


class RequestWins:
    """A resume ignores the request in the secondary slot: whatever journal is there is followed."""

    def resume(self):
        pri = self.primary
        record = self._journal.read()
        if pri.magic() != trailer.GOOD or pri.flag(trailer.COPY_DONE) != trailer.UNSET or record is None:
            return None
        self._run(*record)
        return record[0]


class _ExactFlag:
    """The flag `field` counts only when it reads exactly 1, as in MCUboot."""

    field = 0

    def facts(self):
        pri, sec = self.primary, self.secondary
        row = super().facts().row
        flags = [pri.flag, sec.flag]
        ok, done = trailer.IMAGE_OK, trailer.COPY_DONE

        def exact(slot: int, field: int) -> int:
            value = flags[slot](field)
            return trailer.UNSET if field == self.field and value == trailer.BAD else value

        return Facts(
            row[0],
            sec.magic(),
            exact(1, ok),
            exact(1, done),
            pri.magic(),
            exact(0, ok),
            exact(0, done),
            row[7],
        )

    def on_trial(self):
        return self.facts().on_trial


class TornCopyDone(_ExactFlag):
    """copy_done counts only when exactly 1: torn, it is neither a swap to finish nor one that is done."""

    field = trailer.COPY_DONE


class TornImageOk(_ExactFlag):
    """image_ok counts only when exactly 1: torn, it can never be written again."""

    field = trailer.IMAGE_OK


class TornMagic:
    """A request is written over whatever is there, a torn one as well."""

    def _request(self, permanent):
        slot = self.secondary
        slot.write_field(trailer.SWAP_INFO, bytes((trailer.PERM if permanent else trailer.TEST,)))
        if permanent:
            slot.write_flag(trailer.IMAGE_OK)
        slot.write_magic()


class RequestMagicLast:
    """The magic of a request is written before what it vouches for."""

    def _request(self, permanent):
        slot = self.secondary
        slot.erase_trailer()
        slot.write_magic()
        if permanent:
            slot.write_flag(trailer.IMAGE_OK)


class SizesInJournal:
    """A resume reads sizes from the headers that lie there now, as MCUboot does."""

    def resume(self):
        self._resuming = True
        try:
            return super().resume()
        finally:
            self._resuming = False

    def _run(self, swap_type, pri_size, sec_size):
        if getattr(self, "_resuming", False):
            source = self.swapped_out() if swap_type == trailer.REVERT else self.staged()
            pri_size, sec_size = _header_size(self.active()), _header_size(source)
        super()._run(swap_type, pri_size, sec_size)


def _header_size(area) -> int:
    head = bytearray(32)
    area.read(0, head)
    try:
        return Header(head).signed_size + 144
    except ValueError:
        return 0


class RevertNote:
    """A revert is begun without a note."""

    def revert(self, new_size, old_size, seals=()):
        self.secondary.erase_trailer()
        self._begin(trailer.REVERT, new_size, old_size)
        self._run(trailer.REVERT, new_size, old_size)


class MarkAnyBit:
    """A progress mark counts only when it is wholly written."""

    def __init__(self, *args):
        super().__init__(*args)
        journal = self._journal
        step_bytes = len(journal._mark)

        def done(step: int) -> bool:
            journal._area.read(journal._marks_at + step * step_bytes, journal._mark)
            return not any(journal._mark)

        journal.done = done


class MarkAfterCopy:
    """A progress mark is written before the step that it stands for."""

    def _step(self, number, source, source_sector, target, target_sector):
        if self._journal.done(number):
            return
        target.erase(target_sector)
        source.read(source_sector * self._sector, self._buf)
        self._journal.mark(number)
        target.program(target_sector * self._sector, self._buf)


class MagicLast:
    """A new journal's magic is written before the journal."""

    def _begin(self, swap_type, pri_size, sec_size, seals=()):
        self.primary.erase_trailer()
        self.primary.write_magic()
        self.secondary.erase_trailer()
        self._journal.write(swap_type, pri_size, sec_size)


class CopyDoneLast:
    """copy_done is written before image_ok."""

    def _finish(self, swap_type):
        self.primary.write_flag(trailer.COPY_DONE)
        if swap_type != trailer.TEST:
            self.primary.write_flag(trailer.IMAGE_OK)


class TrialCounted:
    """A boot on trial is not counted before the application runs."""

    def count_trial(self):
        return (1, self._trials) if self.facts().on_trial else None


class TrialInSwap:
    """The boot that swaps counts as a trial before it jumps: a cut after the last write costs the trial."""

    def _finish(self, swap_type):
        if swap_type == trailer.TEST:
            self._journal.count_trial()
        super()._finish(swap_type)


MUTATIONS = {
    "request_wins": RequestWins,
    "torn_copy_done": TornCopyDone,
    "torn_image_ok": TornImageOk,
    "torn_magic": TornMagic,
    "request_magic_last": RequestMagicLast,
    "sizes_in_journal": SizesInJournal,
    "revert_note": RevertNote,
    "mark_any_bit": MarkAnyBit,
    "mark_after_copy": MarkAfterCopy,
    "magic_last": MagicLast,
    "copy_done_last": CopyDoneLast,
    "trial_counted": TrialCounted,
    "trial_in_swap": TrialInSwap,
    **mutations_enc.ENCRYPTED,
    **mutations_enc.PATCHING,
    **mutations_two.RELEASE,
    **mutations_two.RUNTIME,
}
