"""The second component: the runtime (MicroPython with this bootloader), in ESP-IDF's two app partitions.

Which partition boots is ESP-IDF's to say, and so is the way back from a runtime that does not even
start: after `Ota.boot_other` the other one boots once, and comes back at a reset unless it was confirmed.
What this bootloader adds lies in the slot that does not run (the running one cannot be written): the
request, the number of trials, the application that came with it, and a rejection (SPEC.md 4.6).
"""

import binascii

from ophion_boot.compat import const
from ophion_boot.core import ranked
from ophion_boot.core.area import Area
from ophion_boot.core.envelope import EnvelopedArea
from ophion_boot.core.journal import Journal
from ophion_boot.core.slot import Slot
from ophion_boot.core.strategy import StrategyError
from ophion_boot.fmt import trailer

_NOTE_MAGIC = b"OPHM"
_NOTE_BYTES = const(64)
_NOTE_BODY = const(36)
# A note that was torn cannot be written again: the next one goes behind it.
_NOTES = const(4)
_APP_IMAGE_MAGIC = const(0xE9)


class RuntimeFacts:
    """`on_trial`: the running runtime is not confirmed yet; `pending`: the other one is asked for."""

    def __init__(self, on_trial: bool, pending: bool) -> None:
        self.on_trial = on_trial
        self.pending = pending


class Runtime:
    """`ota` (port/ota.py) has the Areas `running` and `other`, the `version` of the running runtime,
    `confirmed()`, `guarded()`, `boot_other()` and `confirm()`; `trials` is as for strategies.

    It has the names of a strategy (core/strategy.py) that SMP and uploads ask for.
    """

    name = "ota"
    other_goes_back = True
    takes_encrypted = False

    def __init__(self, ota, trials: int) -> None:  # type: ignore[no-untyped-def]
        self._ota = ota
        self._trials = trials
        self._running = _slot(ota.running)
        self._other = _slot(ota.other)
        self._record = Journal(self._running)
        self._request = Journal(self._other)
        self.version = ota.version
        self.max_image_size = self.staged().size

    # What the slots hold

    def active(self) -> EnvelopedArea:
        """The image that runs; a runtime that was flashed over a cable has no envelope and shows none."""
        return EnvelopedArea(self._running.area, self._running.trailer_sector - 1)

    def other(self) -> EnvelopedArea:
        """The image in the slot that does not run."""
        return EnvelopedArea(self._other.area, self._other.trailer_sector - 1)

    def staged(self) -> EnvelopedArea:
        """Where an update is put: the same."""
        return self.other()

    def looks_right(self) -> bool:
        """The other payload starts as an ESP-IDF application image does."""
        first = bytearray(1)
        self._other.area.read(0, first)
        return first[0] == _APP_IMAGE_MAGIC

    # What it is about (the facts of core/release.py)

    def asked(self) -> bool:
        """The other runtime is to be installed, or is being tried."""
        return ranked.rank(self._other, self._request) > ranked.number(self._record)

    def permanent(self) -> bool:
        """The request (or, while the new runtime runs, what was the request) is one to stay."""
        found = (self._request if self.asked() else self._record).read()
        return found is not None and found[0] == trailer.PERM

    def trials_left(self) -> bool:
        """The other runtime may be tried once more."""
        return self._request.trials_used() < self._trials

    def on_trial(self) -> bool:
        """The running runtime was installed and nobody confirmed it yet."""
        if self.asked() or self._ota.confirmed():
            return False
        return self._record.read() is not None

    def tried(self) -> bool:
        """The other runtime was booted."""
        return self._request.trials_used() > 0

    def confirmed(self) -> bool:
        """ESP-IDF keeps the running runtime."""
        return bool(self._ota.confirmed())

    def guarded(self) -> bool:
        """ESP-IDF goes back at the next reset."""
        return bool(self._ota.guarded())

    def trial(self) -> tuple[int, int] | None:
        """(boot, boots) while the running runtime is on trial."""
        return (self._record.trials_used(), self._trials) if self.on_trial() else None

    def facts(self) -> "RuntimeFacts":
        """What SMP asks of a strategy's facts."""
        return RuntimeFacts(self.on_trial(), self.asked())

    def decide(self) -> tuple[int, str]:
        """The swap type of the next boot, as a strategy tells it."""
        if not self.asked():
            return trailer.NONE, ""
        return (trailer.PERM if self.permanent() else trailer.TEST), ""

    def partner(self) -> bytes | None:
        """SHA-256 of the application that came with the other runtime (while it is asked for) or with the
        running one; b"" for none; None when nothing was begun."""
        slot, record = (self._other, self._request) if self.asked() else (self._running, self._record)
        return _read_note(slot)[0] if record.read() is not None else None

    # What applications and operators ask for

    def begin_upload(self) -> None:
        """Make the other slot free for a new image. Raises StrategyError while what it holds is wanted."""
        self.check_upload()
        self.discard()

    def check_upload(self) -> None:
        """Raise StrategyError while what the other slot holds is wanted."""
        if self.on_trial():
            raise StrategyError("the running runtime is on trial: the other slot holds the way back")
        if self.asked():
            raise StrategyError("a runtime is pending: the next boot installs it")

    def discard(self) -> None:
        """Forget what the other slot holds: its request, then its envelope."""
        if self.on_trial():
            raise StrategyError("the running runtime is on trial: the other slot holds the way back")
        ranked.clear(self._other)
        envelope = self._other.trailer_sector - 1
        if not self._other.sector_blank(envelope):
            self._other.area.erase(envelope)

    def set_pending(self, permanent: bool) -> None:
        """Ask the next boot to install the runtime in the other slot, on trial or for good."""
        if self.on_trial():
            raise StrategyError("the running runtime is on trial: confirm it first")
        if self.asked():
            if self.partner() is not None:
                raise StrategyError("the runtime is being installed")
            if self.permanent() == permanent:
                return
        ranked.clear(self._other)
        wanted = trailer.PERM if permanent else trailer.TEST
        self._request.write(wanted, ranked.number(self._record) + 1, 0)

    def confirm(self) -> bool:
        """Let the running runtime stay; True when it was on trial until now."""
        if not self.on_trial():
            return False
        self._ota.confirm()
        return True

    # What the bootloader does

    def begin(self, partner: bytes) -> None:
        """Note that the release is being installed, with the application of this SHA-256, or b""."""
        note = _NOTE_MAGIC + (partner or bytes(32))
        note += binascii.crc32(note).to_bytes(4, "little")
        _, free = _read_note(self._other)
        if free < 0:
            raise StrategyError("no room for another note in the other slot")
        self._other.area.program(free, note + b"\xff" * (_NOTE_BYTES - len(note)))

    def count_trial(self) -> int:
        """Count a boot of the other runtime, before it; returns how many it had."""
        self._request.count_trial()
        return self._request.trials_used()

    def boot_other(self) -> None:
        """Let ESP-IDF boot the other runtime next. Raises OSError when it refuses."""
        self._ota.boot_other()

    def accept(self) -> None:
        """Tell ESP-IDF that the running runtime is no trial of ours."""
        if not self._ota.confirmed():
            self._ota.confirm()

    def reject(self) -> None:
        """The other runtime is not to run."""
        self._other.write_flag(ranked.REJECTED)


