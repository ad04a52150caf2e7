"""The files that a verb means when it is given an application's folder, or nothing: the application here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ophion.errors import UsageError

if TYPE_CHECKING:
    from ophion.build import AppConfig

_VERBS = {"romfs": "`ophion build` makes it", "bin": "`ophion build`, then `ophion sign`, make it"}


def made_file(path: Path | None, *suffixes: str) -> Path:
    """`path` itself; of a folder, or None for the application here: what was made of it last.

    That is the first that is there of NAME-VERSION.SUFFIX. Raises BuildError (no application), UsageError
    (nothing was made of this version of it).
    """
    if path is not None and not path.is_dir():
        return path
    from ophion.build import find_app, load_config, output_dir

    app = path or find_app(Path())
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
