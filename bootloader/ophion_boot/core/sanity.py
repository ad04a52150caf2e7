"""The sanity flag and what is remembered for it: read at boot, judged, set while the application runs.

Two memories, each of which may be lost or garbage (SPEC.md 5.3 and 10). The RTC cell (core/bootmode.py)
has the flag and why the reset came; it costs no flash. The persistent cell `health` has the misses and
the images that were gone back from, and is written only when they change. Where RTC memory does not keep
what is written (some chips have none), the RTC cell goes into the persistent cell `boot`.
"""

import binascii
import struct

from ophion_boot.core import bootmode, health
from ophion_boot.core.bootmode import Cell

POWER_ON, HARD, WATCHDOG, DEEP_SLEEP, SOFT = 1, 2, 3, 4, 5
"""Causes of a reset, numbered as `machine.reset_cause()` of the ESP32 port; others are taken for unknown."""

FAILED_MAX = 4
_TAG = 4
_VERSION = 1
_HEALTH = "health"
_BOOT = "boot"


class Memory:
    """What is kept for the table over resets.

    `rtc()` reads and `rtc(bytes)` writes the memory that survives a reset; `cells` are the persistent ones
    (load, store); `make_room()` is called when they are full. Nothing here raises for a memory that fails.
    """

    def __init__(self, rtc, cells, make_room) -> None:  # type: ignore[no-untyped-def]
        self._rtc = rtc
        self._cells = cells
        self._make_room = make_room

    def take(self) -> Cell | None:
        """What the last run left; it is cleared, so that it counts once."""
        data = self._load(_BOOT)
        if data:
            self._store(_BOOT, b"")
        found = bootmode.parse(self._rtc()) or bootmode.parse(data)
        self._rtc(b"")
        return found

    def leave(self, cell: Cell) -> None:
        """Write what the next boot takes."""
        data = cell.pack()
        self._rtc(data)
        if self._rtc() != data and (cell.mode or cell.flag or self._load(_BOOT)):
            self._store(_BOOT, data)

    def recall(self) -> tuple[int, bytes, list[bytes]]:
        """(misses, the tag of the image that they belong to, the tags of the images gone back from)."""
        data = self._load(_HEALTH)
        count = len(data) // _TAG - 3 if data else -1
        if not data or len(data) % _TAG or not 0 <= count <= FAILED_MAX or data[0] != _VERSION:
            return 0, bootmode.NOBODY, []
        body = data[:-4]
        if struct.unpack("<I", data[-4:])[0] != binascii.crc32(body):
            return 0, bootmode.NOBODY, []
        tags = [body[at : at + _TAG] for at in range(4, len(body), _TAG)]
        return body[1], tags[0], tags[1:]

    def remember(self, misses: int, tag: bytes, failed: list[bytes]) -> None:
        """Write what `recall` gives, if it is something else than what is there."""
        if not misses:
            tag = bootmode.NOBODY
        if self.recall() == (misses, tag, failed):
            return
        body = bytes((_VERSION, min(misses, bootmode.COUNT_MAX), 0, 0)) + tag + b"".join(failed)
        self._store(_HEALTH, body + struct.pack("<I", binascii.crc32(body)))

    def _load(self, name: str) -> bytes | None:
        try:
            return self._cells.load(name)
        except OSError:
            return None

    def _store(self, name: str, data: bytes) -> None:
        for _ in range(2):
            try:
                self._cells.store(name, data)
                return
            except ValueError:
                self._make_room()
            except OSError:
                return


