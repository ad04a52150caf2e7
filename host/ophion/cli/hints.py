"""What to do next, for errors that do not say it themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ophion.errors import (
    DeviceNotFound,
    ImageError,
    InputError,
    KeyFileError,
    LinkLost,
    OphionError,
    RefusedError,
    UsageError,
    VerificationFailed,
)

# The first class that fits counts.
_HINTS: tuple[tuple[type[OphionError], str], ...] = (
    (ImageError, "`ophion sign` makes images, `ophion inspect` shows what is in one"),
    (KeyFileError, "`ophion keys show KEY` tells what a key is, `ophion keys new` makes one"),
    (DeviceNotFound, "is it switched on? `ophion device list` shows who is in range"),
    (RefusedError, "`ophion device logs` may tell more"),
    (LinkLost, "try again: an upload goes on where it stopped"),
    (VerificationFailed, "`ophion inspect` shows what is in the image"),
)


def hint_of(error: OphionError, words: Sequence[str] = ()) -> str:
    """The hint of `error`, or what helps with errors of its kind; `words` are those of the command line."""
    if error.hint:
        return error.hint
    for kind, text in _HINTS:
        if isinstance(error, kind):
            return text
    if isinstance(error, UsageError | InputError) and words:
        return f"see `ophion {' '.join(verb_of(words))} --help`"
    return ""


def interrupted_hint(words: Sequence[str]) -> str:
    """What Ctrl-C has left, where somebody may ask that."""
    if verb_of(words) == ["push"] and "--watch" not in words:
        return "push again: an upload goes on where it stopped; `ophion device images` shows what is there"
    return ""


def verb_of(words: Sequence[str]) -> list[str]:
    """The verb in a command line, with its group: ["device", "info"]."""
    import typer.main

    from ophion.cli.app import make_app

    command: Any = typer.main.get_command(make_app())
    found: list[str] = []
    for word in words:
        below = getattr(command, "commands", {})
        if word in below:
            found.append(word)
            command = below[word]
        elif found:  # options of the root may come before the verb
            break
    return found
