"""What MicroPython's own build runs first of all files: `boot.py` of the bootloader's.

That file system moves to /ophion, read-only, and / becomes the user's. MicroPython runs `main.py` next,
looked for where the current folder is: it is left at /ophion, so that no main.py among the user's files
takes its place.
"""

import os
import sys

import flashbdev
import vfs

vfs.umount("/")
vfs.mount(flashbdev.bdev, "/ophion", readonly=True)
sys.path.insert(0, "/ophion")
import ophion_start  # noqa: E402, F401

os.chdir("/ophion")
