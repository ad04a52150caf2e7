"""The files that `ophion install` writes for RISC-V chips load on MicroPython 1.25 of 32 bits, natively."""

import dataclasses
import re
from pathlib import Path

from ophion.build.boards import board_layout
from ophion.build.layout import load_layout
from ophion.build.romfs import pack_romfs
from ophion.install import device_files

PACKAGE = Path(__file__).parents[2] / "bootloader" / "ophion_boot"
KEY = bytes(range(32))
READER = ("__init__", "compat", "fmt/__init__", "fmt/romfs", "port/__init__", "port/romfs_vfs")
# What a chip has and this machine has not; only its names are used when modules are imported.
CHIP = {
    "esp32.py": "class Partition:\n    pass\n",
    "flashbdev.py": "bdev = None\n",
    "bluetooth.py": "class UUID:\n    def __init__(self, value):\n        pass\n"
    "FLAG_READ = FLAG_WRITE = FLAG_NOTIFY = FLAG_WRITE_NO_RESPONSE = 0\n",
}
PROGRAM = """
import gc, sys, vfs
from reader.fmt.romfs import Memory
from reader.port.romfs_vfs import RomfsVfs
import esp32, flashbdev, bluetooth
with open("/rom/tree", "rb") as f:
    data = f.read()
vfs.mount(RomfsVfs(Memory(data), 0, len(data)), "/tree")
sys.path.insert(0, "/tree")
def used():
    gc.collect()
    return gc.mem_alloc()
before = used()
import ophion_layout, ophion_boot.main, ophion_boot.service
print("heap", used() - before, "from", ophion_boot.main.__file__)
"""
HEAP_MOST = 118_000
"""Bytes of heap that bootloader and service take when they come from a file system; 116,272 were counted."""


def test_the_native_files_load_and_take_this_much_of_the_heap():
    from qemu import rig

    layout = dataclasses.replace(load_layout(board_layout("stock")), chip="esp32c3", hw="esp32c3")
    files = device_files(layout, "dev", [KEY])
    assert files["ophion_boot/main.mpy"][2] >> 2 == 11, "rv32imc"
    tree = {path: data for path, data in files.items() if path.endswith(".mpy")}
    reader = {f"reader/{name}.py": (PACKAGE / f"{name}.py").read_text() for name in READER}
    reader = {path: text.replace("ophion_boot", "reader") for path, text in reader.items()}
    said = rig.run(PROGRAM, {**CHIP, **reader, "tree": pack_romfs(tree)}, heap_kb=512)
    found = re.search(r"heap (\d+) from /tree/ophion_boot/main.mpy", said)
    assert found is not None, said
    assert 50_000 < int(found[1]) <= HEAP_MOST
