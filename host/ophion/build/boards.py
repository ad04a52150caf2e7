"""Where the boards that come with Ophion are: in the wheel beside this package, else in the source tree."""

from __future__ import annotations

from pathlib import Path

from ophion.errors import UsageError

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
    """The layout.toml that `board` names: its path from `folder`, or a board's that comes with Ophion."""
    return folder / board if board.endswith(".toml") else board_layout(board)
