"""Makes the patches of this folder from its two images, and with `--images OLD NEW` the images.

Run from the repository root: `.venv/bin/python tests/vectors/delta/make_delta.py`. The images are ROMFSs of
the files of `bootloader/ophion_boot/core` that begin with s, compiled, as they were at the commits 0a80aa2
and 6cb4d37 of this repository. The patches only change when the encoder does; old ones stay good as long
as the format does.
"""

import subprocess
import sys
from pathlib import Path

from ophion.build.mpy import compile_module, find_compiler
from ophion.build.romfs import pack_romfs
from ophion.delta.patch import make_patch

HERE = Path(__file__).parent
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


def main() -> None:
    if "--images" in sys.argv:
        for name, commit in zip(("old", "new"), sys.argv[2:4], strict=True):
            (HERE / f"{name}.bin").write_bytes(image(commit))
    old, new = ((HERE / f"{name}.bin").read_bytes() for name in ("old", "new"))
    (HERE / "plain.patch").write_bytes(make_patch(old, new))
    (HERE / "small.patch").write_bytes(make_patch(old, new, small=True))
    # Segments far shorter than usual, to have several.
    (HERE / "segments.patch").write_bytes(make_patch(old, new, segment_bytes=512))


if __name__ == "__main__":
    main()
