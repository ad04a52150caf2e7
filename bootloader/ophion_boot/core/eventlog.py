"""What happened to updates: the last events, kept through resets and power cuts.

One CBOR blob in a persistent cell: the events, and how many there were of each kind since the cell was
new. A cell that is lost or garbage is an empty log, and a log that cannot be written is lost: never an
error, because nothing that the bootloader decides depends on it.
"""

from ophion_boot.fmt import FormatError
from ophion_boot.fmt.cbor import decode_map, encode

EVENTS_MAX = 16
TEXT_MAX = 60
REFUSALS_MAX = 8
"""So many refusals between two resets are written to flash; anybody in range may cause them."""
_REFUSED = "refused"
_CELL = "log"


class EventLog:
    """The log over `cells` (load(name) -> bytes or None, store(name, bytes))."""

    def __init__(self, cells) -> None:  # type: ignore[no-untyped-def]
        self._cells = cells
        self._refusals = 0
        self._loose: bytes | None = None  # newer than the cell, and not in flash

    def add(self, event: str, version: str = "", reason: str = "") -> None:
        """Append one event; the oldest go when there are more than 16 or no room. Costs one flash write.

        Refusals above REFUSALS_MAX cost none: they can be read, and are written with the next other event.
        Never raises: a flash that cannot hold the log must not stop a boot or an update.
        """
        kept = self._load()
        log, totals = _events(kept), _totals(kept)
        number = log[-1]["n"] + 1 if log else 1
        log.append({"n": number, "event": event, "version": version, "reason": reason[:TEXT_MAX]})
        totals[event] = totals.get(event, 0) + 1
        log = log[-EVENTS_MAX:]
        if event == _REFUSED:
            self._refusals += 1
            if self._refusals > REFUSALS_MAX:
                self._loose = encode({"log": log, "totals": totals})
                return
        while log:
            try:
                self._cells.store(_CELL, encode({"log": log, "totals": totals}))
                self._loose = None
                return
            except ValueError:
                log = log[1:]
            except OSError:
                return

    def trim(self) -> None:
        """Forget the older half, for something more important that needs the room."""
        kept = self._load()
        log = _events(kept)
        try:
            half = log[(len(log) + 1) // 2 :]
            self._cells.store(_CELL, encode({"log": half, "totals": _totals(kept)}))
            self._loose = None
        except (OSError, ValueError):
            pass

    def read(self) -> list[dict]:
        """The events, oldest first: [{"n", "event", "version", "reason"}]."""
        return _events(self._load())

    def totals(self) -> dict:
        """How many events of each kind there were, those that are no longer in the log too."""
        return _totals(self._load())

    def _load(self) -> dict:
        data = self._loose or self._cells.load(_CELL)
        try:
            return decode_map(data) if data else {}
        except FormatError:
            return {}


def _events(kept: dict) -> list[dict]:
    log = kept.get("log")
    if not isinstance(log, list):
        return []
    return [entry for entry in log if isinstance(entry, dict) and isinstance(entry.get("n"), int)]


def _totals(kept: dict) -> dict:
    totals = kept.get("totals")
    if not isinstance(totals, dict):
        return {}
    return {k: totals[k] for k in totals if isinstance(k, str) and isinstance(totals[k], int)}
