"""The application that a verb means when no file is named: the one in the current folder, or above it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ophion.errors import UsageError

if TYPE_CHECKING:
    from ophion.build import AppConfig

_VERBS = {"romfs": "ophion build", "bin": "ophion build && ophion sign"}


def made_here(*suffixes: str) -> Path:
    """What was made last of the application here: the first that is there of NAME-VERSION.SUFFIX.

    Raises BuildError (no application here), UsageError (nothing was made of this version of it).
    """
    from ophion.build import find_app, load_config, output_dir

    app = find_app(Path())
    made = [output_dir(app) / f"{load_config(app).stem}.{suffix}" for suffix in suffixes]
    for path in made:
        if path.is_file():
            return path
    raise UsageError(f"there is no {made[-1]} yet", _VERBS[suffixes[-1]])


def config_of(file: Path) -> AppConfig | None:
    """What `ophion.toml` says of the application in which `file` lies; None when it lies in none."""
    from ophion.build import load_config
    from ophion.build.config import CONFIG_NAME

    folders = file.resolve().parents
    return next((load_config(folder) for folder in folders if (folder / CONFIG_NAME).is_file()), None)
