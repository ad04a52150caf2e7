"""Persistent cells in ESP-IDF's non-volatile storage (NVS), one blob each: there whole or not.

The ESP32 port of MicroPython (ports/esp32/esp32_nvs.c): a blob that is missing raises OSError, one that is
longer than the buffer too; a write is in flash when it returns. Reading through a buffer of the largest size
costs nothing that lasts.
"""

from ophion_boot.compat import const

_NAMESPACE = "ophion"
_MARK = "mark"
_BYTES_MAX = const(3968)
# ESP_ERR_NVS_NOT_ENOUGH_SPACE (nvs_flash.h), as MicroPython raises it.
_NO_SPACE = const(-0x1105)


class NvsCells:
    """Named byte strings of up to 3,968 bytes; `NVS` is the class `esp32.NVS`."""

    def __init__(self, NVS) -> None:  # type: ignore[no-untyped-def]
        self._NVS = NVS
        self._nvs = None

    def load(self, name: str) -> bytes | None:
        """The bytes stored under `name`, or None: also when the storage cannot be read."""
        data = bytearray(_BYTES_MAX)
        try:
            size = self._open().get_blob(name, data)
        except OSError:
            return None
        return bytes(data[:size])

    def store(self, name: str, data: bytes) -> None:
        """Store `data`; raises ValueError when it is too long or finds no room, OSError for faults."""
        if len(data) > _BYTES_MAX:
            raise ValueError("a cell of %d bytes is longer than %d" % (len(data), _BYTES_MAX))
        nvs = self._open()
        try:
            nvs.set_blob(name, data)
        except OSError as e:
            if e.errno == _NO_SPACE:
                raise ValueError("NVS has no room for a cell of %d bytes" % len(data))
            raise
        nvs.commit()

    def mark(self, number: int | None = None) -> int:
        """A number below 2**30 that changes often: read (0 when there is none), or set. Raises OSError."""
        nvs = self._open()
        if number is not None:
            nvs.set_i32(_MARK, number)
            nvs.commit()
            return number
        try:
            return nvs.get_i32(_MARK)
        except OSError:
            return 0

    def _open(self):  # type: ignore[no-untyped-def]
        """The namespace; opened once, because MicroPython never closes it."""
        if self._nvs is None:
            self._nvs = self._NVS(_NAMESPACE)
        return self._nvs
