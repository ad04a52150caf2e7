"""What is known of a device that is provisioned: a folder for each, with `record.json` and sealed files.

No secret is in a record: keys have a name that tells nothing of them (`state.key_id`) and public halves. It
is written before a key is burned, so that after an interruption it knows every key that is in the chip.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ophion.errors import InputError, RefusedError
from ophion.files import read_file, write_file
from ophion.provision.wishes import Wishes, from_json

FILE = "record.json"
_VERSION = 1
_MODE = 0o600


@dataclass
class Record:
    """The record of one device.

    keys    purpose -> {"id", "block", "sealed": {file: {"sha256", "address"}}} of keys that the host made
    steps   what was burned, in order: {"row", "burned", "at"}
    device  its identity: {"id", "name", "key_type", "public_key", "keyhash"}, as far as it has one
    state   "begun", "first start" (the firmware has to start), "open" (all but the last step), "closed"
    """

    folder: Path
    mac: str
    board: str
    wishes: Wishes
    revision: int = 0
    state: str = "begun"
    keys: dict[str, dict[str, Any]] = field(default_factory=dict)
    steps: list[dict[str, str]] = field(default_factory=list)
    device: dict[str, str] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        """Where it lies."""
        return self.folder / FILE

    @property
    def known(self) -> Mapping[str, str]:
        """Purpose -> `key_id` of the keys that the host made."""
        return {purpose: key["id"] for purpose, key in self.keys.items()}

    def as_json(self) -> dict[str, Any]:
        """What is written, and printed."""
        return {
            "version": _VERSION,
            "mac": self.mac,
            "board": self.board,
            "chip": self.wishes.chip,
            "revision": self.revision,
            "state": self.state,
            "wishes": self.wishes.as_json(),
            "keys": self.keys,
            "device": self.device,
            "steps": self.steps,
        }

    def save(self) -> None:
        """Write it: the old one or the new one is there, whatever happens. Raises InputError."""
        store(self.path, (json.dumps(self.as_json(), indent=1) + "\n").encode())

    def seal(self, purpose: str, block: str, name: str, files: Mapping[str, tuple[int, bytes]]) -> None:
        """Write what only the key called `name` opens, then that it goes to `block`: before it is burned."""
        sealed = {}
        for file, (address, data) in files.items():
            store(self.folder / file, data)
            sealed[file] = {"address": address, "sha256": hashlib.sha256(data).hexdigest()}
        self.keys[purpose] = {"id": name, "block": block, "sealed": sealed}
        self.save()

    def check_sealed(self) -> None:
        """Raise InputError unless the sealed files are there as they were written."""
        for purpose, key in self.keys.items():
            for file, facts in key["sealed"].items():
                data = read_file(self.folder / file, f"sealed file of {purpose}")
                if hashlib.sha256(data).hexdigest() != facts["sha256"]:
                    raise InputError(f"{self.folder / file} is not what was sealed with the key {purpose}")


def folder_of(records: Path, mac: str) -> Path:
    """The folder of the device with this MAC."""
    return records / mac.replace(":", "")


def load(path: Path) -> Record:
    """Read a record. Raises InputError when it is none."""
    try:
        value = json.loads(read_file(path, "record"))
        if value["version"] != _VERSION:
            raise InputError(f"{path}: records of version {value['version']} are not known")
        return Record(
            path.parent,
            value["mac"],
            value["board"],
            from_json(value["wishes"]),
            value["revision"],
            value["state"],
            value["keys"],
            value["steps"],
            value["device"],
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} is no record of a device: {error}") from None


def begin(records: Path, mac: str, board: str, wishes: Wishes, revision: int) -> Record:
    """The record of this device: the one that is there, or a new one, not yet written.

    Raises RefusedError when the device was begun with other wishes, InputError for a damaged record.
    """
    folder = folder_of(records, mac)
    if not (folder / FILE).exists():
        return Record(folder, mac, board, wishes, revision)
    found = load(folder / FILE)
    old, new = found.wishes.as_json(), wishes.as_json()
    other = [f"{name} {old[name]}, not {new[name]}" for name in new if old[name] != new[name]]
    if found.board != board:
        other.append(f"board {found.board}, not {board}")
    if other:
        raise RefusedError(
            f"this device was begun otherwise: {'; '.join(other)}", f"go on with what {found.path} says"
        )
    return found


def store(path: Path, data: bytes) -> None:
    """Write `data` for its owner only, in one step that survives a power cut. Raises InputError."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.chmod(path.parent, 0o700)
        write_file(path, data, mode=_MODE)
        if os.name == "posix":  # the name is durable when its folder is
            folder = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}") from None
