"""Progress of uploads on a terminal: bytes, rate, time left."""

from __future__ import annotations

from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)


def upload_bars(title: str) -> Progress:
    """A bar for each task; `title` is what stands before it, with rich's fields. They vanish at the end."""
    columns = (TextColumn(title), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    return Progress(*columns, TimeRemainingColumn(), transient=True)
