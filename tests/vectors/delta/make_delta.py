"""Makes the patches of this folder from its two images and ../images, with `--images OLD NEW` the images.

Run from the repository root: `.venv/bin/python tests/vectors/delta/make_delta.py`. The images are ROMFSs of
the files of `bootloader/ophion_boot/core` that begin with s, compiled, as they were at the commits 0a80aa2
and 6cb4d37 of this repository. The patches only change when the encoder does; old ones stay good as long
as the format does.
"""

import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from ophion.build.mpy import compile_module, find_compiler
from ophion.build.romfs import pack_romfs
from ophion.delta.patch import make_patch
from ophion.delta.sealed import seal_patch
from ophion.keys import load_device_key
from ophion.package import load_image

HERE = Path(__file__).parent
IMAGES = HERE.parent / "images"
# Sealed patches have a nonce of their own each time: they are made only when they are not there.
SEALED = {
    "sealed": ("enc-d1", "enc-d4"),
    "sealed-plain": ("d1", "enc-d4"),
    "sealed-alone": ("", "enc-d4"),
    "sealed-many": ("enc-d1", "enc-many"),
}
FOLDER = "bootloader/ophion_boot/core"


def image(commit: str) -> bytes:
    """The ROMFS of the folder at `commit`."""

    def git(*words: str) -> bytes:
        return subprocess.run(["git", *words], check=True, capture_output=True).stdout

    names = git("ls-tree", "--name-only", commit, FOLDER + "/").decode().split()
    compiler = find_compiler()
    files = {
        Path(name).with_suffix(".mpy").name: compile_module(
            compiler, git("show", f"{commit}:{name}"), Path(name).name, 0
        )
        for name in names
        if name.endswith(".py") and Path(name).name.startswith("s")
    }
    return pack_romfs(files)


def bad(old: bytes) -> Iterator[tuple[str, bytes]]:
    """Images that are refused for what their first bytes say, and one for its TLVs."""
    yield "bad-magic", b"\0" + old[1:]
    # A header of 64 bytes that says security counter 6 (SPEC.md 8.2), whatever lies behind it.
    head = struct.pack("<IIHHIIBBHII", 0x96F3B83D, 0, 64, 0, len(old) - 32, 0, 1, 0, 0, 0, 0)
    claims = struct.pack("<HHHHI", 0x690A, 12, 0x50, 4, 6)
    yield "bad-counter", (head + claims).ljust(64, b"\xff") + old[32:] + struct.pack("<HH", 0x6907, 4)
    yield "bad-tlvs", old[:-40]


def main() -> None:
    if "--images" in sys.argv:
        for name, commit in zip(("old", "new"), sys.argv[2:4], strict=True):
            (HERE / f"{name}.bin").write_bytes(image(commit))
    old, new = ((HERE / f"{name}.bin").read_bytes() for name in ("old", "new"))
    (HERE / "plain.patch").write_bytes(make_patch(old, new))
    (HERE / "small.patch").write_bytes(make_patch(old, new, small=True))
    (HERE / "packed.patch").write_bytes(make_patch(b"", new))
    # Segments far shorter than usual, to have several.
    (HERE / "segments.patch").write_bytes(make_patch(old, new, segment_bytes=100))
    # Between signed images: what a device is sent.
    for old_name, name, size in (("d1", "d2", 100), ("d1", "d3", 150), ("rd1", "rd3", 100)):
        old, new = ((IMAGES / f"{name}.bin").read_bytes() for name in (old_name, name))
        (HERE / f"{name}.patch").write_bytes(make_patch(old, new, segment_bytes=size))
    old = (IMAGES / "d1.bin").read_bytes()
    for name, new in bad(old):
        (HERE / f"{name}.patch").write_bytes(make_patch(old, new))
    (HERE / "d3-alone.patch").write_bytes(make_patch(b"", (IMAGES / "d3.bin").read_bytes()))
    seal()


def seal() -> None:
    """Sealed patches: to enc-d4 from enc-d1, from d1, and from nothing; and one for 16 recipients."""
    keys = [
        load_device_key(HERE.parent / "mcuboot" / f"{name}.pem", allow_sample=True).entry
        for name in ("key-x25519", "key-enc-p256")
    ]
    for made, (old, new) in SEALED.items():
        if not (HERE / f"{made}.patch").exists():
            before, after = (load_image(IMAGES / f"{name}.bin") if name else None for name in (old, new))
            assert after
            (HERE / f"{made}.patch").write_bytes(seal_patch(before, after, keys, segment_bytes=700))


if __name__ == "__main__":
    main()
