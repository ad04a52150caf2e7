"""Where the boards that come with Ophion are: in the wheel beside this package, else in the source tree."""

from __future__ import annotations

import re
from pathlib import Path

from ophion.errors import UsageError
from ophion.files import write_file

_PACKAGE = Path(__file__).resolve().parent.parent
_PLACES = (_PACKAGE / "boards", _PACKAGE.parent.parent / "boards")


def board_layout(board: str) -> Path:
    """The layout.toml of `board`. Raises UsageError naming the boards there are."""
    for place in _PLACES:
        path = place / board / "layout.toml"
        if path.is_file():
            return path
    raise UsageError(f"no board is called {board!r}", f"there are: {', '.join(board_list()) or 'none'}")


def board_list() -> list[str]:
    """The names of the boards that come with Ophion."""
    return sorted({path.parent.name for place in _PLACES for path in place.glob("*/layout.toml")})


def layout_path(board: str, folder: Path = Path()) -> Path:
    """The layout.toml that `board` names: its path from `folder`, or a board's that comes with Ophion.

    Raises UsageError naming the boards there are, or the layout.toml in the folder that `board` is.
    """
    if board.endswith(".toml"):
        return folder / board
    own = folder / board / "layout.toml"
    if board not in board_list() and own.is_file():
        raise UsageError(f"no board is called {board!r}", f"for the one in this folder name {own}")
    return board_layout(board)


def new_board(folder: Path, like: str) -> list[Path]:
    """Copy the board `like` into `folder` (new or empty), named as the folder is; returns the files written.

    The checklist of boards/template lies beside it. Raises UsageError.
    """
    from ophion.build.layout import NAME_MAX

    name = re.sub(r"[^A-Za-z0-9_-]+", "-", folder.resolve().name).strip("-_")[:NAME_MAX]
    if not name:
        raise UsageError(f"{folder.name!r} cannot be the name of a board", "use letters, digits, - and _")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} exists and is not an empty folder", "choose a new folder")
    text = board_layout(like).read_text(encoding="utf-8")
    for entry in ("name", "hw"):
        text = re.sub(rf'^{entry} = ".*?"', f'{entry} = "{name}"', text, count=1, flags=re.M)
    checklist = board_layout("template").with_name("board.md").read_bytes()
    written = {folder / "layout.toml": text.encode(), folder / "board.md": checklist}
    for path, data in written.items():
        write_file(path, data, overwrite=False)
    return list(written)
