"""`ophion.toml`: what an application says about itself.

[app]
name = "heartbeat"          # letters, digits, - and _; at most 32
version = "1.0.0"           # MAJOR.MINOR.REVISION[+BUILD]
entry = "main"              # module that the device runs (default "main")
optimize = 0                # mpy-cross -O level, 0 to 3 (default 0: asserts and line numbers stay)
exclude = ["README.md"]     # patterns of files that stay out of the image
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path

from ophion.errors import BuildError, UsageError
from ophion.files import read_file
from ophion.versions import Version, parse_version

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

CONFIG_NAME = "ophion.toml"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")
_MODULE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_KEYS = {"name", "version", "entry", "optimize", "exclude"}


@dataclass(frozen=True)
class AppConfig:
    """The checked content of `ophion.toml`."""

    name: str
    version: Version
    entry: str = "main"
    optimize: int = 0
    exclude: tuple[str, ...] = ()


def load_config(app_dir: Path) -> AppConfig:
    """Read `ophion.toml` in `app_dir`; raises BuildError naming the file and the key that is wrong."""
    path = app_dir / CONFIG_NAME
    if not app_dir.is_dir():
        raise BuildError(f"no such folder: {app_dir}", "make an application with `ophion new app DIR`")
    if not path.is_file():
        raise BuildError(f"{app_dir} has no {CONFIG_NAME}", "make an application with `ophion new app DIR`")
    try:
        table = tomllib.loads(read_file(path, CONFIG_NAME).decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BuildError(f"{path} is not readable TOML: {error}") from None
    app = table.get("app")
    if not isinstance(app, dict):
        raise BuildError(f"{path} has no [app] table")
    unknown = sorted(set(app) - _KEYS) + sorted(f"[{name}]" for name in set(table) - {"app"})
    if unknown:
        raise BuildError(f"{path}: unknown key {unknown[0]}", f"known in [app]: {', '.join(sorted(_KEYS))}")
    return _checked(app, path)


def _checked(app: dict[str, object], path: Path) -> AppConfig:
    name = _text(app, "name", path)
    if not _NAME.fullmatch(name):
        raise BuildError(f"{path}: name {name!r} is not made of 1 to 32 letters, digits, - and _")
    try:
        version = parse_version(_text(app, "version", path))
    except UsageError as error:
        raise BuildError(f"{path}: {error.message}", error.hint) from None
    entry = _text(app, "entry", path, "main")
    if not _MODULE.fullmatch(entry):
        raise BuildError(f"{path}: entry {entry!r} is not the name of a module")
    optimize = app.get("optimize", 0)
    if type(optimize) is not int or not 0 <= optimize <= 3:
        raise BuildError(f"{path}: optimize is {optimize!r}, not 0, 1, 2 or 3")
    exclude = app.get("exclude", [])
    if not isinstance(exclude, list) or not all(isinstance(item, str) for item in exclude):
        raise BuildError(f"{path}: exclude is not a list of patterns")
    return AppConfig(name, version, entry, optimize, tuple(exclude))


def _text(app: dict[str, object], key: str, path: Path, default: str | None = None) -> str:
    value = app.get(key, default)
    if value is None:
        raise BuildError(f"{path}: {key} is missing in [app]")
    if not isinstance(value, str):
        raise BuildError(f"{path}: {key} is {value!r}, not a text in quotes")
    return value
