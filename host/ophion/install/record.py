"""What a board was before: kept in a folder at install, needed to give it back.

record.json   version, state (STATES), chip, mac, size of the flash, SHA-256 of flash.bin
flash.bin     the whole flash as it was
files/        the user's files that were new or changed when the board was given back
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from ophion.errors import InputError, UsageError
from ophion.files import read_file, write_file
from ophion.install.cable import Cable
from ophion.install.steps import PIECE, Step

INSTALLING, INSTALLED, GIVEN_BACK = STATES = ("installing", "installed", "given back")
_VERSION = 1
_NAME = "record.json"
_FLASH = "flash.bin"


@dataclass(frozen=True)
class Record:
    """The content of a record; `flash` is read when it is asked for."""

    folder: Path
    state: str
    chip: str
    mac: str
    flash_size: int
    sha256: str

    def flash(self) -> bytes:
        """The flash as it was. Raises InputError when the file is not what was kept."""
        data = read_file(self.folder / _FLASH, "record")
        if len(data) != self.flash_size or hashlib.sha256(data).hexdigest() != self.sha256:
            raise InputError(f"{self.folder / _FLASH} is not what was kept at install: it has changed")
        return data

    def in_state(self, state: str) -> Record:
        """The same record, in another state, on disk too."""
        record = replace(self, state=state)
        fields = {name: value for name, value in asdict(record).items() if name != "folder"}
        text = json.dumps({"version": _VERSION, **fields}, indent=1) + "\n"
        write_file(self.folder / _NAME, text.encode(), mode=0o600)
        return record

    def drop(self) -> None:
        """Forget it: the copy of the flash and the record, and their folder when nothing else is in it."""
        for name in (_FLASH, _NAME):
            (self.folder / name).unlink(missing_ok=True)
        with suppress(OSError):
            self.folder.rmdir()

    def check(self, cable: Cable) -> None:
        """Raise UsageError unless the chip on `cable` is the one of this record."""
        mine = (self.chip, self.mac, self.flash_size)
        if mine != (cable.chip, cable.mac, cable.flash_size):
            raise UsageError(
                f"{self.folder} is of the {self.chip} {self.mac}, and this is the {cable.chip} {cable.mac}"
            )

    def keep_files(self, files: dict[str, bytes]) -> None:
        """Write files of the user beside the record."""
        for path, data in files.items():
            target = (self.folder / "files" / path).resolve()
            if not target.is_relative_to((self.folder / "files").resolve()):
                raise InputError(f"the user's files have one called {path!r}")
            write_file(target, data)


def load_record(folder: Path) -> Record:
    """Read the record in `folder`. Raises InputError."""
    text = read_file(folder / _NAME, "record")
    try:
        fields = json.loads(text)
        if fields.pop("version") != _VERSION:
            raise ValueError("another version")
        record = Record(folder=folder, **fields)
        if record.state not in STATES or not isinstance(record.flash_size, int):
            raise ValueError("another content")
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(f"{folder / _NAME} is no record of an installation: {error}") from None
    return record


def back_up(cable: Cable, folder: Path) -> Iterator[Step]:
    """Keep the whole flash of the chip in a new record in `folder`. Raises UsageError, LinkLost."""
    if folder.exists() and any(folder.iterdir()):
        raise UsageError(f"{folder} is not empty", "name another folder with --record")
    data = b""
    while len(data) < cable.flash_size:
        yield Step("copy of the flash", len(data), cable.flash_size)
        data += cable.read(len(data), min(PIECE, cable.flash_size - len(data)))
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_file(folder / _FLASH, data, mode=0o600)
    digest = hashlib.sha256(data).hexdigest()
    Record(folder, INSTALLING, cable.chip, cable.mac, cable.flash_size, digest).in_state(INSTALLING)
    yield Step("copy of the flash", len(data), cable.flash_size)
