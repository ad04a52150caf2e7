"""MicroPython for qemu-system-riscv32, built from Debian's source package and kept in .ophion/qemu.

What is kept is found by a hash of everything that goes in: this file, board/, and the frozen modules.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
BOARD = Path(__file__).parent / "board"
STORE = ROOT / ".ophion" / "qemu"

_PACKAGE = "micropython"
_VERSION = "1.25.0+ds-1"
_SUITE = "trixie"
_ARCHIVE = "micropython_1.25.0+ds.orig.tar.xz"
_ARCHIVE_SHA256 = "7b25be99a502f070b2de81dafc08da7051d992325d6e67daa9045a918fffdbea"
_TREE = "micropython-1.25.0"
_MIRROR = "http://deb.debian.org/debian"
_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
# Debian package -> a file on the PATH, or an absolute one, that says it is there.
_NEEDED = {
    "gcc": "gcc",
    "libc6-dev": "/usr/include/stdio.h",
    "make": "make",
    "gcc-riscv64-unknown-elf": "riscv64-unknown-elf-gcc",
    "picolibc-riscv64-unknown-elf": "/usr/lib/picolibc/riscv64-unknown-elf/picolibc.specs",
    "qemu-system-misc": "qemu-system-riscv32",
}
_KEEP_S = 24 * 3600
# Always frozen beside what the caller gives.
_MANIFEST = 'include("$(MPY_DIR)/extmod/asyncio")\nfreeze("{folder}", opt=3)\n'


class BuildError(Exception):
    """The firmware cannot be built here; the message says what is missing or which command failed."""


@dataclass(frozen=True)
class Firmware:
    """`elf` for QEMU, and the `mpy_cross` that belongs to it (-march=rv32imc)."""

    elf: Path
    mpy_cross: Path


def firmware(frozen: Mapping[str, bytes] | None = None, name: str = "rig") -> Firmware:
    """The firmware with the modules `frozen` (path -> source); without any, the rig's own.

    Built when it is not there yet (40 s on two cores, and what apt takes). Raises BuildError.
    """
    if frozen is None:
        frozen = {path.name: path.read_bytes() for path in sorted((BOARD / "modules").glob("*.py"))}
    board = _hash({path.name: path.read_bytes() for path in sorted(BOARD.glob("*.*"))})
    recipe = _hash({"build": Path(__file__).read_bytes(), "board": board.encode(), **frozen})
    source = STORE / f"source-{_ARCHIVE_SHA256[:12]}"
    mpy_cross = source / _TREE / "mpy-cross" / "build" / "mpy-cross"
    kept = STORE / f"{name}-{recipe[:12]}"
    elf = kept / "firmware.elf"
    if not (elf.exists() and mpy_cross.exists()):
        with _lock():
            if not (elf.exists() and mpy_cross.exists()):
                install_tools()
                _fetch(source)
                _make(source / _TREE / "mpy-cross", [])
                _keep(_compile(source / _TREE, board, frozen), kept, name)
    return Firmware(elf, mpy_cross)


def source() -> Path:
    """MicroPython's source tree, fetched when it is not there. Raises BuildError."""
    folder = STORE / f"source-{_ARCHIVE_SHA256[:12]}"
    if not (folder / _TREE).exists():
        with _lock():
            _fetch(folder)
    return folder / _TREE


def install_tools() -> None:
    """Install the Debian packages that are missing. Raises BuildError when that is not possible."""
    missing = [package for package, sign in _NEEDED.items() if not _there(sign)]
    if not missing:
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise BuildError("missing; as root on Debian: apt-get install " + " ".join(missing))
    # Others may be using apt; and a power cut is not what these packages are unpacked for.
    options = ["-o", "DPkg::Lock::Timeout=300", "-o", "Dpkg::Options::=--force-unsafe-io"]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    _run(["apt-get", *options, "update", "-q"], env=environment)
    _run(["apt-get", *options, "install", "-qy", "--no-install-recommends", *missing], env=environment)


def _there(sign: str) -> bool:
    return Path(sign).exists() if sign.startswith("/") else shutil.which(sign) is not None


