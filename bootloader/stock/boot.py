"""What MicroPython's own build runs first of all files: `boot.py` of the bootloader's.

That file system moves to /ophion, read-only, and / becomes the user's. MicroPython runs `main.py` next,
looked for where the current folder is: it is left at /ophion, so that no main.py among the user's files
takes its place.
"""

import os
import sys

import flashbdev
import vfs

_EROFS = 30
_ERASE = 6


class _ReadOnly:
    """Keeps what it has: a read-only mount alone still erases a block before it fails to write it."""

    def __init__(self, bdev):
        self.readblocks = bdev.readblocks
        self._ioctl = bdev.ioctl

    def writeblocks(self, n, buf, off=0):
        raise OSError(_EROFS)

    def ioctl(self, op, arg):
        return -_EROFS if op == _ERASE else self._ioctl(op, arg)


vfs.umount("/")
vfs.mount(vfs.VfsLfs2(_ReadOnly(flashbdev.bdev)), "/ophion", readonly=True)
sys.path.insert(0, "/ophion")
import ophion_start  # noqa: E402, F401

os.chdir("/ophion")
