"""What MicroPython's own ESP32 build does when nothing mounts (ports/esp32/modules/inisetup.py).

A partition that is not blank is left alone, and the chip says so for ever.
"""

import time

import vfs
from flashbdev import bdev

_BOOT = "# This file is executed on every boot (including wake-boot from deepsleep)\n"


def setup():
    """Make a file system in a blank partition, with a boot.py."""
    first = bytearray(512)
    bdev.readblocks(0, first, 0)
    while first != b"\xff" * len(first):
        print("The filesystem appears to be corrupted.")
        time.sleep(3)
    vfs.VfsLfs2.mkfs(bdev)
    vfs.mount(bdev, "/")
    with open("boot.py", "w") as f:
        f.write(_BOOT)
