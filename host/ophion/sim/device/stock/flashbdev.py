"""What MicroPython's own ESP32 build mounts: `vfs`, else `ffat` (ports/esp32/modules/flashbdev.py)."""

from esp32 import Partition

bdev = None
for _label, _size in (("vfs", 4096), ("ffat", 512)):
    _found = Partition.find(Partition.TYPE_DATA, label=_label, block_size=_size)
    if _found:
        bdev = _found[0]
        break
