"""When the files of an application change: by looking, so that it works on every file system."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path

from ophion.build.config import LOCK_NAME
from ophion.build.tree import OUTPUT_NAME, is_simulated

_NEVER = (OUTPUT_NAME, LOCK_NAME, "__pycache__")
LOOK_S = 0.3
"""How often to look; what is saved within this time is one change."""


async def changes(app_dir: str | os.PathLike[str], look_s: float = LOOK_S) -> AsyncGenerator[list[str], None]:
    """Yield the paths that changed in `app_dir` since the last time, once they have come to rest; never ends.

    The output folder, `ophion.lock`, simulated devices and what begins with a dot are not looked at. A folder
    that is not there is empty.
    """
    folder = Path(app_dir)
    known = seen = _snapshot(folder)
    while True:
        await asyncio.sleep(look_s)
        now = _snapshot(folder)
        if now == seen and now != known:
            changed = sorted(path for path in known.keys() | now.keys() if known.get(path) != now.get(path))
            known = now
            yield changed
        seen = now


def _snapshot(folder: Path) -> dict[str, tuple[int, int]]:
    """{path: (time of the last change in ns, bytes)} of all files."""
    return dict(_files(folder, ""))


def _files(folder: Path, prefix: str) -> Iterator[tuple[str, tuple[int, int]]]:
    try:
        with os.scandir(folder) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return
    for entry in found:
        path = prefix + entry.name
        if entry.name.startswith(".") or path in _NEVER:
            continue
        try:
            if entry.is_dir(follow_symlinks=False):
                if is_simulated(entry.path):
                    continue
                yield from _files(Path(entry.path), path + "/")
            else:
                state = entry.stat()
                yield path, (state.st_mtime_ns, state.st_size)
        except OSError:
            continue  # it went away while we looked
