"""The partition table of a board on the port esp32, made from its layout: as CSV, as bytes, as a picture.

The slots of a strategy lie back to back in one partition `romfs`: MicroPython maps that one (ports/esp32,
esp32_partition.c). Format: ESP-IDF, "Partition Tables": entries of 32 bytes, then an MD5 of them.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from ophion_boot.core.strategies import strategy_class

from ophion.build.layout import Layout
from ophion.build.layout_error import LayoutError
from ophion.build.layout_esp32 import ESP32_PORTS, PARTITIONS, label_of
from ophion.errors import InputError

_ENTRY = "<2sBBII16sI"
_MAGIC = b"\xaa\x50"
_MD5 = b"\xeb\xeb" + b"\xff" * 14
_ROW_BYTES = struct.calcsize(_ENTRY)
_ENCRYPTED = 1
TABLE_BYTES = 0xC00
"""What a partition table takes of its sector."""
_ROMFS = (1, 0x8F, "romfs")
_TYPES = {0: "app", 1: "data"}
_SUBTYPES = {
    (0, 0x00): "factory",
    (0, 0x10): "ota_0",
    (0, 0x11): "ota_1",
    (1, 0x00): "ota",
    (1, 0x01): "phy",
    (1, 0x02): "nvs",
    (1, 0x81): "fat",
    (1, 0x8F): "0x8f",
}
# Where the second-stage bootloader of each chip lies (ESP-IDF, "Bootloader").
BOOTLOADER_AT = {"esp32": 0x1000, "esp32s3": 0x0, "esp32c3": 0x0, "esp32c6": 0x0}


@dataclass(frozen=True)
class Partition:
    """A row of the table; `kind` 0 app, 1 data; sizes in bytes."""

    label: str
    kind: int
    subtype: int
    offset: int
    size: int
    encrypted: bool = False


def partitions(layout: Layout) -> list[Partition]:
    """The rows of the table, by offset. Raises LayoutError for a board of another port."""
    if layout.port not in ESP32_PORTS:
        raise LayoutError(
            f"board.port {layout.port!r}: only boards of the ports esp32 and stock have a partition table"
        )
    slots = [layout.areas[name] for name in strategy_class(layout.strategy).areas]
    first, last = slots[0].offset, slots[-1].offset + slots[-1].size
    kind, subtype, label = _ROMFS
    # What is mapped is always decrypted (ESP-IDF, "Flash Encryption"); apps and otadata need no flag.
    rows = [Partition(label, kind, subtype, first, last - first, layout.flash_encrypted)]
    for name, (kind, subtype, _) in PARTITIONS.items():
        if name in layout.areas:
            label, area = label_of(layout.port, name), layout.areas[name]
            rows.append(Partition(label, kind, subtype, area.offset, area.size))
    return sorted(rows, key=lambda row: row.offset)


def csv(layout: Layout) -> str:
    """The table as the source that ESP-IDF's build takes."""
    lines = ["# Made by ophion from layout.toml: do not edit.", "# Name, Type, SubType, Offset, Size, Flags"]
    for row in partitions(layout):
        kind, flags = (row.kind, row.subtype), "encrypted" if row.encrypted else ""
        place = f"{row.offset:#x}, {row.size:#x}, {flags}"
        lines.append(f"{row.label}, {_TYPES[row.kind]}, {_SUBTYPES[kind]}, {place}".rstrip())
    return "\n".join(lines) + "\n"


def binary(layout: Layout) -> bytes:
    """The table as it lies in flash at the layout's `table_at`: 3,072 bytes."""
    return pack_table(partitions(layout))


def pack_table(rows: Sequence[Partition]) -> bytes:
    """`rows` as a table of 3,072 bytes. Raises LayoutError when they are too many."""
    data = b""
    for row in rows:
        label, flags = row.label.encode(), _ENCRYPTED if row.encrypted else 0
        data += struct.pack(_ENTRY, _MAGIC, row.kind, row.subtype, row.offset, row.size, label, flags)
    if len(data) + _ROW_BYTES >= TABLE_BYTES:
        raise LayoutError(f"{len(rows)} partitions are more than a table holds")
    data += _MD5 + hashlib.md5(data).digest()
    return data + b"\xff" * (TABLE_BYTES - len(data))


def parse_table(data: bytes) -> list[Partition]:
    """The rows of a table as it lies in flash, in its order. Raises InputError for anything else.

    An MD5 has to be right when it is there (ESP-IDF can leave it out), and nothing may follow it.
    """
    rows: list[Partition] = []
    for at in range(0, min(len(data), TABLE_BYTES) - _ROW_BYTES + 1, _ROW_BYTES):
        entry = data[at : at + _ROW_BYTES]
        if entry == b"\xff" * _ROW_BYTES:
            break
        if entry.startswith(_MD5):
            if entry[16:] != hashlib.md5(data[:at]).digest():
                raise InputError("the partition table is damaged: its MD5 does not match")
            break
        rows.append(_parse_row(entry, at))
    if not rows:
        raise InputError("there is no partition table")
    return rows


def _parse_row(entry: bytes, at: int) -> Partition:
    magic, kind, subtype, offset, size, label, flags = struct.unpack(_ENTRY, entry)
    if magic != _MAGIC:
        raise InputError(f"the partition table is damaged: no entry at byte {at:#x}")
    name = label.rstrip(b"\0")
    if not name.isascii() or not name.decode("latin-1").isprintable():
        raise InputError(f"the partition table is damaged: the label {name!r}")
    return Partition(name.decode(), kind, subtype, offset, size, bool(flags & _ENCRYPTED))


def picture(layout: Layout) -> str:
    """What lies where in the flash of a board, line by line; `free` is what nothing has."""
    spans = [(area.offset, area.size, name) for name, area in layout.areas.items()]
    if layout.port in ESP32_PORTS:
        labels = {name: label_of(layout.port, name) for name in PARTITIONS}
        slots = strategy_class(layout.strategy).areas
        spans = [
            (at, size, labels.get(name, f"romfs: {name}" if name in slots else name))
            for at, size, name in spans
        ]
        start = BOOTLOADER_AT[layout.chip]
        spans.append((start, layout.table_at - start, "second-stage bootloader"))
        spans.append((layout.table_at, layout.sector, "partition table"))
    lines, end = [], 0
    for at, size, name in [*sorted(spans), (layout.flash_size, 0, "")]:
        if at > end:
            lines.append(_line(end, at - end, "free"))
        if size:
            lines.append(_line(at, size, name))
        end = at + size
    return "\n".join(lines)


def _line(at: int, size: int, name: str) -> str:
    bar = "#" * max(1, min(40, size // 0x20000))
    return f"{at:#010x}  {size // 1024:>6} KB  {name:24} {bar if name != 'free' else ''}".rstrip()
