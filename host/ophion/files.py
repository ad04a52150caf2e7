"""Reading and writing files so that a mistake leaves nothing half-written behind."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from ophion.errors import InputError, UsageError

MAX_INPUT_BYTES = 64 * 1024 * 1024
"""No input of ours is larger; a device or a disk given by mistake is refused before it fills memory."""
_MAKERS = {
    "image": "`ophion build`, then `ophion sign`, make an image",
    "payload": "`ophion build` makes a payload",
    "key": "`ophion keys new key.pem` makes a key pair",
    "firmware": "take the .bin for your board from micropython.org",
}
"""What to do about a file that is not there."""


def read_file(path: str | os.PathLike[str], what: str) -> bytes:
    """Return the bytes of `path`; `what` names its role in errors ("image", "key").

    Raises InputError: missing, a folder, unreadable, or larger than `MAX_INPUT_BYTES`.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_INPUT_BYTES + 1)
    except FileNotFoundError:
        raise InputError(f"{what} not found: {os.fspath(path)}", _MAKERS.get(what, "")) from None
    except IsADirectoryError:
        raise InputError(f"{what} is a folder, not a file: {os.fspath(path)}") from None
    except OSError as error:
        raise InputError(f"cannot read {what} {os.fspath(path)}: {error.strerror}") from None
    if len(data) > MAX_INPUT_BYTES:
        raise InputError(f"{what} is larger than {MAX_INPUT_BYTES} bytes: {os.fspath(path)}")
    return data


def write_file(
    path: str | os.PathLike[str], data: bytes, *, mode: int = 0o644, overwrite: bool = True
) -> None:
    """Write `data` to `path` in one step: after a failure the old file, or none, is there.

    With `overwrite=False` a file that exists is kept, also one that somebody makes in the meantime.
    Raises UsageError if it exists and must not be replaced, InputError if the place cannot be written.
    """
    target = Path(path)
    reserved = False
    temporary = ""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if not overwrite:
            reserved = _reserve(target)
        handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        with os.fdopen(handle, "wb") as file:
            os.chmod(temporary, mode)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
        reserved = False
    except OSError as error:
        raise InputError(f"cannot write {target}: {error.strerror}") from None
    finally:
        if reserved:
            target.unlink(missing_ok=True)
        if temporary:
            Path(temporary).unlink(missing_ok=True)


def _reserve(target: Path) -> bool:
    """Take the name `target`, empty, unless it is taken: then UsageError."""
    try:
        target.open("xb").close()
    except FileExistsError:
        raise UsageError(f"{target} exists and is not overwritten", "use --force to replace it") from None
    return True
