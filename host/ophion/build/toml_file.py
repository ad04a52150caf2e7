"""A TOML file that people write: typed values out of its tables, and errors that name the line."""

from __future__ import annotations

import re
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any

from ophion.errors import BuildError, OphionError
from ophion.files import read_file

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_UNITS = {"": 1, "K": 1024, "M": 1024 * 1024}


class TomlFile:
    """The file `path`, parsed. Raises BuildError (InputError when it cannot be read)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._text = read_file(path, path.name).decode()
            self._tables: dict[str, Any] = tomllib.loads(self._text)
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise BuildError(f"{path} is not readable TOML: {error}") from None

    def check_names(self, known: Collection[str]) -> None:
        """Raise BuildError unless all that the file holds are tables, and `known` has their names."""
        for name, value in self._tables.items():
            if not isinstance(value, dict):
                raise self.error("", name, f"{name} is in no table", f"tables: {_list(known)}")
            if name not in known:
                raise self.error(name, "", f"unknown key [{name}]", f"known tables: {_list(known)}")

    def has(self, name: str) -> bool:
        """There is a table of that name."""
        return isinstance(self._tables.get(name), dict)

    def table(self, name: str) -> Table:
        """The table of that name; an empty one when it is not there."""
        return Table(self, name, self._tables.get(name, {}))

    def error(self, table: str, key: str, message: str, hint: str = "") -> BuildError:
        """A BuildError that names the file and the line of `key`."""
        line = line_of(self._text, table, key)
        where = f"{self.path}:{line}" if line else str(self.path)
        return BuildError(f"{where}: {message}", hint)


class Table:
    """One table, `name`, with the values that `check` and the getters let through."""

    def __init__(self, file: TomlFile, name: str, values: dict[str, Any]) -> None:
        self._file = file
        self._name = name
        self.values = values

    def check_keys(self, known: Collection[str]) -> None:
        """Raise BuildError for a key that is not in `known`."""
        for key in self.values:
            if key not in known:
                hint = f"known in [{self._name}]: {_list(known)}"
                raise self.error(key, f"unknown key {key} in [{self._name}]", hint)

    def error(self, key: str, message: str, hint: str = "") -> BuildError:
        """A BuildError that names the file and the line of `key`."""
        return self._file.error(self._name, key, message, hint)

    def wrap(self, key: str, error: OphionError) -> BuildError:
        """The error of somebody who looked at the value of `key`."""
        return self.error(key, error.message, error.hint)

    def text(self, key: str, default: str | None = None) -> str:
        """A text; missing only with a default."""
        value = self.values.get(key, default)
        if value is None:
            raise self.error(key, f"{key} is missing in [{self._name}]")
        if not isinstance(value, str):
            raise self.error(key, f"{key} is {value!r}, not a text in quotes")
        return value

    def texts(self, key: str, what: str) -> tuple[str, ...]:
        """A list of texts, () when it is missing; `what` says of what."""
        value = self.values.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.error(key, f"{key} is not a list of {what}")
        return tuple(value)

    def number(self, key: str, default: int, least: int, most: int) -> int:
        """A number from `least` to `most`."""
        value = self.values.get(key, default)
        if type(value) is not int or not least <= value <= most:
            raise self.error(key, f"{key} is {value!r}, not a number from {least} to {most}")
        return value

    def flag(self, key: str, default: bool) -> bool:
        """true or false."""
        value = self.values.get(key, default)
        if not isinstance(value, bool):
            raise self.error(key, f"{key} is {value!r}, neither true nor false")
        return value

    def size(self, key: str) -> int:
        """Bytes, as a number or as "400K" or "2M"; 0 when it is missing."""
        value = self.values.get(key, 0)
        match = re.fullmatch(r"([1-9]\d*)([KM]?)", str(value).upper())
        if key in self.values and (isinstance(value, bool) or match is None):
            raise self.error(key, f'{key} is {value!r}, not a size as in 400000, "400K" or "2M"')
        return int(match[1]) * _UNITS[match[2]] if match else 0


def line_of(text: str, table: str, key: str = "") -> int:
    """The line of `key` in the table `table` of a TOML file, else of the table's head; 0 without both."""
    inside, found = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        head = re.match(r"\s*\[([\w.]+)\]", line)
        if head:
            inside = head[1]
            found = number if inside == table else found
        elif inside == table and key and re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*[.=]", line):
            return number
    return found


def _list(names: Collection[str]) -> str:
    return ", ".join(sorted(names))
