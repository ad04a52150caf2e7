"""`ophion demo`: the whole of it, without hardware (`ophion.cli.demo`)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ophion.cli.output import Json


def register(app: typer.Typer) -> None:
    """Add the verb to `app`."""
    app.command("demo")(demo)


def demo(
    folder: Annotated[
        Path | None,
        typer.Option("--keep", metavar="DIR", help="Work in DIR (new) and leave everything there."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show it all on simulated devices, in under a minute.

    An update, tampering, a crash, a power cut, a delta, a release of application and runtime.
    """
    import asyncio
    import tempfile

    from ophion.cli.demo import run
    from ophion.cli.session import quiet_libraries

    quiet_libraries()
    if folder is not None:
        folder.mkdir(parents=True)
        asyncio.run(run(folder, as_json))
        return
    with tempfile.TemporaryDirectory(prefix="ophion-demo-") as temporary:
        asyncio.run(run(Path(temporary), as_json))
