"""What the swapping strategies share: requests, trials, the journal, and the order of a swap.

A subclass says where images lie and in which steps two images change places; DESIGN.md has the
argument that this order loses no image, whatever the steps, as long as each step's source stays
whole until its mark is in flash.
"""

from ophion_boot.core.area import Area
from ophion_boot.core.decide import Facts, decide
from ophion_boot.core.journal import TRIALS_MAX, Journal, trailer_bytes
from ophion_boot.core.slot import Slot
from ophion_boot.core.strategy import StrategyError
from ophion_boot.fmt import trailer


class SwapBase:
    """`primary` and `secondary` are Areas; `image_sectors(primary, secondary)` of the subclass says how
    many sectors an image may have.

    `buf` (whole sectors) is lent for copying; `trials` (1..8) is how many boots an update gets to be
    confirmed; `feed()` is called for each step, for a watchdog. `secret` opens encrypted images, on a board
    that takes them.
    """

    name = ""
    areas: tuple[str, ...] = ("primary", "secondary")
    marks_per_sector = 2
    size_field = trailer.SWAP_SIZE
    header_sectors: tuple[int, ...] = (0,)
    other_goes_back = True
    takes_encrypted = True
    keeps_seals = True

    def __init__(  # type: ignore[no-untyped-def]
        self, primary: Area, secondary: Area, buf: bytearray, trials: int = 3, feed=None, secret=None
    ) -> None:
        if not 1 <= trials <= TRIALS_MAX:
            raise StrategyError("trials is %d, not 1..%d" % (trials, TRIALS_MAX))
        sectors = (primary.sectors, secondary.sectors)
        self._sector = primary.sector
        self._secret = secret
        self._ciphers: tuple = ()
        sealed = secret is not None
        self.max_image_size = self.room(sectors, primary.sector, primary.write_size, sealed)
        if self.max_image_size <= 0:
            raise StrategyError("slots of %d and %d sectors leave no room" % sectors)
        need = self._trailer_sectors(primary.sectors, primary.sector, primary.write_size, sealed)
        secondary.sealed = self.takes_encrypted
        self.primary = Slot(primary, need)
        self.secondary = Slot(secondary, need)
        self._journal = Journal(self.primary)
        self._records = self._make_records() if sealed and self.keeps_seals else None
        self._note = Journal(self.secondary)
        self._buf = memoryview(buf)[: self._sector]
        self._trials = trials
        self._feed = feed or (lambda: None)

    @classmethod
    def room(cls, sectors: tuple[int, ...], sector: int, write_size: int, sealed: bool = False) -> int:
        """The most bytes of an image, 0 or less when there is no room; `sectors` are those of `areas`.

        `sealed`: the board takes encrypted images.
        """
        need = cls._trailer_sectors(sectors[0], sector, write_size, sealed)
        return cls.image_sectors(sectors[0] - need, sectors[1] - need) * sector

    @classmethod
    def _trailer_sectors(cls, primary: int, sector: int, write_size: int, sealed: bool = False) -> int:
        sealed = sealed and cls.keeps_seals
        return -(-trailer_bytes(primary, write_size, cls.marks_per_sector, sealed) // sector)

    # What a subclass says

    @staticmethod
    def image_sectors(primary: int, secondary: int) -> int:
        """Sectors that an image may have in slots that leave this many beside their trailers."""
        return min(primary, secondary)

    def other(self) -> Area:
        """The area of the other image."""
        return self.staged()

    def staged(self) -> Area:
        """The area where an update lies."""
        return self.secondary.area.part(0, self.max_image_size)

    def swapped_out(self) -> Area:
        """The area where the image lies that a swap took out of the primary slot."""
        return self.secondary.area.part(0, self.max_image_size)

    def ways_back(self) -> tuple[tuple[Area, bool, str], ...]:
        """What may run when a trial is over, the preferred one first (`core/strategy.py`)."""
        return ((self.swapped_out(), True, ""),)

    def spares(self) -> tuple[tuple[Area, bool, str], ...]:
        """What may run when the active image is damaged, the preferred one first."""
        return ((self.swapped_out(), True, ""), (self.staged(), False, ""))

    def _swap_in(self, old: int, new: int) -> None:
        """Bring the secondary's image of `new` sectors in, and the primary's of `old` sectors out."""

    def _swap_back(self, new: int, old: int) -> None:
        """Bring the image of `old` sectors back for the one of `new` sectors."""

    # What the slots hold

    def active(self) -> Area:
        """The area of the image that runs."""
        return self.primary.area.part(0, self.max_image_size)

    def facts(self) -> Facts:
        """What the trailers say, for `decide`."""
        pri, sec = self.primary, self.secondary
        ok, done = trailer.IMAGE_OK, trailer.COPY_DONE
        left = self._journal.read() is not None and self._journal.trials_used() < self._trials
        return Facts(
            self._revert_noted(),
            sec.magic(),
            sec.flag(ok),
            sec.flag(done),
            pri.magic(),
            pri.flag(ok),
            pri.flag(done),
            left,
        )

    def decide(self) -> tuple[int, str]:
        """The swap type of the next boot and the reason for it."""
        return decide(self.facts())

    # What applications and operators ask for

    def begin_upload(self) -> None:
        """Make the secondary slot free for a new image: no request and no header stays behind.

        Raises StrategyError while the image there is wanted.
        """
        self.check_upload()
        self.discard()

    def check_upload(self) -> None:
        """Raise StrategyError while the image in the secondary slot is wanted."""
        if self.interrupted():
            raise StrategyError("a swap is half done: the next boot finishes it")
        facts = self.facts()
        if facts.on_trial:
            raise StrategyError("the running image is on trial: the other slot holds the way back")
        if facts.pending:
            raise StrategyError("an update is pending: the next boot installs it")

    def discard(self) -> None:
        """Forget what the secondary slot holds, whatever it is: its request first, then its headers."""
        self.secondary.erase_trailer()
        for sector in self.header_sectors:
            if not self.secondary.sector_blank(sector):
                self.secondary.area.erase(sector)

    def set_pending(self, permanent: bool) -> None:
        """Ask the next boot to install the staged image, on trial or for good.

        Raises StrategyError for a swapped-out one that does not lie where an update does.
        """
        facts = self.facts()
        if facts.on_trial:
            raise StrategyError("an image is on trial: confirm it first")
        if facts.pending:
            if self.decide()[0] == (trailer.PERM if permanent else trailer.TEST):
                return
        if self.other().offset != self.staged().offset:
            raise StrategyError("it ran before: send it again")
        self._request(permanent)

    def on_trial(self) -> bool:
        """True while nobody confirmed the image that was installed; asks the running slot alone.

        A slot that cannot be read must not keep the image in the other one from being confirmed.
        """
        return self._installed() and self.primary.flag(trailer.IMAGE_OK) == trailer.UNSET

    def _installed(self) -> bool:
        pri = self.primary
        return pri.magic() == trailer.GOOD and pri.flag(trailer.COPY_DONE) != trailer.UNSET

    def confirm(self) -> bool:
        """Let the running image stay; True when it was on trial until now."""
        if not self.on_trial():
            return False
        self.primary.write_flag(trailer.IMAGE_OK)
        return True

    def count_trial(self) -> tuple[int, int] | None:
        """Count this boot, before the image runs; returns (boot, boots) or None when not on trial."""
        if not self.on_trial():
            return None
        self._journal.count_trial()
        return self._journal.trials_used(), self._trials

    # What the bootloader does

    def install(self, swap_type: int, old_size: int, new_size: int, seals: tuple = (None, None)) -> None:
        """Swap the staged image in: `old_size` and `new_size` are the bytes of the two images.

        `seals` are their Seals, None for a plain image; CryptoError, before anything is written, when one
        of them cannot be opened. The request in the secondary trailer must be in flash before the primary
        trailer is erased: it is written here when the image was not pending (a repair).
        """
        self._open(seals)
        if self.secondary.magic() != trailer.GOOD:
            self._request(swap_type == trailer.PERM)
        self._begin(swap_type, old_size, new_size, seals)
        self._run(swap_type, old_size, new_size)

    def revert(self, new_size: int, old_size: int, seals: tuple = (None, None)) -> None:
        """Swap the swapped-out image (`old_size` bytes) back for the one that failed (`new_size`).

        `seals` are those of the one that failed and of the swapped-out one.
        """
        self._open(seals)
        if not self._revert_noted():
            self.secondary.erase_trailer()
            self._note.write(trailer.REVERT, new_size, old_size)
        self._begin(trailer.REVERT, new_size, old_size, seals)
        self._run(trailer.REVERT, new_size, old_size)

    def interrupted(self) -> bool:
        """True while a swap is half done: until `resume` has finished it, nothing else may write here.

        While the secondary trailer still holds the request, nothing was copied yet, and what the
        primary trailer says may be a torn erase of an older journal: then the table decides anew.
        """
        pri = self.primary
        # The primary slot first: a secondary slot that cannot be read must not stop a boot.
        if pri.magic() != trailer.GOOD or pri.flag(trailer.COPY_DONE) != trailer.UNSET:
            return False
        if self.secondary.magic() == trailer.GOOD or self._revert_noted():
            return False
        return self._journal.read() is not None and self._seals() is not None

    def resume(self) -> int | None:
        """Finish a swap that a reset interrupted; its type, or None when there was none."""
        record = self._journal.read() if self.interrupted() else None
        if record is None:
            return None
        self._open(self._seals())
        self._run(*record)
        return record[0]

    def keep(self) -> None:
        """End a trial whose way back is lost: the image that runs stays."""
        self.primary.write_flag(trailer.IMAGE_OK)
        self.secondary.erase_trailer()

    def _request(self, permanent: bool) -> None:
        slot = self.secondary
        slot.erase_trailer()
        slot.write_field(trailer.SWAP_INFO, bytes((trailer.PERM if permanent else trailer.TEST,)))
        if permanent:
            slot.write_flag(trailer.IMAGE_OK)
        slot.write_magic()

    def _revert_noted(self) -> bool:
        record = self._note.read()
        return record is not None and record[0] == trailer.REVERT

    def _open(self, seals) -> None:  # type: ignore[no-untyped-def]
        """Make the ciphers of the primary's and the secondary's image, before anything is written."""
        self._ciphers = tuple(self._secret.cipher(seal) for seal in seals) if any(seals) else ()

    def _seals(self):  # type: ignore[no-untyped-def]
        """What the journal says of wrapped keys; None when that is not whole."""
        return self._records.read() if self._records else (None, None)

    def _make_records(self):  # type: ignore[no-untyped-def]
        from ophion_boot.core.seals import Seals

        area = self.primary.area
        return Seals(area, self._journal.marks_end(self.marks_per_sector * area.sectors))

    def _begin(self, swap_type: int, pri_size: int, sec_size: int, seals: tuple = (None, None)) -> None:
        pri = self.primary
        pri.erase_trailer()
        self._journal.write(swap_type, pri_size, sec_size)
        if self._records:
            self._records.write(seals)
        pri.write_field(trailer.SWAP_INFO, bytes((swap_type,)))
        pri.write_field(self.size_field, max(pri_size, sec_size).to_bytes(4, "little"))
        pri.write_magic()

    def _run(self, swap_type: int, pri_size: int, sec_size: int) -> None:
        self.secondary.erase_trailer()
        pri_sectors, sec_sectors = self._sectors(pri_size), self._sectors(sec_size)
        if swap_type == trailer.REVERT:
            self._swap_back(pri_sectors, sec_sectors)
        else:
            self._swap_in(pri_sectors, sec_sectors)
        self._finish(swap_type)

    def _step(self, number: int, source: Area, source_sector: int, target: Area, target_sector: int) -> None:
        if self._journal.done(number):
            return
        self._feed()
        target.erase(target_sector)
        source.read(source_sector * self._sector, self._buf)
        if self._ciphers:
            self._change(source, source_sector, target, target_sector)
        target.program(target_sector * self._sector, self._buf)
        self._journal.mark(number)

    def _change(self, source: Area, source_sector: int, target: Area, target_sector: int) -> None:
        """Encrypt in the buffer what leaves the primary slot, decrypt what comes to it."""
        primary = self.primary.area
        if source is primary and self._ciphers[0]:
            self._ciphers[0].xor(self._buf, source_sector * self._sector)
        elif target is primary and self._ciphers[1]:
            self._ciphers[1].xor(self._buf, target_sector * self._sector)

    def _finish(self, swap_type: int) -> None:
        if swap_type != trailer.TEST:
            self.primary.write_flag(trailer.IMAGE_OK)
        self.primary.write_flag(trailer.COPY_DONE)
        self._ciphers = ()

    def _sectors(self, size: int) -> int:
        return -(-min(size, self.max_image_size) // self._sector)
