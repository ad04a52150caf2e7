"""`ophion new app`: a first application that confirms itself once it can be reached."""

from __future__ import annotations

import os
import re
from importlib.resources import files
from pathlib import Path

from ophion.errors import UsageError
from ophion.files import write_file

TEMPLATES = ("ophion.toml", "main.py", "README.md")
_PLACEHOLDER = "APP_NAME"


def new_app(app_dir: str | os.PathLike[str], name: str = "") -> list[Path]:
    """Create an application in `app_dir` (new or empty) and return the files written.

    `name` is by default the folder's name. Raises UsageError if the folder is not empty or no name
    can be made of it.
    """
    folder = Path(app_dir)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} exists and is not an empty folder", "choose a new folder")
    app_name = name or re.sub(r"[^A-Za-z0-9_-]+", "-", folder.resolve().name).strip("-_")[:32]
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}", app_name):
        raise UsageError(f"{app_name!r} cannot be the name of an application", "use letters, digits, - and _")
    written = []
    for template in TEMPLATES:
        text = (files("ophion.build") / "templates" / "app" / template).read_text("utf-8")
        write_file(folder / template, text.replace(_PLACEHOLDER, app_name).encode(), overwrite=False)
        written.append(folder / template)
    return written
