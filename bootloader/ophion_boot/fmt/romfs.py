"""ROMFS, the file system that MicroPython reads where it lies (extmod/vfs_rom.c), read strictly.

A number is written in base 128, highest digits first, the high bit set on every byte but the last. A record
is kind, length and body; the file system is a record that holds others. What `vfs.VfsRom` passes over without
a look is refused here (SPEC.md 1.5), all of it before the first file is opened.
"""

from ophion_boot.compat import const
from ophion_boot.fmt import FormatError

_FILESYSTEM = const(0x14A6B1)
_MAGIC = const(0xD2)  # its number begins like this and with no zero before it
_PADDING = const(1)
_VERBATIM = const(2)
_POINTER = const(3)
_FOLDER = const(4)
_FILE = const(5)
_NUMBER_BYTES = const(5)
_NUMBER_END = const(1 << 28)
_NAME_MAX = const(255)
_DEPTH_MAX = const(16)
_WINDOW = const(64)


class Memory:
    """A buffer as a source of `Romfs`."""

    def __init__(self, buffer: bytes | bytearray | memoryview) -> None:
        self._view = memoryview(buffer)

    def read(self, at: int, buf: bytearray | memoryview) -> None:
        """Fill `buf` from byte `at` on."""
        buf[:] = self._view[at : at + len(buf)]


class Romfs:
    """The ROMFS that begins at byte `at` of `source` and has at most `size` bytes.

    `source` has `read(at, buf)`, as an Area has. Raises FormatError unless the whole tree is well formed.
    `root` is its topmost folder: (first, end), offsets of its records, as `entries` takes and gives them.
    """

    def __init__(self, source, at: int, size: int) -> None:  # type: ignore[no-untyped-def]
        self._source = source
        self._base = at
        self._size = size
        self._window = bytearray(_WINDOW)
        self._first = size
        kind, first, end = self._record(0, size)
        if kind != _FILESYSTEM or self._window[0] != _MAGIC:
            raise _error("none here", 0)
        self.root = (first, end)
        self._check()

    def read(self, at: int, buf: bytearray | memoryview) -> None:
        """Fill `buf` from byte `at` of the ROMFS on."""
        self._source.read(self._base + at, buf)

    def entries(self, at: int, end: int):  # type: ignore[no-untyped-def]
        """Yield (name, is a folder, first, end) of what the folder from `at` to `end` holds.

        `name` is bytes; from `first` to `end` lie the records of a folder, or of a file (`content`). Raises
        FormatError.
        """
        while at < end:
            kind, body, stop = self._record(at, end)
            if _FOLDER <= kind <= _FILE:
                length, first = self._number(body, stop)
                if first + length > stop or length > _NAME_MAX:
                    raise _error("bad name", body)
                name = bytearray(length)
                self.read(first, name)
                yield bytes(name), kind == _FOLDER, first + length, stop
            elif not _PADDING <= kind <= _VERBATIM:
                raise _error("kind %d" % kind, at)
            at = stop

    def find(self, path: bytes) -> tuple[bool, int, int] | None:
        """(is a folder, first, end) of `path`, as VfsRom finds it, or None."""
        if path[:1] == b"/":
            path = path[1:]
        folder = True
        first, end = self.root
        while path:
            wanted, slash, path = path.partition(b"/")
            for name, folder, at, stop in self.entries(first, end):  # noqa: B007
                if name == wanted:
                    break
            else:
                return None
            if slash and not folder:
                return None
            first, end = at, stop
        return (folder, first, end) if folder else (folder,) + self.content(first, end)

    def _check(self) -> None:
        """Walk the whole tree."""
        waiting = [self.root + (0,)]
        while waiting:
            first, end, depth = waiting.pop()
            if depth > _DEPTH_MAX:
                raise _error("too deep", first)
            names = set()
            for name, folder, at, stop in self.entries(first, end):
                if name in names:
                    raise _error("name twice", at)
                # Printable ASCII without a slash, and nothing that means another place.
                if name in (b"", b".", b"..") or min(name) < 0x20 or max(name) > 0x7E or b"/" in name:
                    raise _error("bad name", at)
                names.add(name)
                if folder:
                    waiting.append((at, stop, depth + 1))
                else:
                    self.content(at, stop)

    def content(self, at: int, end: int) -> tuple[int, int]:
        """(first, end) of what a file holds whose records are from `at` to `end`; exactly one says it.

        Raises FormatError.
        """
        first = last = 0
        while at < end:
            kind, body, stop = self._record(at, end)
            if kind != _PADDING:
                if first or not _VERBATIM <= kind <= _POINTER:
                    raise _error("kind %d" % kind, at)
                first, last = body, stop
                if kind == _POINTER:
                    size, body = self._number(body, stop)
                    first, body = self._number(body, stop)
                    first += self.root[0]
                    last = first + size
                    if body != stop or last > self.root[1]:
                        raise _error("bad pointer", at)
            at = stop
        if not first:
            raise _error("no content", at)
        return first, last

    def _record(self, at: int, end: int) -> tuple[int, int, int]:
        """(kind, start of its body, its end) of the record at `at`, which lies within `end`."""
        kind, body = self._number(at, end)
        length, body = self._number(body, end)
        if body + length > end:
            raise _error("record too long", at)
        return kind, body, body + length

    def _number(self, at: int, end: int) -> tuple[int, int]:
        """(number at `at`, position behind it); at most 28 bits, in at most 5 bytes."""
        place = at - self._first
        if not 0 <= place <= _WINDOW - _NUMBER_BYTES:
            self._first = self._size  # nothing is here when the read fails
            self.read(at, memoryview(self._window)[: self._size - at])
            self._first = at
            place = 0
        value = 0
        behind = at
        for byte in self._window[place : place + min(_NUMBER_BYTES, end - at)]:
            value = value << 7 | byte & 0x7F
            behind += 1
            if byte < 0x80 and value < _NUMBER_END:
                return value, behind
        raise _error("bad number", at)


def _error(what: str, at: int) -> FormatError:
    return FormatError("ROMFS: %s at %d" % (what, at))
