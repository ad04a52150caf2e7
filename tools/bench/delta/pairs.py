"""Pairs of consecutive releases from PyPI, as the ROMFS images that our builder makes of them."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from ophion.build.mpy import compile_module, find_compiler
from ophion.build.romfs import pack_romfs
from ophion.errors import BuildError

# Projects that run on MicroPython, with several releases; nothing was tuned for them.
PROJECTS = ("embit", "micropython-europi", "micropython-europi-contrib", "microdot", "microsdevtoolkit")
RELEASES = 6
# Not for the device.
_LEFT_OUT = re.compile(r"(^|/)(tests?|docs?|examples?)/|(^|/)(setup|conftest|sdist_upip|test_\w*)\.py$")


@dataclass(frozen=True)
class Pair:
    """Two releases of `project`; `mpy` and `py` are (old image, new image)."""

    project: str
    old: str
    new: str
    mpy: tuple[bytes, bytes]
    py: tuple[bytes, bytes]


def pairs(store: Path) -> list[Pair]:
    """The pairs; packages are kept in `store`. Releases whose images are the same are no pair."""
    found = []
    for project in PROJECTS:
        images = [(version, _images(_package(project, version, store))) for version in _versions(project)]
        for (old, before), (new, after) in itertools.pairwise(images):
            if before[0] != after[0] and before[1] != after[1]:
                mpy, py = zip(before, after, strict=True)
                found.append(Pair(project, old, new, mpy, py))
    return found


def _pip(*words: str) -> str:
    line = [sys.executable, "-m", "pip", "--disable-pip-version-check", *words]
    return subprocess.run(line, check=True, capture_output=True, text=True).stdout


def _versions(project: str) -> list[str]:
    """The latest releases, oldest first."""
    said = re.search(r"Available versions: (.+)", _pip("index", "versions", project))
    return said.group(1).split(", ")[:RELEASES][::-1] if said else []


def _package(project: str, version: str, store: Path) -> Path:
    folder = store / project / version
    if not folder.is_dir() or not any(folder.iterdir()):
        _pip(
            "download", "-q", "--no-deps", "--no-build-isolation", "-d", str(folder), f"{project}=={version}"
        )
    return next(folder.iterdir())


def _sources(package: Path) -> dict[str, bytes]:
    if package.suffix in (".whl", ".zip"):
        with zipfile.ZipFile(package) as archive:
            return {name: archive.read(name) for name in archive.namelist() if name.endswith(".py")}
    with tarfile.open(package) as archive:
        members = [member for member in archive if member.isfile() and member.name.endswith(".py")]
        return {member.name.split("/", 1)[1]: archive.extractfile(member).read() for member in members}  # type: ignore[union-attr]


def _images(package: Path) -> tuple[bytes, bytes]:
    """The image of compiled modules, and that of their sources; what does not compile is in neither."""
    mpy, py = {}, {}
    for path, source in sorted(_sources(package).items()):
        if _LEFT_OUT.search(path) or not path.isascii():
            continue
        try:
            mpy[path.removesuffix(".py") + ".mpy"] = compile_module(find_compiler(), source, path, 0)
        except BuildError:
            continue
        py[path] = source
    return pack_romfs(mpy), pack_romfs(py)
