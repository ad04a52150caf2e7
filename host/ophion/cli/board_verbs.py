"""`ophion board`: what a board's layout makes of its flash, and the files that its firmware is built from."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from ophion.cli.complete import board_names
from ophion.cli.output import Json, show, table

Name = Annotated[
    str,
    typer.Argument(
        metavar="BOARD",
        autocompletion=board_names,
        help="A board that comes with ophion, or a layout.toml.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the verbs of this module to `app`."""
    board = typer.Typer(
        help="Flash maps of boards, and what their firmware is built from.", no_args_is_help=True
    )
    board.command("list")(list_boards)
    board.command("show")(show_board)
    board.command("files")(files)
    board.command("traceback")(traceback)
    app.add_typer(board, name="board")


def list_boards(as_json: Json = False) -> None:
    """List the boards that come with ophion."""
    from ophion.build.boards import board_layout, board_list
    from ophion.build.layout import load_layout

    layouts = {name: load_layout(board_layout(name)) for name in board_list()}
    value = [
        {
            "board": name,
            "chip": layout.chip,
            "flash": layout.flash_size,
            "max_image": layout.max_image_size,
            "runtime": layout.has_runtime,
        }
        for name, layout in layouts.items()
    ]
    rows = [
        [
            name,
            layout.chip or f"({layout.port})",
            f"{layout.flash_size // 1024} KB",
            f"{layout.max_image_size} bytes",
            "and runtime" if layout.has_runtime else "",
        ]
        for name, layout in layouts.items()
    ]
    show(as_json, {"boards": value}, table(rows, ["BOARD", "CHIP", "FLASH", "LARGEST IMAGE", "UPDATES"]))


def new_board(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new folder; the board gets its name.")],
    like: Annotated[
        str,
        typer.Option(
            "--like",
            metavar="BOARD",
            autocompletion=board_names,
            help="The board that it is copied from: one that comes with ophion.",
        ),
    ] = "template",
    as_json: Json = False,
) -> None:
    """Start a board of your own: a copy of one that is near."""
    from ophion.build.boards import new_board as copy

    written = [str(path) for path in copy(folder, like)]
    show(
        as_json,
        {"files": written},
        "\n".join([*written, f"next: go through board.md, then ophion board show {written[0]}"]),
    )


def show_board(board: Name, as_json: Json = False) -> None:
    """Show what lies where in the flash of a board."""
    from ophion.build.boards import layout_path
    from ophion.build.layout import load_layout
    from ophion.build.partitions import picture

    layout = load_layout(layout_path(board))
    value = {
        "board": layout.name,
        "chip": layout.chip,
        "strategy": layout.strategy,
        "flash": layout.flash_size,
        "max_image": layout.max_image_size,
        "max_runtime": layout.max_runtime_size,
        "areas": {name: [area.offset, area.size] for name, area in layout.areas.items()},
    }
    words = [
        f"{layout.name}: {layout.chip or layout.port}, {layout.flash_size // 1024} KB, {layout.strategy}"
    ]
    words += [picture(layout), f"largest image: {layout.max_image_size} bytes"]
    if layout.has_runtime:
        words.append(f"largest runtime: {layout.max_runtime_size} bytes")
    show(as_json, value, "\n".join(words))


def files(
    board: Name,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="New folder for them.")],
    key: Annotated[
        list[Path] | None, typer.Option("--key", "-k", metavar="PUB", help="Key that the firmware trusts.")
    ] = None,
    roots: Annotated[
        Path | None, typer.Option(metavar="CHAIN", help="Root set that the firmware trusts.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Write the board definition for MicroPython's own build.

    It is for `make BOARD_DIR=DIR` in MicroPython's ports/esp32. The partition table is among the files.
    """
    from ophion.build.boarddir import board_files
    from ophion.build.boards import layout_path
    from ophion.build.frozen import frozen_files
    from ophion.build.layout import load_layout
    from ophion.build.partitions import binary
    from ophion.errors import UsageError
    from ophion.files import write_file
    from ophion.keys import load_public, refuse_sample
    from ophion.keys.chain import load_chain

    if not key and not roots:
        raise UsageError("a firmware needs a key to trust", "add --key KEY.pub or --roots ROOTS.chain")
    if out.exists() and any(out.iterdir()):
        raise UsageError(f"{out} is not empty", "name a new folder")
    layout = load_layout(layout_path(board))
    keys = [load_public(path) for path in key or []]
    for public in keys:
        refuse_sample(public)
    root_set = load_chain(roots) if roots else None
    if root_set is not None:
        root_set.refuse_samples()
    frozen = frozen_files(
        layout, layout.name, [public.mcuboot for public in keys], roots=root_set.data if root_set else b""
    )
    made = board_files(layout, frozen, out.absolute())
    made["partition-table.bin"] = binary(layout)
    for name, data in made.items():
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        write_file(out / name, data)
    show(
        as_json,
        {"folder": str(out), "files": sorted(made)},
        f"{out}: {len(made)} files\n"
        f"next, in micropython/ports/esp32 with ESP-IDF: make BOARD_DIR={out.absolute()}",
    )


def traceback(
    names: Annotated[Path, typer.Argument(metavar="NAMES", help="names.txt of the firmware's board files.")],
    file: Annotated[
        Path | None,
        typer.Argument(metavar="FILE", help="What the device printed (default: standard input)."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Put readable names into a device's traceback.

    Functions of the bootloader have short names in a firmware; its names.txt says which.
    """
    from ophion.build.names import readable
    from ophion.files import read_file

    printed = read_file(file, "traceback").decode(errors="replace") if file else sys.stdin.read()
    text = readable(printed, read_file(names, "map of names").decode(errors="replace"))
    show(as_json, {"traceback": text}, text.rstrip("\n"))
