"""What an operator may change of a device's layout: its name, and how often it is reset.

Values are looked at when they are written and when they are loaded: whatever a cell holds, a setting that
does not fit is the layout's own. So no setting can switch the watch over an application's health off.
"""

import struct

from ophion_boot.compat import const
from ophion_boot.fmt import FormatError
from ophion_boot.fmt.cbor import decode_map, encode

NAME, PERIOD = "ophion/name", "ophion/period_s"
_CELL = "settings"
_NAME_MAX = const(29)  # BLE, a name in a scan response
_PERIOD_MIN = const(3600)
_PERIOD_MAX = const(432000)  # MicroPython's tick counter, less what else is added


class Settings:
    """The values of the `layout` with what `cells` (load, store) hold for it; `values` are {name: value}."""

    def __init__(self, cells, layout: dict) -> None:  # type: ignore[no-untyped-def]
        self._cells = cells
        health = layout["health"]
        self._longest = _PERIOD_MAX - health["jitter_s"] - health["postpone_s"]
        self._least = max(_PERIOD_MIN, health["settle_s"] + health["fresh_s"] + 1)
        # Where nobody is reset periodically there may be no watchdog: that is the layout's to decide.
        self._periodic = health["period_s"] > 0
        self._own = {NAME: layout["name"], PERIOD: health["period_s"]}
        self.values: dict = {}
        self.load()

    def load(self) -> None:
        """Take what was saved; what was written since is forgotten."""
        self.values = dict(self._own)
        try:
            kept = decode_map(self._cells.load(_CELL) or b"")
        except (FormatError, OSError):
            return
        for name in kept:
            if name in self._own and self.fault(name, kept[name]) is None:
                self.values[name] = kept[name]

    def save(self) -> None:
        """Keep what differs from the layout. Raises OSError, and ValueError when there is no room."""
        changed = {k: self.values[k] for k in self.values if self.values[k] != self._own[k]}
        data = encode(changed)
        if data != bytes(self._cells.load(_CELL) or b"\xa0"):
            self._cells.store(_CELL, data)

    def delete(self, name: str) -> None:
        """The layout's value again."""
        self.values[name] = self._own[name]

    def fault(self, name: str, value: object) -> str | None:
        """Why `value` is none for the setting `name`; None when it is."""
        if name == NAME:
            if not isinstance(value, str) or not 1 <= len(value.encode()) <= _NAME_MAX:
                return "a name has 1 to %d bytes" % _NAME_MAX
            return None
        if value == self._own[PERIOD]:
            return None
        if not self._periodic or not isinstance(value, int) or not self._least <= value <= self._longest:
            return "the periodic reset comes after %d to %d s%s" % (
                self._least,
                self._longest,
                "" if self._periodic else ", and not on this board",
            )
        return None

    def pack(self, name: str) -> bytes:
        """The value of `name` as SMP carries it: UTF-8, or u32 little endian."""
        value = self.values[name]
        return value.encode() if name == NAME else struct.pack("<I", value)

    def write(self, name: str, data: bytes) -> None:
        """Set `name` from what SMP carries, until a reset or `load`. Raises ValueError with the reason."""
        value: object = None
        if name == NAME:
            try:
                value = str(data, "utf-8")
            except (UnicodeError, ValueError):
                value = None
        elif len(data) == 4:
            value = struct.unpack("<I", data)[0]
        fault = self.fault(name, value)
        if fault:
            raise ValueError(fault)
        self.values[name] = value
