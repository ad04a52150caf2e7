"""Install strategy `golden`: an update is copied over the active image, and a factory image is the way back.

Three areas: the active slot, the download slot where an update is staged, and the factory ("golden")
image, which the device never writes. Nothing is swapped, so a copy that was cut off simply starts
again: its request (an update's magic, or the note of a restore) stands in the download slot's trailer
until the copy is complete. SPEC.md has the bytes, DESIGN.md why no cut of power can lose the device.
"""

from ophion_boot.core.area import Area
from ophion_boot.core.slot import Slot
from ophion_boot.core.swap_base import SwapBase
from ophion_boot.fmt import trailer

NAME = "golden"


class Golden(SwapBase):
    """`golden` is the Area of the factory image; the other arguments are those of SwapBase.

    The restore note has two states: begun, and (copy_done beside it) complete. A complete note stays and
    says that the image in the download slot was rejected, until another one is asked for or uploaded.
    """

    name = NAME
    areas = ("primary", "secondary", "golden")
    marks_per_sector = 0
    size_field = trailer.TLV_SIZES
    other_goes_back = False
    # A copy that was cut off starts again from an image that is whole: its TLVs are where they were.
    keeps_seals = False

    def __init__(  # type: ignore[no-untyped-def]
        self,
        primary: Area,
        secondary: Area,
        golden: Area,
        buf: bytearray,
        trials: int = 3,
        feed=None,
        secret=None,
    ) -> None:
        SwapBase.__init__(self, primary, secondary, buf, trials, feed, secret)
        golden.sealed = True
        self._golden = golden

    def swapped_out(self) -> Area:
        """The factory image: nothing else is kept of what an update replaced."""
        return self._golden

    def ways_back(self) -> tuple[tuple[Area, bool, str], ...]:
        """What may run instead of the active image: the update unless it is rejected, the factory image."""
        golden = (self._golden, True, NAME)
        return (golden,) if self._noted() else ((self.staged(), False, "download"), golden)

    def spares(self) -> tuple[tuple[Area, bool, str], ...]:
        """What may run when the active image is damaged: the same."""
        return self.ways_back()

    def install(self, swap_type: int, old_size: int, new_size: int, seals: tuple = (None, None)) -> None:
        """Copy the staged image over the active one, under the request that asked for it.

        A repair writes the request itself. During a trial it stays a trial: an image that was on trial
        keeps the count of its boots, one that replaces a rejected image begins with none.
        """
        self._open((None, seals[1]))
        facts = self.facts()
        boots = 0
        if facts.pending:
            swap_type = self.decide()[0]
        else:
            if facts.on_trial:
                swap_type = trailer.TEST
                boots = self._journal.trials_used()
            self._request(swap_type == trailer.PERM)
        self._copy(swap_type, self.staged(), old_size, new_size, boots if boots < self._trials else 0)
        self.secondary.erase_trailer()

    def revert(self, new_size: int, old_size: int, seals: tuple = (None, None)) -> None:
        """Copy the factory image over the active one; what the download slot holds is rejected.

        A complete note is left alone: it stands only while the active image is a factory image, so what
        is restored now is damaged and every boot tries again.
        """
        self._open((None, seals[1]))
        if not self._noted():
            self.secondary.erase_trailer()
            self._note.write(trailer.REVERT, new_size, old_size)
        self._copy(trailer.REVERT, self._golden, new_size, old_size)
        self.secondary.write_flag(trailer.COPY_DONE)

    def interrupted(self) -> bool:
        """Never: see `resume`."""
        return False

    def resume(self) -> None:
        """Nothing: a copy that was cut off still has its request, and the table decides anew."""

    def keep(self) -> None:
        """End a trial whose way back is lost: the image that runs stays."""
        self.primary.write_flag(trailer.IMAGE_OK)
        if self._noted():
            self.secondary.write_flag(trailer.COPY_DONE)
        else:
            self.secondary.erase_trailer()

    def _noted(self) -> bool:
        return SwapBase._revert_noted(self)

    def _revert_noted(self) -> bool:
        return self._noted() and self.secondary.flag(trailer.COPY_DONE) == trailer.UNSET

    def _copy(self, swap_type: int, source: Area, old_size: int, new_size: int, boots: int = 0) -> None:
        """Bring `source` into the active slot, its trailer with it; nothing when that is done already."""
        sectors = self._sectors(new_size)
        if self._complete(source, sectors):
            return
        self._begin(swap_type, old_size, new_size)
        for _ in range(boots):
            self._journal.count_trial()
        for sector in range(sectors):
            self._feed()
            self.primary.area.erase(sector)
            self._read(source, sector * self._sector, self._buf)
            self.primary.area.program(sector * self._sector, self._buf)
        self._finish(swap_type)

    def _read(self, source: Area, at: int, buf: memoryview) -> None:
        """Fill `buf` from byte `at` of the image in `source`, decrypted."""
        source.read(at, buf)
        if self._ciphers:
            self._ciphers[1].xor(buf, at)

    def _complete(self, source: Area, sectors: int) -> bool:
        """True when only the request of a finished copy is left: same bytes, and a whole trailer.

        Without this, an erase that tears the image_ok out of a permanent request would put the image,
        which is installed for good by then, on trial.
        """
        pri: Slot = self.primary
        if pri.magic() != trailer.GOOD or pri.flag(trailer.COPY_DONE) == trailer.UNSET:
            return False
        if self._journal.read() is None:
            return False
        half = self._sector // 2
        ours, theirs = self._buf[:half], self._buf[half : 2 * half]
        for at in range(0, sectors * self._sector, half):
            pri.area.read(at, ours)
            self._read(source, at, theirs)
            if ours != theirs:
                return False
        return True
