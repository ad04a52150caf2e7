"""What happened to updates: the last events, kept through resets and power cuts.

One CBOR blob in a persistent cell. A cell that is lost or garbage is an empty log, never an error:
nothing that the bootloader decides depends on it.
"""

from ophion_boot.fmt import FormatError
from ophion_boot.fmt.cbor import decode_map, encode

EVENTS_MAX = 16
TEXT_MAX = 80
_CELL = "log"


class EventLog:
    """The log over `cells` (load(name) -> bytes or None, store(name, bytes))."""

    def __init__(self, cells):
        self._cells = cells

    def add(self, event, version="", reason=""):
        """Append one event; the oldest goes when there are more than 16. Costs one flash write."""
        log = self.read()
        number = log[-1]["n"] + 1 if log else 1
        log.append({"n": number, "event": event, "version": version, "reason": reason[:TEXT_MAX]})
        self._cells.store(_CELL, encode({"log": log[-EVENTS_MAX:]}))

    def read(self):
        """The events, oldest first: [{"n", "event", "version", "reason"}]."""
        data = self._cells.load(_CELL)
        if not data:
            return []
        try:
            log = decode_map(data).get("log", [])
        except FormatError:
            return []
        return (
            [entry for entry in log if isinstance(entry, dict) and "n" in entry]
            if isinstance(log, list)
            else []
        )
