"""Progress of uploads on a terminal: bytes, rate, time left."""

from __future__ import annotations

from rich.filesize import decimal
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    Task,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.text import Text


class _Rate(TransferSpeedColumn):
    """The rate of the last seconds; before there is one, that since the bar began."""

    def render(self, task: Task) -> Text:
        if task.finished_speed or task.speed or not task.elapsed:
            return super().render(task)
        return Text(f"{decimal(int(task.completed / task.elapsed))}/s", style="progress.data.speed")


def upload_bars(title: str) -> Progress:
    """A bar for each task; `title` is what stands before it, with rich's fields. They vanish at the end."""
    columns = (TextColumn(title), BarColumn(), DownloadColumn(), _Rate())
    return Progress(*columns, TimeRemainingColumn(), transient=True)
