"""MkDocs hooks: pages that are made from code, and documents that live beside the code they speak of.

`reference/cli.md` comes from the command line itself; SPEC.md, DESIGN.md and the decisions are shown as they
are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[2]
_DECISIONS = ROOT / "bootloader" / "decisions"
_SHOWN = {
    "reference/spec.md": ROOT / "bootloader" / "SPEC.md",
    "explanation/design.md": ROOT / "bootloader" / "DESIGN.md",
}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that no file of `docs` holds."""
    pages = {name: path.read_text() for name, path in _SHOWN.items()}
    decisions = sorted(_DECISIONS.glob("[0-9]*.md"))
    pages["explanation/decisions.md"] = _list_of(decisions)
    for path in decisions:
        pages[f"explanation/decisions/{path.name}"] = path.read_text()
    pages["reference/cli.md"] = "\n".join(_commands())
    for name, text in pages.items():
        files.append(File.generated(config, name, content=_without_foreign_links(text)))
    return files


def _list_of(decisions: list[Path]) -> str:
    lines = ["# Decisions", "", "Decisions that had alternatives, in the order they were made.", ""]
    for path in decisions:
        title = path.read_text().partition("\n")[0].lstrip("# ")
        lines.append(f"- [{title}](decisions/{path.name})")
    return "\n".join(lines)


def _without_foreign_links(text: str) -> str:
    """Links to files that are no pages become the plain path."""
    return re.sub(r"\[([^\]]+)\]\((?:\.\./)+[^)]*\)", r"\1", text)


def _commands() -> Iterator[str]:
    import typer
    from ophion.cli.app import make_app

    command = typer.main.get_command(make_app())
    yield "# Command line"
    yield ""
    yield from _command(command, command.make_context("ophion", [], resilient_parsing=True), 2)


def _command(command: Any, context: Any, level: int) -> Iterator[str]:
    yield f"{'#' * level} `{context.command_path}`"
    yield ""
    yield f"    {' '.join([context.command_path, *command.collect_usage_pieces(context)])}"
    yield ""
    yield _plain(command.help)
    yield ""
    rows = [record for param in command.get_params(context) if (record := param.get_help_record(context))]
    if rows:
        yield "| option | meaning |"
        yield "|---|---|"
        for name, meaning in rows:
            yield f"| `{name}` | {_plain(meaning).replace('|', chr(92) + '|')} |"
        yield ""
    if command.epilog:
        yield _plain(command.epilog)
        yield ""
    for name, child in getattr(command, "commands", {}).items():
        inner = child.make_context(name, [], parent=context, resilient_parsing=True)
        yield from _command(child, inner, level + 1)


def _plain(text: str | None) -> str:
    return " ".join((text or "").split()).replace("<", "&lt;")
