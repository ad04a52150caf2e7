"""`ophion.toml`: what an application says about itself.

[app]
name = "heartbeat"            # letters, digits, - and _; at most 32
version = "1.0.0"             # MAJOR.MINOR.REVISION[+BUILD]
boards = ["esp32c3"]          # boards it is for: their names, or paths of a layout.toml (default: any)
entry = "main"                # module that the device runs (default "main")
optimize = 0                  # mpy-cross -O level, 0 to 3 (default 0: asserts and line numbers stay)
native = false                # @micropython.native and viper, for the processor that all boards have
include = ["*.py", "www/*"]   # patterns of files that go into the image (default: all)
exclude = ["README.md"]       # patterns of files that stay out
secrets = ["tls/client.pem"]  # patterns of files that may hold a private key; others fail the build

[dependencies]                # as `mip install` takes them; they come to lib/ in the image
aioble = "0.6.1"                             # NAME = VERSION, from the package index
microdot = "github:miguelgrinberg/microdot@v2.0.6"   # also gitlab:, codeberg:, https://, http://
drivers = "../drivers"                       # a folder, a package.json, a .py or .mpy beside this one

[sources]                     # where dependencies are fetched; a mirror, for instance
index = "https://micropython.org/pi/v2"

[size]                        # of the payload, beside what the boards' slots take
warn = "200K"
limit = "300K"                # the build fails above it

[sign]                        # what `ophion sign` takes where its options do not say otherwise
key = "release.pem"           # paths are from this file's folder
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ophion.build.mpy import NO_ARCH, arch_of
from ophion.build.sources import Requirement, Sources, read_requirement
from ophion.build.toml_file import Table, TomlFile
from ophion.errors import BuildError, OphionError, UsageError
from ophion.versions import Version, parse_version

if TYPE_CHECKING:
    from ophion.build.layout import Layout

CONFIG_NAME = "ophion.toml"
LOCK_NAME = "ophion.lock"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")
_MODULE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_KEYS = {
    "app": {"name", "version", "boards", "entry", "optimize", "native", "include", "exclude", "secrets"},
    "sources": set(Sources.__dataclass_fields__),
    "size": {"warn", "limit"},
    "sign": {"key", "chain", "hardware", "min_runtime", "security_counter", "max_size", "encrypt"},
}
_HINT = "make an application with `ophion new app DIR`"


@dataclass(frozen=True)
class Budget:
    """`[size]`: bytes of the payload above which a build is warned of, and fails; 0: no such limit."""

    warn: int = 0
    limit: int = 0


@dataclass(frozen=True)
class SignDefaults:
    """`[sign]`: what `ophion sign` takes where the command line says nothing; "" and () say nothing too."""

    key: str = ""
    chain: Path | None = None
    hardware: tuple[str, ...] = ()
    min_runtime: str = ""
    security_counter: str = ""
    max_size: int = 0
    encrypt: tuple[Path, ...] = ()


@dataclass(frozen=True)
class AppConfig:
    """The checked content of `ophion.toml`; `layouts` are those of `boards`, `dependencies` by name.

    `arch` is what native code is compiled for (mpy-cross's name), "none" for bytecode only.
    """

    name: str
    version: Version
    entry: str = "main"
    optimize: int = 0
    arch: str = NO_ARCH
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    boards: tuple[str, ...] = ()
    layouts: tuple[Layout, ...] = ()
    dependencies: Mapping[str, Requirement] = field(default_factory=dict)
    sources: Sources = field(default_factory=Sources)
    budget: Budget = Budget()
    sign: SignDefaults = SignDefaults()

    @property
    def stem(self) -> str:
        """The name of what is built, without suffix: NAME-VERSION."""
        return f"{self.name}-{self.version}"

    @property
    def max_image_size(self) -> int:
        """The most bytes that an image may take on all its boards, 0 when it names none."""
        return min((layout.max_image_size for layout in self.layouts), default=0)


def find_app(start: Path) -> Path:
    """The folder with `ophion.toml`: `start`, or the nearest one above it. Raises BuildError."""
    for folder in (start, *start.resolve().parents):
        if (folder / CONFIG_NAME).is_file():
            return folder
    raise BuildError(f"no {CONFIG_NAME} in {start.resolve()} or above it", _HINT)


def load_config(app_dir: Path) -> AppConfig:
    """Read `ophion.toml` in `app_dir`; raises BuildError naming the file, the line and the wrong key."""
    path = app_dir / CONFIG_NAME
    if not app_dir.is_dir():
        raise BuildError(f"no such folder: {app_dir}", _HINT)
    if not path.is_file():
        raise BuildError(f"{app_dir} has no {CONFIG_NAME}", _HINT)
    file = TomlFile(path)
    if not file.has("app"):
        raise BuildError(f"{path} has no [app] table")
    file.check_names({*_KEYS, "dependencies"})
    for name, keys in _KEYS.items():
        file.table(name).check_keys(keys)
    app = file.table("app")
    layouts = _layouts(app, app_dir)
    arch = _arch(app, layouts)
    return AppConfig(
        name=_name(app),
        version=_version(app, "version"),
        entry=_entry(app),
        optimize=app.number("optimize", 0, 0, 3),
        arch=arch,
        include=app.texts("include", "patterns"),
        exclude=app.texts("exclude", "patterns"),
        secrets=app.texts("secrets", "patterns"),
        boards=app.texts("boards", "boards"),
        layouts=layouts,
        dependencies=_dependencies(file.table("dependencies")),
        sources=_sources(file.table("sources")),
        budget=_budget(file.table("size")),
        sign=_sign(file.table("sign"), app_dir, () if arch == NO_ARCH else layouts),
    )


def _name(app: Table) -> str:
    name = app.text("name")
    if not _NAME.fullmatch(name):
        raise app.error("name", f"name {name!r} is not made of 1 to 32 letters, digits, - and _")
    return name


def _version(table: Table, key: str) -> Version:
    try:
        return parse_version(table.text(key))
    except UsageError as error:
        raise table.wrap(key, error) from None


def _entry(app: Table) -> str:
    entry = app.text("entry", "main")
    if not _MODULE.fullmatch(entry):
        raise app.error("entry", f"entry {entry!r} is not the name of a module")
    return entry


def _layouts(app: Table, folder: Path) -> tuple[Layout, ...]:
    boards = app.texts("boards", "boards")
    if not boards:
        return ()
    from ophion.build.boards import layout_path
    from ophion.build.layout import load_layout

    try:
        return tuple(load_layout(layout_path(board, folder)) for board in boards)
    except OphionError as error:
        raise app.wrap("boards", error) from None


def _arch(app: Table, layouts: tuple[Layout, ...]) -> str:
    """What native code is for: the one processor of all boards."""
    if not app.flag("native", False):
        return NO_ARCH
    if not layouts:
        raise app.error("native", "native needs `boards`: they say for which processor")
    found = {arch_of(layout): layout.name for layout in layouts}
    if len(found) > 1:
        names = " and ".join(f"{name} ({arch})" for arch, name in found.items())
        raise app.error("native", f"native: no code runs on both {names}", "name boards of one processor")
    if NO_ARCH in found:
        raise app.error("native", f"native: no code can be made for {found[NO_ARCH]} on this computer")
    return next(iter(found))


def _dependencies(table: Table) -> dict[str, Requirement]:
    found = {}
    for name in sorted(table.values):
        try:
            found[name] = read_requirement(name, table.text(name))
        except OphionError as error:
            raise error if isinstance(error, BuildError) else table.wrap(name, error) from None
    return found


def _sources(table: Table) -> Sources:
    given = {key: table.text(key).rstrip("/") for key in table.values}
    for key, base in given.items():
        if not re.fullmatch(r"https?://[^\s/]+\S*", base):
            raise table.error(key, f"{key} {base!r} is not an address that starts with https:// or http://")
    return Sources(**given)


def _budget(table: Table) -> Budget:
    budget = Budget(table.size("warn"), table.size("limit"))
    if budget.limit and budget.warn > budget.limit:
        raise table.error("warn", f"warn {budget.warn} is above limit {budget.limit}")
    return budget


def _sign(table: Table, folder: Path, only: tuple[Layout, ...]) -> SignDefaults:
    """[sign]; an image that runs on no other boards than `only` says so."""
    key = table.text("key", "")
    counter = table.values.get("security_counter", "")
    if isinstance(counter, bool) or not isinstance(counter, int | str):
        raise table.error("security_counter", f'security_counter is {counter!r}, not a number or "auto"')
    if "min_runtime" in table.values:
        _version(table, "min_runtime")
    chain = table.text("chain", "")
    return SignDefaults(
        key=_key_uri(key, folder),
        chain=folder / chain if chain else None,
        hardware=table.texts("hardware", "hardware ids") or tuple(dict.fromkeys(board.hw for board in only)),
        min_runtime=table.text("min_runtime", ""),
        security_counter=str(counter),
        max_size=table.size("max_size"),
        encrypt=tuple(folder / item for item in table.texts("encrypt", "public keys")),
    )


def _key_uri(key: str, folder: Path) -> str:
    """The URI of a key, its path from `folder`; those of tokens are as they are."""
    if not key or key.startswith("pkcs11:"):
        return key
    return str(folder / key.removeprefix("file:"))
