"""The command line: a thin skin over the library. `ophion.cli:main` is the console script."""

from __future__ import annotations


def main() -> None:
    """Run the command line and exit with the code that `ophion.errors` documents."""
    from ophion.cli.app import run

    raise SystemExit(run())
