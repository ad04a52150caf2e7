"""What happened to updates: the last events, kept through resets and power cuts.

One CBOR blob in a persistent cell. A cell that is lost or garbage is an empty log, and a log that cannot
be written is lost: never an error, because nothing that the bootloader decides depends on it.
"""

from ophion_boot.fmt import FormatError
from ophion_boot.fmt.cbor import decode_map, encode

EVENTS_MAX = 16
TEXT_MAX = 60
_CELL = "log"


class EventLog:
    """The log over `cells` (load(name) -> bytes or None, store(name, bytes))."""

    def __init__(self, cells) -> None:  # type: ignore[no-untyped-def]
        self._cells = cells

    def add(self, event: str, version: str = "", reason: str = "") -> None:
        """Append one event; the oldest go when there are more than 16 or no room. Costs one flash write.

        Never raises: a flash that cannot hold the log must not stop a boot or an update.
        """
        log = self.read()
        number = log[-1]["n"] + 1 if log else 1
        log.append({"n": number, "event": event, "version": version, "reason": reason[:TEXT_MAX]})
        log = log[-EVENTS_MAX:]
        while log:
            try:
                self._cells.store(_CELL, encode({"log": log}))
                return
            except ValueError:
                log = log[1:]
            except OSError:
                return

    def trim(self) -> None:
        """Forget the older half, for something more important that needs the room."""
        log = self.read()
        try:
            self._cells.store(_CELL, encode({"log": log[(len(log) + 1) // 2 :]}))
        except (OSError, ValueError):
            pass

    def read(self) -> list[dict]:
        """The events, oldest first: [{"n", "event", "version", "reason"}]."""
        data = self._cells.load(_CELL)
        if not data:
            return []
        try:
            log = decode_map(data).get("log", [])
        except FormatError:
            return []
        if not isinstance(log, list):
            return []
        return [entry for entry in log if isinstance(entry, dict) and isinstance(entry.get("n"), int)]
