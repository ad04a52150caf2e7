"""Builds a board's firmware with MicroPython's own build, by the commands that its documentation gives.

    python tools/build_board.py BOARD --micropython DIR --out DIR --key KEY.pub [--roots ROOTS.chain]

DIR is a checkout of a MicroPython version of firmware/versions.toml; ESP-IDF's export.sh must have been
sourced.
What is run is printed; `--dry-run` runs nothing.
"""

import argparse
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

from ophion.build.boards import board_layout
from ophion.build.layout import load_layout
from ophion.errors import OphionError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]


def versions() -> dict[str, dict[str, Any]]:
    """{MicroPython version: its row} of firmware/versions.toml."""
    table = tomllib.loads((ROOT / "firmware" / "versions.toml").read_text())
    return {row["version"]: row for row in table["micropython"]}


def version_of(tree: Path) -> str:
    """The version of a MicroPython source tree, as py/mpconfig.h says; ValueError when it is none."""
    path = tree / "py" / "mpconfig.h"
    if not path.is_file():
        raise ValueError(f"{tree} is no source tree of MicroPython: no py/mpconfig.h")
    text = path.read_text()
    parts = [
        re.search(rf"#define MICROPY_VERSION_{name} +(\d+)", text) for name in ("MAJOR", "MINOR", "MICRO")
    ]
    return ".".join(part[1] for part in parts if part)


def commands(tree: Path, board: str, out: Path, trust: list[str]) -> list[list[str]]:
    """The command lines, in order: our board definition, then upstream's build (ports/esp32/README.md)."""
    port = str(tree / "ports" / "esp32")
    return [
        [sys.executable, "-m", "ophion.cli", "board", "files", board, "--out", str(out), *trust],
        ["make", "-C", str(tree / "mpy-cross")],
        ["make", "-C", port, f"BOARD_DIR={out}", "submodules"],
        ["make", "-C", port, f"BOARD_DIR={out}", f"BUILD={out / 'build'}"],
    ]


def main(argv: list[str] | None = None) -> int:
    """Build; 0, or 1 with one error."""
    parser = argparse.ArgumentParser(prog="build_board", description=__doc__.splitlines()[0])
    parser.add_argument("board", help="a board that comes with ophion, or a layout.toml")
    parser.add_argument("--micropython", type=Path, required=True, metavar="DIR", help="source tree")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="new folder")
    parser.add_argument("--key", action="append", default=[], metavar="PUB", help="key that it trusts")
    parser.add_argument("--roots", metavar="CHAIN", help="root set that it trusts")
    parser.add_argument("--dry-run", action="store_true", help="print the commands, run nothing")
    args = parser.parse_args(argv)
    trust = [word for key in args.key for word in ("--key", key)]
    trust += ["--roots", args.roots] if args.roots else []
    try:
        version = version_of(args.micropython)
        path = Path(args.board) if args.board.endswith(".toml") else board_layout(args.board)
        chip = load_layout(path).chip
    except (ValueError, OphionError) as error:
        return _error(str(error))
    if version not in versions():
        return _error(f"MicroPython {version} is not one of {', '.join(versions())}")
    if chip not in versions()[version]["chips"]:
        return _error(f"MicroPython {version} is not for {chip or 'boards without an ESP32'}")
    if not args.dry_run and "IDF_PATH" not in os.environ:
        return _error(f"ESP-IDF is not there: source export.sh of {versions()[version]['idf']}")
    for command in commands(args.micropython.absolute(), args.board, args.out.absolute(), trust):
        sys.stdout.write(shlex.join(command) + "\n")
        sys.stdout.flush()
        if not args.dry_run and subprocess.run(command).returncode:
            return _error("the command above failed")
    return 0


def _error(text: str) -> int:
    sys.stderr.write(f"error: {text}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