def _fetch(source: Path) -> None:
    """Unpack the source package into `source`; apt checks Debian's signature, we check the archive."""
    if (source / _TREE).exists():
        return
    if shutil.which("apt-get") is None:
        raise BuildError("apt-get is needed to get Debian's source package of MicroPython")
    state = STORE / "apt"
    (state / "lists" / "partial").mkdir(parents=True, exist_ok=True)
    (state / "cache" / "archives" / "partial").mkdir(parents=True, exist_ok=True)
    (state / "sources.list").write_text(f"deb-src [signed-by={_KEYRING}] {_MIRROR} {_SUITE} main\n")
    (state / "apt.conf").write_text(
        f'Dir::Etc::SourceList "{state}/sources.list";\nDir::Etc::SourceParts "/dev/null";\n'
        f'Dir::State::Lists "{state}/lists";\nDir::Cache "{state}/cache";\nAPT::Sandbox::User "root";\n'
    )
    environment = {**os.environ, "APT_CONFIG": str(state / "apt.conf")}
    _run(["apt-get", "-q", "update"], env=environment)
    _run(["apt-get", "-q", "source", "--download-only", f"{_PACKAGE}={_VERSION}"], env=environment, cwd=state)
    found = hashlib.sha256((state / _ARCHIVE).read_bytes()).hexdigest()
    if found != _ARCHIVE_SHA256:
        raise BuildError(f"{_ARCHIVE} has SHA-256 {found}, not {_ARCHIVE_SHA256}")
    half = source.with_suffix(".half")
    shutil.rmtree(half, ignore_errors=True)
    shutil.rmtree(source, ignore_errors=True)
    with tarfile.open(state / _ARCHIVE) as archive:
        # Older Pythons know no filter; the archive is known by its hash.
        archive.extractall(half, **({"filter": "tar"} if hasattr(tarfile, "tar_filter") else {}))
    half.rename(source)
    shutil.rmtree(state)


def _compile(tree: Path, board: str, frozen: Mapping[str, bytes]) -> Path:
    """Make the firmware; objects stay as long as the board's files do, whatever is frozen."""
    work = STORE / "work"
    stamp = work / "board"
    if not stamp.exists() or stamp.read_text() != board:
        shutil.rmtree(work, ignore_errors=True)
    folder = work / "frozen"
    _stage(folder, frozen)
    (work / "manifest.py").write_text(_MANIFEST.format(folder=folder))
    # The build looks for this file of micropython-lib, which the package leaves out and nothing uses.
    (work / "lib").mkdir(exist_ok=True)
    (work / "lib" / "README.md").touch()
    stamp.write_text(board)
    # It is made again only when a frozen file is newer than it: not when one is gone.
    (work / "build" / "frozen_content.c").unlink(missing_ok=True)
    _make(
        tree / "ports" / "qemu",
        [
            "BOARD=OPHION_VIRT",
            f"BOARD_DIR={BOARD}",
            f"USER_C_MODULES={BOARD.parent}",
            f"FROZEN_MANIFEST={work / 'manifest.py'}",
            f"MPY_LIB_DIR={work / 'lib'}",
            f"BUILD={work / 'build'}",
        ],
    )
    return work / "build" / "firmware.elf"


def _stage(folder: Path, files: Mapping[str, bytes]) -> None:
    """Make `folder` hold exactly `files`; one that is the same keeps its time, so make keeps its object."""
    for path in [path for path in folder.rglob("*") if path.is_file()]:
        if path.relative_to(folder).as_posix() not in files:
            path.unlink()
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_bytes() != data:
            path.write_bytes(data)


def _keep(elf: Path, kept: Path, name: str) -> None:
    """Put `elf` where it is found, in one step; of other recipes, drop those that nobody can be running."""
    for old in STORE.glob(f"{name}-????????????"):
        if old == kept or time.time() - old.stat().st_mtime > _KEEP_S:
            shutil.rmtree(old)
    half = kept.with_suffix(".half")
    shutil.rmtree(half, ignore_errors=True)
    half.mkdir(parents=True)
    shutil.copy2(elf, half / elf.name)
    half.rename(kept)


def _make(folder: Path, variables: list[str]) -> None:
    jobs = f"-j{os.cpu_count() or 1}"
    # make must not see the variables of a make that runs this.
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("MAKE", "MFLAGS"))}
    # The version comes from the source, not from the git repository around it.
    environment["GIT_CEILING_DIRECTORIES"] = str(STORE)
    environment["SOURCE_DATE_EPOCH"] = "0"
    _run(["make", jobs, "-C", str(folder), f"PYTHON={sys.executable}", *variables], env=environment)


def _run(command: list[str], **options) -> None:  # type: ignore[no-untyped-def]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    if done.returncode:
        tail = "\n".join(done.stdout.splitlines()[-20:])
        raise BuildError(f"{' '.join(command[:4])} ... ended with {done.returncode}:\n{tail}")


def _hash(parts: Mapping[str, bytes]) -> str:
    total = hashlib.sha256()
    for name, data in sorted(parts.items()):
        total.update(f"{name}\0{len(data)}\0".encode() + data)
    return total.hexdigest()


@contextlib.contextmanager
def _lock() -> Iterator[None]:
    STORE.mkdir(parents=True, exist_ok=True)
    with (STORE / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
