"""The configuration file: options by profile, below the command line and the environment.

    default = "bench"                       # used when neither --profile nor OPHION_PROFILE names one

    [profile.bench]                         # for every verb that talks to a device
    ble = ["lamp-1", "lamp-2"]              # and udp, serial, serial-raw, sim
    timeout = 30

    [profile.bench.sign]                    # for one verb: its long options without the dashes
    key = "keys/release.pem"

Two files are read: `~/.config/ophion/config.toml` (XDG_CONFIG_HOME) and `.ophion/config.toml` where the
command is run; the second one wins, entry by entry. OPHION_CONFIG names one file to read instead of both.
Paths in it mean what they would mean on the command line.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ophion.errors import InputError, UsageError

if TYPE_CHECKING:
    from typer._click import Command, Parameter

CONFIG_VARIABLE = "OPHION_CONFIG"
PROFILE_VARIABLE = "OPHION_PROFILE"
PROJECT_FILE = Path(".ophion/config.toml")
_DEVICES = {"ble": "", "udp": "udp:", "serial": "serial:", "serial-raw": "raw:", "sim": "sim:"}
# What [profile.NAME] may say for all verbs that talk to a device.
_SHARED = (*_DEVICES, "timeout", "radio", "operator", "pair", "passkey")
_NEVER = ("json", "help", "version", "profile")


def choose(context: typer.Context, profile: str | None) -> None:
    """Give `context` (of the root or of a verb) the options of `profile`, or of the default one.

    Raises UsageError for a profile that is not there, InputError for a file that cannot be used.
    """
    default, profiles = read_profiles()
    name = profile or default
    if not name:
        return
    if name not in profiles:
        known = ", ".join(sorted(profiles)) or "none"
        raise UsageError(f"no profile is called {name!r}", f"there are: {known} (in {_places()})")
    made = default_map(context.find_root().command, profiles[name], name)
    for word in _path(context):
        made = made.get(word, {})
    context.default_map = made


def _choose_for_verb(context: typer.Context, profile: str | None) -> str | None:
    """What a verb's own --profile does; without one, the root has chosen already."""
    if profile:
        choose(context, profile)
    return profile


def _complete_profile(incomplete: str) -> list[str]:
    return [name for name in profile_names() if name.startswith(incomplete)]


_HELP = "Profile of the configuration file to take options from."
RootProfile = Annotated[
    str | None,
    typer.Option(
        "--profile",
        metavar="NAME",
        envvar=PROFILE_VARIABLE,
        autocompletion=_complete_profile,
        help=_HELP,
    ),
]
Profile = Annotated[
    str | None,
    typer.Option(
        "--profile",
        metavar="NAME",
        is_eager=True,
        callback=_choose_for_verb,
        autocompletion=_complete_profile,
        help=_HELP,
    ),
]


def config_files() -> list[Path]:
    """The files that are read, the weakest first, whether they are there or not."""
    named = os.environ.get(CONFIG_VARIABLE)
    if named:
        return [Path(named)]
    base = os.environ.get("XDG_CONFIG_HOME")
    return [(Path(base) if base else Path.home() / ".config") / "ophion" / "config.toml", PROJECT_FILE]


def read_profiles() -> tuple[str, dict[str, Any]]:
    """(name of the default profile or "", {name: table}) of all files. Raises InputError."""
    default = ""
    profiles: dict[str, Any] = {}
    for path in config_files():
        table = _load(path)
        unknown = sorted(set(table) - {"default", "profile"})
        tables = table.get("profile", {})
        if unknown or not _all_tables(tables):
            raise InputError(
                f"{path}: {unknown[0] if unknown else 'profile'} is not known here",
                'write default = "NAME", and tables [profile.NAME]',
            )
        default = str(table.get("default", default))
        _merge(profiles, tables)
    return default, profiles


def profile_names() -> list[str]:
    """The names of all profiles; none where a file is not readable."""
    try:
        return sorted(read_profiles()[1])
    except InputError:
        return []


def config_devices() -> list[str]:
    """Every device that a profile names, as `ophion.push.Link` takes it; none if a file is not readable."""
    try:
        tables = read_profiles()[1].values()
    except InputError:
        return []
    return [
        f"{prefix}{item}"
        for table in tables
        for key, prefix in _DEVICES.items()
        for item in _list(table.get(key, []))
    ]


def default_map(root: Command, table: dict[str, Any], name: str) -> dict[str, Any]:
    """What click takes for defaults: {verb: {parameter: value}}, groups nested. Raises InputError."""
    shared = {key: value for key, value in table.items() if not isinstance(value, dict)}
    strange = sorted(set(shared) - set(_SHARED))
    if strange:
        raise InputError(
            f"profile {name}: {strange[0]} is not an option of all verbs that talk to a device",
            f"those are {', '.join(_SHARED)}; the rest stands under a verb: [profile.{name}.push]",
        )
    own = {key: value for key, value in table.items() if isinstance(value, dict)}
    return _group(root, shared, own, f"profile.{name}")


def _group(group: Any, shared: dict[str, Any], own: dict[str, Any], where: str) -> dict[str, Any]:
    strange = sorted(set(own) - set(group.commands))
    if strange:
        raise InputError(f"[{where}.{strange[0]}]: there is no such verb", "see `ophion --help`")
    made = {}
    for name, command in group.commands.items():
        table = own.get(name, {})
        if hasattr(command, "commands"):
            made[name] = _group(command, shared, table, f"{where}.{name}")
        else:
            made[name] = _values(command, shared, table, f"{where}.{name}")
    return made


def _values(command: Command, shared: dict[str, Any], own: dict[str, Any], where: str) -> dict[str, Any]:
    options = dict(_options(command))
    strange = sorted(set(own) - set(options))
    if strange:
        raise InputError(
            f"[{where}]: there is no option --{strange[0]}", f"see `ophion {_words(where)} --help`"
        )
    talks = "serial-raw" in options  # to a device
    values = {**(shared if talks else {}), **own}
    return {str(options[key].name): _fit(options[key], value) for key, value in values.items()}


def _words(where: str) -> str:
    """The verb of a table [profile.NAME.VERB]."""
    return " ".join(where.split(".")[2:])


def _options(command: Command) -> Iterator[tuple[str, Parameter]]:
    for parameter in command.params:
        for text in parameter.opts:
            if text.startswith("--") and text[2:] not in _NEVER:
                yield text[2:], parameter


def _fit(parameter: Any, value: Any) -> Any:
    """A single value for an option that may come again is a list of one."""
    return _list(value) if parameter.multiple else value


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _all_tables(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(item, dict) for item in value.values())


def _merge(into: dict[str, Any], table: dict[str, Any]) -> None:
    for key, value in table.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value


def _load(path: Path) -> dict[str, Any]:
    if not path.is_file():
        if os.environ.get(CONFIG_VARIABLE):
            raise InputError(f"configuration file not found: {path}", f"correct {CONFIG_VARIABLE}")
        return {}
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib

    try:
        table: dict[str, Any] = tomllib.loads(path.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not readable TOML: {error}") from None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    return table


def _path(context: typer.Context) -> list[str]:
    """The verbs from the root to `context`."""
    words: list[str] = []
    at: Any = context
    while at.parent is not None:
        words.insert(0, at.info_name)
        at = at.parent
    return words


def _places() -> str:
    return " and ".join(str(path) for path in config_files())
