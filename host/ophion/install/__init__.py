"""Ophion on MicroPython's own builds for ESP32 chips: partition table, bootloader, first application.

```python
firmware = read_firmware(read_file("ESP32_GENERIC.bin", "firmware"), "ESP32_GENERIC.bin")
layout = divide(firmware, load_layout(board_layout("stock")))
files = device_files(layout, "lamp", [public.mcuboot])
made = compose(firmware, layout, files, application=load_image("lamp-1.0.0.bin").image)
made.file()                                       # what goes to the place of ESP32_GENERIC.bin
```
"""

from ophion.install.compose import Composed, Region, compose
from ophion.install.firmware import Firmware, read_firmware
from ophion.install.plan import divide, table_rows
from ophion.install.tree import device_files

__all__ = [
    "Composed",
    "Firmware",
    "Region",
    "compose",
    "device_files",
    "divide",
    "read_firmware",
    "table_rows",
]
