"""An application folder becomes a payload: compiled modules and plain files in one ROMFS."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ophion.build.clashes import clashes
from ophion.build.config import LOCK_NAME, AppConfig, load_config
from ophion.build.dependencies import Fetched, Resolver, package_rows
from ophion.build.fetch import Fetcher
from ophion.build.lock import Lock, Package, load_lock
from ophion.build.mpy import Compiler, check_mpy, compile_module, find_compiler
from ophion.build.romfs import in_order, pack_romfs
from ophion.build.tree import OUTPUT_NAME, matches, source_files
from ophion.errors import BuildError, UsageError
from ophion.files import read_file, write_file

START_MODULE = "main"
"""The module that the device imports from the mounted payload."""

_HEADER_BYTES = 32
_PRIVATE = re.compile(rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----")


@dataclass(frozen=True)
class Network:
    """How dependencies may be found.

    locked   the lock is as it should be, or the build fails
    update   what the lock says is forgotten: everything is asked for anew
    offline  nothing is fetched: what is not in the cache fails
    cache    folder for what was fetched (default: `ophion.build.fetch.cache_folder`)
    """

    locked: bool = False
    update: bool = False
    offline: bool = False
    cache: Path | None = None

    def __post_init__(self) -> None:
        if self.update and (self.locked or self.offline):
            raise UsageError("--update asks everywhere anew: it goes with neither --locked nor --offline")


@dataclass(frozen=True)
class Part:
    """A file of the payload, and what it was made of.

    path    in the image; `data` its content there
    source  the file in the application, or the URL that it came from
    origin  its bytes, before they were compiled
    package the dependency that it belongs to; None: the application itself
    """

    path: str
    data: bytes
    source: str
    origin: bytes
    package: Package | None = None

    @property
    def sha256(self) -> str:
        """SHA-256 of `data`, in hex."""
        return hashlib.sha256(self.data).hexdigest()

    def row(self) -> dict[str, object]:
        """As the manifest has it."""
        row: dict[str, object] = {
            "path": self.path,
            "size": len(self.data),
            "sha256": self.sha256,
            "source": self.source,
            "source_sha256": hashlib.sha256(self.origin).hexdigest(),
        }
        return {**row, "package": str(self.package.wanted)} if self.package else row


@dataclass(frozen=True)
class Built:
    """A payload (ROMFS bytes) and what is known of it; `parts` are in the order of the ROMFS."""

    config: AppConfig
    payload: bytes
    compiler: Compiler
    parts: tuple[Part, ...]
    packages: tuple[Package, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def files(self) -> tuple[tuple[str, int], ...]:
        """(path in the image, bytes) of each."""
        return tuple((part.path, len(part.data)) for part in self.parts)

    @property
    def stem(self) -> str:
        """The file name without suffix: NAME-VERSION."""
        return self.config.stem

    @property
    def manifest(self) -> dict[str, object]:
        """What the .json beside the payload says; nothing in it depends on time or place."""
        return {
            "name": self.config.name,
            "version": str(self.config.version),
            "boards": list(self.config.boards),
            "entry": self.config.entry,
            "mpy": {"version": self.compiler.mpy, "arch": self.config.arch, "optimize": self.config.optimize},
            "mpy_cross": self.compiler.version,
            "payload": {
                "size": len(self.payload),
                "sha256": hashlib.sha256(self.payload).hexdigest(),
            },
            "files": [part.row() for part in self.parts],
            "packages": package_rows(self.packages),
        }

    def write(self, folder: str | os.PathLike[str]) -> Path:
        """Write NAME-VERSION.json, then NAME-VERSION.romfs, into `folder`; return the path of the latter."""
        payload_path = Path(folder) / f"{self.stem}.romfs"
        text = json.dumps(self.manifest, indent=2, sort_keys=True) + "\n"
        write_file(payload_path.with_suffix(".json"), text.encode())
        write_file(payload_path, self.payload)
        return payload_path


def build(app_dir: str | os.PathLike[str], network: Network = Network()) -> Built:
    """Compile and pack the application in `app_dir`. The same tree gives the same bytes, wherever it lies.

    Every .py is compiled, everything else goes in as it is. Dependencies are those of `ophion.lock`,
    which is written, last of all, when there is something to add. Raises BuildError (see
    `ophion.build.config`, `.tree`, `.dependencies` and `.mpy`), also when two files would get the same
    name, the entry module is missing, a file holds a private key, or the payload is larger than its
    limit or its boards' slots.
    """
    folder = Path(app_dir)
    config = load_config(folder)
    compiler = find_compiler()
    lock, fetched = _dependencies(config, folder, network)
    own = [
        Fetched(file.path, read_file(file.source, "file"), file.path, None)
        for file in source_files(folder, config.exclude, config.include)
    ]
    parts = _parts([*own, *fetched], config, compiler)
    payload = pack_romfs({path: part.data for path, part in parts.items()})
    ordered = tuple(parts[path] for path in in_order(parts))
    warnings = [*_over(config, folder, len(payload)), *clashes(parts, config.layouts)]
    built = Built(config, payload, compiler, ordered, lock.packages, tuple(warnings))
    _keep(lock, folder, network)
    return built


def output_dir(app_dir: str | os.PathLike[str]) -> Path:
    """Where `ophion build` writes by default."""
    return Path(app_dir) / OUTPUT_NAME


def _dependencies(config: AppConfig, folder: Path, network: Network) -> tuple[Lock, list[Fetched]]:
    known = load_lock(folder / LOCK_NAME)
    if not config.dependencies:
        return Lock(), []
    fetcher = Fetcher(network.cache, offline=network.offline)
    resolver = Resolver(
        config.sources, folder, Lock() if network.update else known, fetcher, frozen=network.locked
    )
    return resolver.resolve(config.dependencies), resolver.files()


def _keep(lock: Lock, folder: Path, network: Network) -> None:
    """Write the lock where it is another now; without packages there is none."""
    path = folder / LOCK_NAME
    before = path.read_bytes() if path.exists() else b""
    after = lock.data() if lock.packages else b""
    if before == after:
        return
    if network.locked:
        raise BuildError(f"{path} is not what the dependencies are now", "`ophion build` without --locked")
    if after:
        write_file(path, after)
    else:
        path.unlink()


def _parts(files: Iterable[Fetched], config: AppConfig, compiler: Compiler) -> dict[str, Part]:
    parts: dict[str, Part] = {}
    for file in files:
        _check_secret(file, config.secrets)
        part = _convert(file, compiler, config)
        if part.path in parts:
            raise BuildError(
                f"{parts[part.path].source} and {part.source} both become {part.path} in the image"
            )
        parts[part.path] = part
    start = _start(parts, config, compiler)
    return {**parts, start.path: start} if start else parts


def _check_secret(file: Fetched, allowed: tuple[str, ...]) -> None:
    """Raise BuildError for a private key that nobody said belongs in the image."""
    if _PRIVATE.search(file.data) and not matches(file.path, allowed):
        raise BuildError(
            f"{file.path} holds a private key, which everybody with the image could read",
            "move it out of the folder, name it in `exclude`, or in `secrets` if devices need it",
        )


def _convert(file: Fetched, compiler: Compiler, config: AppConfig) -> Part:
    path, data = file.path, file.data
    if path.endswith(".py"):
        data = compile_module(compiler, file.data, path, config.optimize, config.arch)
        path = path.removesuffix(".py") + ".mpy"
    elif path.endswith(".mpy"):
        check_mpy(data, path, config.arch)
    return Part(path, data, file.url, file.data, file.package)


def _start(parts: Iterable[str], config: AppConfig, compiler: Compiler) -> Part | None:
    """Where another `entry` is named: the start module, which imports it."""
    there = set(parts)
    if not _has_module(there, config.entry):
        raise BuildError(
            f"the entry module {config.entry}.py is missing", "create it or correct `entry` in ophion.toml"
        )
    if config.entry == START_MODULE:
        return None
    if _has_module(there, START_MODULE):
        raise BuildError(f"entry is {config.entry!r}, but there is a module {START_MODULE} too")
    source = f"import {config.entry}\n".encode()
    data = compile_module(compiler, source, f"{START_MODULE}.py", config.optimize)
    return Part(f"{START_MODULE}.mpy", data, "(made: imports the entry module)", source)


def _has_module(files: set[str], name: str) -> bool:
    return f"{name}.mpy" in files or f"{name}/__init__.mpy" in files


def _over(config: AppConfig, folder: Path, size: int) -> Iterator[str]:
    """Warn of a payload that is too large; raises BuildError where it must not be."""
    where = folder / "ophion.toml"
    hint = "`ophion size` shows what takes the space"
    for layout in config.layouts:
        if size + _HEADER_BYTES > layout.max_image_size:
            most = layout.max_image_size - _HEADER_BYTES
            raise BuildError(
                f"the payload is {size} bytes, the slot of {layout.name} takes less than {most}", hint
            )
    budget = config.budget
    if budget.limit and size > budget.limit:
        raise BuildError(
            f"the payload is {size} bytes, {size - budget.limit} above limit in [size] of {where}", hint
        )
    if budget.warn and size > budget.warn:
        yield f"the payload is {size} bytes, {size - budget.warn} above warn in [size] of {where}"
