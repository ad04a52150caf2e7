"""What MicroPython's own ESP32 build runs first (ports/esp32/modules/_boot.py, 1.25 to 1.28)."""

import vfs
from flashbdev import bdev

if bdev:
    try:
        vfs.mount(bdev, "/")
    except OSError:
        import inisetup

        inisetup.setup()
