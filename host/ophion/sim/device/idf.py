"""ESP-IDF's part in choosing what runs, on a simulated chip: second-stage bootloader, otadata, app_update.

Runs on MicroPython (the simulated device) and on CPython (tests). From ESP-IDF 5.x:
- components/bootloader_support/src/bootloader_utility.c: records in state PENDING_VERIFY become ABORTED
  first (CONFIG_BOOTLOADER_APP_ROLLBACK_ENABLE), then the valid record with the highest sequence is
  taken and NEW becomes PENDING_VERIFY; without a valid record ota_0 boots, and when otadata was erased it
  gets a VALID record; a partition whose image is damaged is passed over for the other one.
- components/app_update/esp_ota_ops.c: `esp_ota_set_boot_partition` validates the image and writes
  a NEW record into the sector that does not count; `esp_ota_mark_app_valid_cancel_rollback` rewrites
  the record that counts as VALID.
- components/bootloader_support/src/esp_image_format.c: magic 0xe9, segments, checksum (0xef, XOR), SHA-256.
A record is written by erasing its sector and programming 32 bytes: two operations, either can be cut.
"""

import binascii
import hashlib
import struct

NEW, PENDING, VALID, INVALID, ABORTED = 0, 1, 2, 3, 4
_RECORD = "<I20sII"  # esp_ota_select_entry_t: sequence, label, state, CRC of the sequence
_RECORD_BYTES = 32
_ERASED = 0xFFFFFFFF
OTA_VALIDATE_FAILED = -5379
NOT_FOUND = -261
_MAGIC = 0xE9
_HEADER = "<BBBBIBBBBHBHHBBBBB"  # esp_image_header_t, 24 bytes
_SEGMENTS_MAX = 16
_ERASE = 6


class ImageError(ValueError):
    """Not an application image that the chip would start."""


class Partition:
    """A row of the partition table: `kind` (0 app, 1 data), sizes in bytes."""

    def __init__(self, label, kind, subtype, offset, size):
        self.label, self.kind, self.subtype, self.offset, self.size = label, kind, subtype, offset, size


