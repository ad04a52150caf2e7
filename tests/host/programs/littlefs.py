"""Runs on MicroPython: PATH AT SIZE [new] [NAME=COUNT ...] mounts SIZE bytes at AT of the file PATH.

`new` makes the file system first; each file NAME gets its name COUNT times. Prints {name: [size, SHA-256]}.
"""

import binascii
import hashlib
import json
import os
import sys

import vfs


class Flash:
    def __init__(self, path, at, size):
        self.file = open(path, "r+b")  # noqa: SIM115
        self.at, self.size = at, size

    def readblocks(self, n, buf, off=0):
        self.file.seek(self.at + n * 4096 + off)
        self.file.readinto(buf)

    def writeblocks(self, n, buf, off=0):
        self.file.seek(self.at + n * 4096 + off)
        self.file.write(buf)

    def ioctl(self, op, arg):
        if op == 4:
            return self.size // 4096
        if op == 5:
            return 4096
        if op == 6:
            self.file.seek(self.at + arg * 4096)
            self.file.write(b"\xff" * 4096)
        return 0


def walk(folder):
    for name, kind, *_ in os.ilistdir("/x/" + folder):
        if kind == 0x4000:
            yield from walk(folder + name + "/")
        else:
            with open("/x/" + folder + name, "rb") as f:
                yield folder + name, f.read()


flash = Flash(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
words = sys.argv[4:]
if words and words[0] == "new":
    vfs.VfsLfs2.mkfs(flash)
    words = words[1:]
vfs.mount(flash, "/x")
for word in words:
    name, count = word.split("=")
    if "/" in name:
        os.mkdir("/x/" + name.rsplit("/", 1)[0])
    with open("/x/" + name, "w") as f:
        f.write(name * int(count))
print(
    json.dumps(
        {name: [len(data), binascii.hexlify(hashlib.sha256(data).digest())] for name, data in walk("")}
    )
)
vfs.umount("/x")
flash.file.close()
