"""ESP-IDF's two application partitions, through MicroPython's `esp32.Partition`.

MicroPython tells neither the state of a partition nor the sequence in otadata; both are read from the
otadata partition itself (fmt/otadata.py).
"""

from ophion_boot.core.area import Area
from ophion_boot.fmt import otadata

_OTA_0 = 0x10  # ESP_PARTITION_SUBTYPE_APP_OTA_0


class Ota:
    """What core/runtime.py needs: `Partition` is the class, `version` the running runtime's (four numbers).

    Sizes in bytes. Raises OSError when the partition table has no otadata or no second app partition.
    """

    def __init__(self, Partition, version: tuple, write_size: int = 4, sector: int = 4096) -> None:  # type: ignore[no-untyped-def]
        self._Partition = Partition
        found = Partition.find(Partition.TYPE_DATA, subtype=0, block_size=sector)
        if not found:
            raise OSError("the partition table has no otadata")
        self._otadata = found[0]
        self._apps = len(_ota_partitions(Partition))
        running = Partition(Partition.RUNNING, sector)
        self._index = running.info()[1] - _OTA_0
        self._next = Partition(running.get_next_update().info()[4], sector)
        self.running = Area(running, 0, running.info()[3], sector, write_size)
        self.other = Area(self._next, 0, self._next.info()[3], sector, write_size)
        self.version = version

    def confirmed(self) -> bool:
        """ESP-IDF keeps the running partition, or names another one that did not start."""
        state = self._state()
        return state is None or state == otadata.VALID

    def guarded(self) -> bool:
        """ESP-IDF boots the other partition at the next reset."""
        return self._state() == otadata.PENDING

    def boot_other(self) -> None:
        """Boot the other partition next, once. Raises OSError when ESP-IDF finds no valid image there."""
        self._next.set_boot()

    def confirm(self) -> None:
        """Let ESP-IDF keep the running partition."""
        if self._state() is not None:
            self._Partition.mark_app_valid_cancel_rollback()

    def _state(self) -> int | None:
        """The state of the record that counts, or None when it is not the running partition's."""
        records = (self._record(0), self._record(1))
        chosen = otadata.active(records)
        if chosen < 0 or (records[chosen][0] - 1) % self._apps != self._index:  # type: ignore[index]
            return None
        return records[chosen][1]  # type: ignore[index]

    def _record(self, i: int) -> tuple[int, int] | None:
        data = bytearray(otadata.ENTRY_BYTES)
        self._otadata.readblocks(i, data, 0)
        return otadata.parse(data)


def _ota_partitions(Partition) -> list:  # type: ignore[no-untyped-def]
    found = Partition.find(Partition.TYPE_APP)
    return [part for part in found if _OTA_0 <= part.info()[1] < _OTA_0 + 16]