class Idf:
    """`bdev` is the whole flash; `table` a list of Partition: with otadata (subtype 0), ota_0 and ota_1,
    or with a factory partition alone.

    `running` is the Partition that `start` chose.
    """

    def __init__(self, bdev, table):
        self.bdev = bdev
        self.table = table
        self.apps = [p for p in table if p.kind == 0]
        self.otadata = next((p for p in table if (p.kind, p.subtype) == (1, 0)), None)
        self.sector = bdev.ioctl(5, 0)
        self.running = None

    # The second-stage bootloader

    def start(self):
        """Choose what runs; returns the Partition, or None when no image is whole."""
        if self.otadata is None:
            self.running = self._whole(self.apps[0]) if self.apps else None
            return self.running
        records = self._records()
        fresh = self._blank()
        for i in range(2):
            if records[i] and records[i][1] == PENDING:
                self._write(i, records[i][0], ABORTED)
        records = self._records()
        chosen = _active(records)
        first = 0
        if chosen >= 0:
            first = (records[chosen][0] - 1) % len(self.apps)
            if records[chosen][1] == NEW:
                self._write(chosen, records[chosen][0], PENDING)
        for index in (first, 1 - first):
            self.running = self._whole(self.apps[index])
            if self.running is not None:
                if chosen < 0 and fresh:
                    self._write(0, index + 1, VALID)
                return self.running
        return None

    def _whole(self, partition):
        """`partition` when its image may be started, else None."""
        try:
            self.segments(partition)
        except ImageError:
            return None
        return partition

    # app_update

    def boot_partition(self):
        """What otadata says (`esp_ota_get_boot_partition`)."""
        records = self._records()
        chosen = _active(records)
        return self.apps[(records[chosen][0] - 1) % len(self.apps) if chosen >= 0 else 0]

    def set_boot(self, partition):
        """`esp_ota_set_boot_partition`: raises OSError."""
        try:
            self.segments(partition)
        except ImageError as e:
            raise OSError(OTA_VALIDATE_FAILED, str(e))
        number, count = self.apps.index(partition) + 1, len(self.apps)
        records = self._records()
        chosen = _active(records)
        seq, target = number, 0
        if chosen >= 0:
            seq = number % count
            while records[chosen][0] > seq:
                seq += count
            target = 1 - chosen
        self._write(target, seq, NEW)

    def mark_valid(self):
        """`esp_ota_mark_app_valid_cancel_rollback`: raises OSError."""
        records = self._records()
        chosen = _active(records)
        if chosen < 0:
            raise OSError(NOT_FOUND, "ESP_ERR_NOT_FOUND")
        if records[chosen][1] != VALID:
            self._write(chosen, records[chosen][0], VALID)

    def segments(self, partition):
        """Verify the application image in `partition`: [(load address, offset in it, bytes)]; ImageError."""
        head = self._read(partition, 0, 24)
        fields = struct.unpack(_HEADER, head)
        if fields[0] != _MAGIC:
            raise ImageError("magic %#04x is not 0xe9" % fields[0])
        if not 1 <= fields[1] <= _SEGMENTS_MAX:
            raise ImageError("%d segments" % fields[1])
        sha = hashlib.sha256(head)
        at, checksum, found = 24, 0xEF, []
        for _ in range(fields[1]):
            head = self._read(partition, at, 8)
            sha.update(head)
            load, size = struct.unpack("<II", head)
            found.append((load, at + 8, size))
            at += 8
            checksum = self._sum(partition, at, size, sha, checksum)
            at += size
        pad = self._read(partition, at, 16 - at % 16)
        sha.update(pad)
        if pad[-1] != checksum:
            raise ImageError("checksum")
        if fields[-1] and self._read(partition, at + len(pad), 32) != sha.digest():
            raise ImageError("SHA-256")
        return found

    def _sum(self, partition, at, size, sha, checksum):
        end = at + size
        while at < end:
            data = self._read(partition, at, min(self.sector, end - at))
            sha.update(data)
            checksum ^= _xor(data)
            at += len(data)
        return checksum

    def _read(self, partition, at, length):
        if at + length > partition.size:
            raise ImageError("it runs over the partition")
        data = bytearray(length)
        at += partition.offset
        self.bdev.readblocks(at // self.sector, data, at % self.sector)
        return bytes(data)

    def _record(self, i):
        data = bytearray(_RECORD_BYTES)
        self.bdev.readblocks(self.otadata.offset // self.sector + i, data, 0)
        return bytes(data)

    def _records(self):
        return _parse(self._record(0)), _parse(self._record(1))

    def _blank(self):
        return all(self._record(i) == b"\xff" * _RECORD_BYTES for i in range(2))

    def _write(self, i, seq, state):
        sector = self.otadata.offset // self.sector + i
        self.bdev.ioctl(_ERASE, sector)
        self.bdev.writeblocks(sector, _pack(seq, state), 0)


def _crc(seq):
    return binascii.crc32(struct.pack("<I", seq), 0xFFFFFFFF) & 0xFFFFFFFF


def _pack(seq, state):
    return struct.pack(_RECORD, seq, b"\xff" * 20, state, _crc(seq))


def _parse(data):
    """(sequence, state), or None for a record that does not count."""
    seq, _, state, crc = struct.unpack(_RECORD, data)
    return None if seq == _ERASED or crc != _crc(seq) else (seq, state)


def _active(records):
    """Index of the record with the highest sequence that is neither INVALID nor ABORTED, or -1."""
    found = [i for i in range(2) if records[i] and records[i][1] not in (INVALID, ABORTED)]
    return max(found, key=lambda i: (records[i][0], -i)) if found else -1


def _xor(data):
    """All bytes of `data`, XORed."""
    size = len(data)
    while size > 1:
        if size % 2:
            data += b"\x00"
            size += 1
        half = size // 2
        both = int.from_bytes(data[:half], "little") ^ int.from_bytes(data[half:], "little")
        data, size = both.to_bytes(half, "little"), half
    return data[0] if size else 0