def _slot(area: Area) -> Slot:
    unit = trailer.unit_bytes(area.write_size)
    records = ranked.record_bytes(unit) + _NOTES * _NOTE_BYTES
    return Slot(area, -(-records // area.sector) - (-ranked.flag_bytes(unit) // area.sector))


def room(size: int, sector: int, write_size: int) -> int:
    """Bytes for a payload in a partition of `size` bytes."""
    unit = trailer.unit_bytes(write_size)
    records = ranked.record_bytes(unit) + _NOTES * _NOTE_BYTES
    kept = 1 - (-records // sector) - (-ranked.flag_bytes(unit) // sector)
    return size - kept * sector


def _read_note(slot: Slot) -> tuple[bytes | None, int]:
    """(SHA-256 or b"" of the last whole note, or None; where the next one may be written, or -1)."""
    found, free = None, -1
    data = bytearray(_NOTE_BYTES)
    start = slot.trailer_at + ranked.record_bytes(slot.unit)
    for at in range(start, start + _NOTES * _NOTE_BYTES, _NOTE_BYTES):
        slot.area.read(at, data)
        if data == b"\xff" * _NOTE_BYTES:
            if free < 0:
                free = at
            continue
        body = bytes(data[:_NOTE_BODY])
        if (
            body[:4] == _NOTE_MAGIC
            and binascii.crc32(body).to_bytes(4, "little") == data[_NOTE_BODY : _NOTE_BODY + 4]
        ):
            found = b"" if body[4:] == bytes(32) else body[4:]
    return found, free
