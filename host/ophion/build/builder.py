"""An application folder becomes a payload: compiled modules and plain files in one ROMFS."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

from ophion.build.config import AppConfig, load_config
from ophion.build.mpy import Compiler, check_mpy, compile_module, find_compiler
from ophion.build.romfs import pack_romfs
from ophion.build.tree import OUTPUT_NAME, SourceFile, source_files
from ophion.errors import BuildError
from ophion.files import read_file, write_file

START_MODULE = "main"
"""The module that the device imports from the mounted payload."""


@dataclass(frozen=True)
class Built:
    """A payload (ROMFS bytes) and what is known of it; `files` lists (path in the image, bytes)."""

    config: AppConfig
    payload: bytes
    compiler: Compiler
    files: tuple[tuple[str, int], ...]

    @property
    def stem(self) -> str:
        """The file name without suffix: NAME-VERSION."""
        return f"{self.config.name}-{self.config.version}"

    @property
    def manifest(self) -> dict[str, object]:
        """What the .json beside the payload says; nothing in it depends on time or place."""
        return {
            "name": self.config.name,
            "version": str(self.config.version),
            "entry": self.config.entry,
            "mpy": {"version": self.compiler.mpy, "arch": "none", "optimize": self.config.optimize},
            "mpy_cross": self.compiler.version,
            "payload": {
                "size": len(self.payload),
                "sha256": hashlib.sha256(self.payload).hexdigest(),
            },
            "files": [{"path": path, "size": size} for path, size in self.files],
        }

    def write(self, folder: str | os.PathLike[str]) -> Path:
        """Write NAME-VERSION.json, then NAME-VERSION.romfs, into `folder`; return the path of the latter."""
        payload_path = Path(folder) / f"{self.stem}.romfs"
        text = json.dumps(self.manifest, indent=2, sort_keys=True) + "\n"
        write_file(payload_path.with_suffix(".json"), text.encode())
        write_file(payload_path, self.payload)
        return payload_path


def build(app_dir: str | os.PathLike[str]) -> Built:
    """Compile and pack the application in `app_dir`. The same tree gives the same bytes, wherever it lies.

    Every .py is compiled, everything else goes in as it is. Raises BuildError (see `ophion.build.config`,
    `.tree` and `.mpy`), also when two files would get the same name or the entry module is missing.
    """
    folder = Path(app_dir)
    config = load_config(folder)
    compiler = find_compiler()
    files: dict[str, bytes] = {}
    for source in source_files(folder, config.exclude):
        path, data = _convert(source, compiler, config.optimize)
        if path in files:
            raise BuildError(f"{source.path} and another file both become {path} in the image")
        files[path] = data
    _add_entry(files, config, compiler)
    payload = pack_romfs(files)
    return Built(config, payload, compiler, tuple((path, len(files[path])) for path in sorted(files)))


def output_dir(app_dir: str | os.PathLike[str]) -> Path:
    """Where `ophion build` writes by default."""
    return Path(app_dir) / OUTPUT_NAME


def _convert(source: SourceFile, compiler: Compiler, optimize: int) -> tuple[str, bytes]:
    data = read_file(source.source, "file")
    if source.path.endswith(".py"):
        compiled = compile_module(compiler, data, source.path, optimize)
        return source.path.removesuffix(".py") + ".mpy", compiled
    if source.path.endswith(".mpy"):
        check_mpy(data, source.path)
    return source.path, data


def _add_entry(files: dict[str, bytes], config: AppConfig, compiler: Compiler) -> None:
    """Make sure that the start module is there; another `entry` gets one that imports it."""
    if not _has_module(files, config.entry):
        raise BuildError(
            f"the entry module {config.entry}.py is missing", "create it or correct `entry` in ophion.toml"
        )
    if config.entry == START_MODULE:
        return
    if _has_module(files, START_MODULE):
        raise BuildError(f"entry is {config.entry!r}, but there is a module {START_MODULE} too")
    source = f"import {config.entry}\n".encode()
    files[f"{START_MODULE}.mpy"] = compile_module(compiler, source, f"{START_MODULE}.py", config.optimize)


def _has_module(files: dict[str, bytes], name: str) -> bool:
    return f"{name}.mpy" in files or f"{name}/__init__.mpy" in files
