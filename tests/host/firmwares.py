"""Firmware files in the form of MicroPython's own, for chips of which no registry has a real one."""

from ophion.build.espimage import CHIP_IDS, app_image
from ophion.build.partitions import BOOTLOADER_AT, Partition, binary, pack_table

ROWS = (
    Partition("nvs", 1, 2, 0x9000, 0x6000),
    Partition("phy_init", 1, 1, 0xF000, 0x1000),
    Partition("factory", 0, 0, 0x10000, 0x1F0000),
)
BANNER = b"MicroPython v1.28.0 on 2026-04-06; Generic ESP32 module\0"


def firmware(chip="esp32c3", banner=BANNER, rows=ROWS, chip_id=None, app=None, md5=True):
    """A merged file: bootloader, table, application, each well formed unless told otherwise."""
    number = CHIP_IDS[chip] if chip_id is None else chip_id
    start = BOOTLOADER_AT[chip]
    boot = app_image([(0x3FCD5820, bytes(range(200)))], number)
    table = pack_table(rows)
    if not md5:
        table = table[: 32 * len(rows)].ljust(len(table), b"\xff")
    if app is None:
        app = app_image([(0x3C000020, bytes(64) + banner), (0x42000020, bytes(5000))], number)
    data = boot.ljust(0x8000 - start, b"\xff") + table.ljust(0x8000, b"\xff") + app
    return data + b"\xff" * (-len(data) % 16)


def board_build(layout, application=BANNER, table=None):
    """A board build's firmware.bin in its form: bootloader, the layout's table, an application."""
    app = layout.areas.get("ota_0", layout.areas.get("factory")).offset
    number = CHIP_IDS[layout.chip]
    start = 0x1000 if layout.chip == "esp32" else 0
    boot = app_image([(0x3FCD5820, bytes(500))], number).ljust(layout.table_at - start, b"\xff")
    data = boot + (table or binary(layout))
    return data.ljust(app - start, b"\xff") + app_image([(0x3C000020, bytes(64) + application)], number)
