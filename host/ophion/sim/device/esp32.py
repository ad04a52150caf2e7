"""`esp32.Partition` and `esp32.NVS` of the simulated chip, as the ESP32 port has them (ports/esp32,
esp32_partition.c and esp32_nvs.c), and `rom_ioctl`, which is in `vfs` there.

What ESP-IDF does behind it is in `idf.py`; `Partition.idf` and `Partition.abort` are set when the chip
starts. Error numbers are ESP-IDF's, negative (components/esp_common/include/esp_err.h). Runs on CPython
too, for tests.
"""

import errno
import struct

from nvs_pages import Pages

_INVALID_ARG = -258
_INVALID_SIZE = -260
_BLOCK_COUNT = 4
_BLOCK_SIZE = 5
_BLOCK_ERASE = 6
_ANY_SUBTYPE = 0xFF


def _abort():
    raise SystemExit("abort() was called")


class Partition:
    """A partition as a block device; `id` is a label, BOOT or RUNNING."""

    BOOT = 0
    RUNNING = 1
    TYPE_APP = 0
    TYPE_DATA = 1

    idf = None
    abort = staticmethod(_abort)

    def __init__(self, id, block_size=4096):
        if id == self.BOOT:
            self._row = self.idf.boot_partition()
        elif id == self.RUNNING:
            self._row = self.idf.running
        else:
            rows = [row for row in self.idf.table if row.label == id]
            if not rows:
                raise OSError(errno.ENOENT)
            self._row = sorted(rows, key=lambda row: row.kind)[0]
        self._block = block_size

    @classmethod
    def find(cls, type=0, subtype=_ANY_SUBTYPE, label=None, block_size=4096):
        """All partitions that fit."""
        return [
            cls(row.label, block_size)
            for row in cls.idf.table
            if row.kind == type and subtype in (_ANY_SUBTYPE, row.subtype) and label in (None, row.label)
        ]

    def info(self):
        row = self._row
        return row.kind, row.subtype, row.offset, row.size, row.label, False

    def readblocks(self, n, buf, off=0):
        at = self._check(n, off, len(buf))
        self.idf.bdev.readblocks(at // self.idf.sector, buf, at % self.idf.sector)

    def writeblocks(self, n, buf, off=None):
        sector = self.idf.sector
        at = self._check(n, off or 0, len(buf))
        self._check_running()
        if off is None:
            if at % sector:
                raise OSError(_INVALID_ARG, "ESP_ERR_INVALID_ARG")
            if len(buf) % sector:
                raise OSError(_INVALID_SIZE, "ESP_ERR_INVALID_SIZE")
            self.idf.bdev.writeblocks(at // sector, buf)
        else:
            self.idf.bdev.writeblocks(at // sector, buf, at % sector)

    def ioctl(self, op, arg):
        if op == _BLOCK_COUNT:
            return self._row.size // self._block
        if op == _BLOCK_SIZE:
            return self._block
        if op == _BLOCK_ERASE:
            at = self._check(arg, 0, self._block)
            self._check_running()
            for sector in range(at // self.idf.sector, -(-(at + self._block) // self.idf.sector)):
                self.idf.bdev.ioctl(_BLOCK_ERASE, sector)
            return 0
        return None

    def set_boot(self):
        """Boot this partition next; ESP-IDF validates its image first."""
        if self._row not in self.idf.apps:
            raise OSError(_INVALID_ARG, "ESP_ERR_INVALID_ARG")
        self.idf.set_boot(self._row)

    def get_next_update(self):
        """The app partition after this one, round and round."""
        apps = self.idf.apps
        return type(self)(apps[(apps.index(self._row) + 1) % len(apps)].label, self._block)

    @classmethod
    def mark_app_valid_cancel_rollback(cls):
        cls.idf.mark_valid()

    def _check(self, n, off, length):
        at = n * self._block + off
        if at < 0 or at > self._row.size:
            raise OSError(_INVALID_ARG, "ESP_ERR_INVALID_ARG")
        if at + length > self._row.size:
            raise OSError(_INVALID_SIZE, "ESP_ERR_INVALID_SIZE")
        return at + self._row.offset

    def _check_running(self):
        # CONFIG_SPI_FLASH_DANGEROUS_WRITE_ABORTS, the default: no exception, the chip resets.
        if self._row is self.idf.running:
            self.abort()


class Romfs(bytearray):
    """The partition `romfs` as `vfs.rom_ioctl` gives it: the one Partition that is a buffer, too.

    A chip maps its flash; here the bytes are read once, and written where a write goes.
    """

    def attach(self, part):
        self._part = part
        part.readblocks(0, self)
        return self

    def info(self):
        return self._part.info()

    def readblocks(self, n, buf, off=0):
        self._part.readblocks(n, buf, off)

    def writeblocks(self, n, buf, off=None):
        self._part.writeblocks(n, buf, off)
        self._again(n * 4096 + (off or 0), len(buf))

    def ioctl(self, op, arg):
        result = self._part.ioctl(op, arg)
        if op == _BLOCK_ERASE:
            self._again(arg * 4096, 4096)
        return result

    def _again(self, at, size):
        piece = bytearray(size)
        self._part.readblocks(at // 4096, piece, at % 4096)
        self[at : at + size] = piece


_romfs = None


def rom_ioctl(op, *args):
    """`vfs.rom_ioctl` (esp32_partition.c, mp_vfs_rom_ioctl): 1 how many, 2 which; the rest is invalid."""
    global _romfs
    rows = [row for row in Partition.idf.table if row.label == "romfs"] if Partition.idf else []
    if op == 1:
        return len(rows[:1])
    if op != 2 or not rows:
        return -errno.EINVAL
    if _romfs is None:
        _romfs = Romfs(rows[0].size).attach(Partition("romfs"))
    return _romfs


# Error numbers of ESP-IDF's NVS (components/nvs_flash/include/nvs.h), negative as MicroPython raises them.
_NVS_NOT_FOUND = -0x1102
_NVS_NO_SPACE = -0x1105
_NVS_BAD_LENGTH = -0x110C
_NVS_KEY_TOO_LONG = -0x1109
_KEY_MAX = 15
# Numbers and blobs of one name are different things.
_I32 = ":i32"


class NVS:
    """A namespace of the partition `nvs`; what `set_blob` wrote is in flash when it returns, or not at all.

    What lies in flash is not ESP-IDF's format: two pages take turns with all of it. Erased pages are an empty
    NVS, as after the port erased it at a start (ports/esp32/main.c, boardctrl_startup).
    """

    def __init__(self, namespace):
        if len(namespace) > _KEY_MAX:
            raise OSError(_NVS_KEY_TOO_LONG, "ESP_ERR_NVS_KEY_TOO_LONG")
        self._part = Partition("nvs")
        self._namespace = namespace

    def get_blob(self, key, buf):
        """Fill `buf`; returns the length of the blob."""
        found = self._cells().load(self._name(key))
        if found is None:
            raise OSError(_NVS_NOT_FOUND, "ESP_ERR_NVS_NOT_FOUND")
        if len(found) > len(buf):
            raise OSError(_NVS_BAD_LENGTH, "ESP_ERR_NVS_INVALID_LENGTH")
        buf[: len(found)] = found
        return len(found)

    def set_blob(self, key, value):
        try:
            self._cells().store(self._name(key), bytes(value))
        except ValueError:
            raise OSError(_NVS_NO_SPACE, "ESP_ERR_NVS_NOT_ENOUGH_SPACE")

    def get_i32(self, key):
        """The number under `key`."""
        found = self._cells().load(self._name(key) + _I32)
        if found is None:
            raise OSError(_NVS_NOT_FOUND, "ESP_ERR_NVS_NOT_FOUND")
        return struct.unpack("<i", found)[0]

    def set_i32(self, key, value):
        self._cells().store(self._name(key) + _I32, struct.pack("<i", value))

    def commit(self):
        """Nothing (since ESP-IDF 5.x): each write was in flash at once."""

    def _cells(self):
        return Pages(self._part)

    def _name(self, key):
        if len(key) > _KEY_MAX:
            raise OSError(_NVS_KEY_TOO_LONG, "ESP_ERR_NVS_KEY_TOO_LONG")
        return self._namespace + "." + key