class Sanity:
    """Judges at boot and keeps the flag while the application runs.

    `policy` is the layout's [health], seconds and counts. `clock` has ticks_ms(), ticks_diff(a, b) and
    ticks_add(a, ms), as MicroPython's `time`.
    """

    def __init__(self, memory: Memory, policy: dict, clock) -> None:  # type: ignore[no-untyped-def]
        self._memory = memory
        self._policy = policy
        self._clock = clock
        self._found: Cell | None = None
        self._cause = POWER_ON
        self._button = False
        self._cell = Cell()
        self._failed: list[bytes] = []
        self._since: int | None = None
        self._last = 0
        self._due: int | None = None
        self._grace_ms = 0
        self.misses = 0

    # At boot

    def read(self, cause: int, button: bool) -> bool:
        """Take what the last run left; True when recovery is asked for, by whomever."""
        found = self._memory.take()
        self._found = found
        self._cause = cause
        # What follows a reset that was announced is not held up: a stuck button would bar the application.
        self._button = button and not (found is not None and found.mode == bootmode.ASKED)
        return self._wish() or self._button

    def judge(self, digest: bytes, trial: bool, way: bool = True) -> tuple[int, str]:
        """(action, row) of health.TABLE for the image with the SHA-256 `digest`; `way` as in the table."""
        tag = digest[:_TAG]
        self._recall(tag)
        left = self.misses + 1 < self._policy["misses"]
        facts = (self._wish(), self._button, self._ended(tag), trial, self._flagged(), left, way)
        action, row = health.decide(facts)
        if action in (health.COUNT, health.MISS):
            self.misses += 1
        elif action == health.WELL:
            self.misses = 0
        self._memory.remember(self.misses, tag, self._failed)
        return action, row

    def give_up(self, digest: bytes) -> None:
        """The image `digest` is gone back from: it is no way back until it is installed again."""
        self._failed = (self._failed + [digest[:_TAG]])[-FAILED_MAX:]
        self.misses = 0
        self._memory.remember(0, bootmode.NOBODY, self._failed)

    def failed(self, digest: bytes) -> bool:
        """True for the SHA-256 of an image that was gone back from."""
        return digest[:_TAG] in self._failed

    def arm(self, digest: bytes, recovery: bool) -> None:
        """Leave what the next boot finds if nothing more is said; what ends a recovery says nothing."""
        tag = digest[:_TAG]
        warm = self._found.warm + 1 if self._found and self._ended(tag) == health.WARM else 0
        mode = bootmode.ASKED if recovery else bootmode.APP
        flag = bool(warm and self._found and self._found.flag)
        self._cell = Cell(mode, flag, warm, self.misses, tag)
        self._memory.leave(self._cell)

    def _recall(self, tag: bytes) -> None:
        misses, whose, failed = self._memory.recall()
        self.misses = misses if whose == tag else 0
        if self._found and self._found.tag == tag:
            self.misses = max(self.misses, self._found.misses)
        self._failed = [other for other in failed if other != tag]

    def _wish(self) -> bool:
        return self._found is not None and self._found.mode == bootmode.RECOVERY

    def _flagged(self) -> bool:
        """The sanity flag; where nobody resets periodically, nobody asks for it."""
        return not self._policy["period_s"] or (self._found is not None and self._found.flag)

    def _ended(self, tag: bytes) -> int:
        """How the last run ended, for the image `tag`; a lost cell is an excuse only when power was lost."""
        found, cause = self._found, self._cause
        if cause == POWER_ON or (found is None and not HARD <= cause <= SOFT):
            return health.LEFT
        if found is not None and (found.mode == bootmode.ASKED or found.tag != tag):
            return health.LEFT
        if cause == WATCHDOG or (found is not None and found.mode == bootmode.CRASHED):
            return health.FAULT
        if found is not None and cause in (SOFT, DEEP_SLEEP) and found.warm < self._policy["warm_starts"]:
            return health.WARM
        return health.RESET

    # While the application runs

    def start(self, jitter_s: int) -> None:
        """The application runs from now on; the periodic reset is due after the period and `jitter_s`."""
        self._last = self._clock.ticks_ms()
        if self._policy["period_s"]:
            self._due = self._clock.ticks_add(self._last, 1000 * (self._policy["period_s"] + jitter_s))
            self._grace_ms = 1000 * self._policy["postpone_s"]

    def due(self) -> bool:
        """True when the periodic reset has to come now. Clears a flag that nobody renews. Allocates nothing
        else."""
        now = self._clock.ticks_ms()
        if (
            self._cell.flag
            and self._due is not None
            and self._clock.ticks_diff(now, self._last) > 1000 * self._policy["fresh_s"]
        ):
            self._since = None
            self._cell.flag = False
            self._memory.leave(self._cell)
        return self._due is not None and self._clock.ticks_diff(now, self._due) >= 0

    def postpone(self, seconds: int) -> int:
        """Let the periodic reset come later, as far as the policy allows; returns the seconds given."""
        if self._due is None:
            return 0
        given = max(0, min(1000 * seconds, self._grace_ms))
        self._grace_ms -= given
        self._due = self._clock.ticks_add(self._due, given)
        return given // 1000

    def busy(self) -> None:
        """A central is connected: a reset that would come within a minute is postponed, if it may."""
        if self._due is not None and self._clock.ticks_diff(self._due, self._clock.ticks_ms()) < 60_000:
            self.postpone(60)

    def report(self, reachable: bool, proven: bool = False) -> bool:
        """The application's trigger can, or cannot, be reached; True when this sets the flag.

        It is set when the trigger could be reached for the policy's settle time, at once when a central has
        `proven` it, and cleared when no good report came for its fresh time.
        """
        if not reachable:
            self._since = None
            return False
        now = self._clock.ticks_ms()
        self._last = now
        if self._since is None:
            self._since = now
        settled = self._clock.ticks_diff(now, self._since) >= 1000 * self._policy["settle_s"]
        if self._cell.flag or not (settled or proven):
            return False
        self._cell.flag = True
        self._memory.leave(self._cell)
        return True

    def announce(self, mode: int) -> None:
        """The reset that comes next is of this `mode` (core/bootmode.py)."""
        self._cell.mode = mode
        self._memory.leave(self._cell)
