"""The ROMFS reader in Python on a chip of 32 bits, MicroPython 1.25, beside its VfsRom (SPEC.md 1.5)."""

from pathlib import Path

import romfs_cases

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "bootloader" / "ophion_boot"
MODULES = ("__init__", "compat", "fmt/__init__", "fmt/romfs", "port/__init__", "port/romfs_vfs")
PROGRAM = """
import os, sys, vfs
from ophion_boot.fmt.romfs import Memory
from ophion_boot.port.romfs_vfs import RomfsVfs
from romfs_cases import BAD, DEEPEST

def mount(data, place):
    vfs.mount(RomfsVfs(Memory(data), 0, len(data)), place)

with open("/rom/good", "rb") as f:
    data = f.read()
vfs.mount(vfs.VfsRom(data), "/a")
mount(data, "/b")
mount(DEEPEST, "/deep")
for folder in ("", "/lib", "/lib/deep"):
    entries = list(os.ilistdir("/b" + folder))
    print("same", entries == list(os.ilistdir("/a" + folder)), len(entries))
for path in ("/here", "/z", "/lib/x.py", "/lib/deep/empty"):
    for mode in ("r", "rb"):
        print("same", open("/b" + path, mode).read() == open("/a" + path, mode).read())
sys.path.insert(0, "/b")
import lib.x
print("imported", lib.x.__file__, lib.x.X)
for name, image, words, _ in BAD:
    try:
        mount(image, "/bad")
        print("TAKEN", name)
    except OSError as e:
        print("refused" if words in str(e) else name + str(e))
"""


def test_it_does_what_vfsrom_does_and_refuses_the_same_as_elsewhere():
    from qemu import rig

    files = {f"ophion_boot/{name}.py": PACKAGE / f"{name}.py" for name in MODULES}
    files |= {"romfs_cases.py": ROOT / "tests/shared/romfs_cases.py", "good": romfs_cases.GOOD}
    lines = rig.run(PROGRAM, files).splitlines()
    assert lines[:3] == ["same True 4", "same True 2", "same True 1"]
    assert lines[3:11] == ["same True"] * 8
    assert lines[11] == "imported /b/lib/x.py 1"
    assert lines[12:] == ["refused"] * len(romfs_cases.BAD)
