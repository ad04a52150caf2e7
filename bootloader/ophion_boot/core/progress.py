"""What is kept of an upload over a reset: which file it is, and how much of it is in flash for certain."""

import struct

_CELL = "upload"
_PLACE = "patch"


class Progress:
    """`cells` are the persistent ones (load, store, mark); `make_room()` is called when they are full.

    One file at a time: another one, of whatever image number, takes the place of the one before. Nothing
    here raises for a memory that fails: an upload goes on, and begins anew after a reset.
    """

    def __init__(self, cells, make_room) -> None:  # type: ignore[no-untyped-def]
        self._cells = cells
        self._make_room = make_room
        self._number = -1

    def begin(self, number: int, size: int, sha: bytes) -> None:
        """From now on marks are of this file, and nothing of it is in flash. `sha` empty: it has no marks."""
        # First what was: whatever its file, nothing of that is vouched for any more.
        self._number = number
        self.mark(number, 0)
        if not sha:
            self._number = -1
            return
        if not self._store(_CELL, _key(number, size, sha)):
            self._number = -1

    def keep(self, sha: bytes, place: tuple) -> None:
        """A patch (`sha` is its SHA-256) goes on at `place`: (byte of the patch, byte of the image)."""
        self._store(_PLACE, sha + struct.pack("<II", *place))

    def place(self, sha: bytes) -> tuple:
        """What was kept last of this patch; (0, 0) when nothing was."""
        try:
            data = self._cells.load(_PLACE)
        except OSError:
            return 0, 0
        return struct.unpack("<II", data[-8:]) if data and data[:-8] == sha else (0, 0)

    def find(self, number: int, size: int, sha: bytes) -> int:
        """How many bytes of this file are in flash for certain; 0 when nothing is known of it."""
        try:
            at: int = self._cells.mark()
            if not sha or not 0 < at <= size or self._cells.load(_CELL) != _key(number, size, sha):
                return 0
        except OSError:
            return 0
        self._number = number
        return at

    def unfinished(self, number: int) -> bool:
        """True when a part of a file of this image number is in flash, and not all of it."""
        try:
            at = self._cells.mark()
            data = self._cells.load(_CELL) if at else None
        except OSError:
            return False
        return data is not None and data[0] == number and at < struct.unpack("<I", data[1:5])[0]

    def _store(self, name: str, data: bytes) -> bool:
        """False when the memory does not take it."""
        for _ in range(2):
            try:
                if self._cells.load(name) != data:
                    self._cells.store(name, data)
                return True
            except ValueError:
                self._make_room()
            except OSError:
                break
        return False

    def mark(self, number: int, at: int) -> None:
        """`at` bytes of the file are in flash. Nothing happens when another image number began meanwhile."""
        if number != self._number:
            return
        try:
            if self._cells.mark() != at:
                self._cells.mark(at)
        except (OSError, ValueError):
            pass

    def forget(self, number: int) -> None:
        """What is kept of a file of this image number counts no more."""
        try:
            data = self._cells.load(_CELL)
        except OSError:
            return
        if data and data[0] == number:
            self._number = number
            self.mark(number, 0)


def _key(number: int, size: int, sha: bytes) -> bytes:
    return struct.pack("<BI", number, size) + sha
