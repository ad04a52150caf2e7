"""A ROMFS mounted without `vfs.VfsRom`, which official ESP32 binaries lack: flash is read when a file is.

It does what VfsRom does, but for two things that Python cannot: a file is no buffer, and modules are loaded
to the heap instead of run where they lie.
"""

import io

from ophion_boot.compat import const
from ophion_boot.fmt import FormatError
from ophion_boot.fmt.romfs import Romfs

_EPERM = const(1)
_ENOENT = const(2)
_EISDIR = const(21)
_EINVAL = const(22)
_EROFS = const(30)
_EOPNOTSUPP = const(95)
_IFDIR = const(0x4000)
_IFREG = const(0x8000)
_NAME_BYTES = const(32767)
_PIECE = const(64)
# What a stream is asked (py/stream.h): to close, and how large a buffer the loader of modules takes.
_CLOSE = const(4)
_BUFFER_SIZE = const(11)
_LOADER_BYTES = const(255)


class RomfsVfs:
    """The ROMFS in `size` bytes at byte `at` of `source`, which has `read(at, buf)`, for `vfs.mount`.

    Raises OSError, which says what and where, unless the whole tree is well formed.
    """

    def __init__(self, source, at: int, size: int) -> None:  # type: ignore[no-untyped-def]
        try:
            self._fs = Romfs(source, at, size)
        except FormatError as e:
            raise OSError(str(e))

    def mount(self, readonly: bool, mkfs: bool) -> None:
        """Called by `vfs.mount`."""
        if mkfs:
            raise OSError(_EPERM)

    def umount(self) -> None:
        """Called by `vfs.umount`; files that are open stay so."""

    def open(self, path: str | bytes, mode: str) -> "File":
        """The file `path`, as text unless `mode` says "b"."""
        for letter in "wa+":
            if letter in mode:
                raise OSError(_EROFS)
        folder, first, end = self._find(path)
        if folder:
            raise OSError(_EISDIR)
        return File(self._fs, first, end, mode.rfind("b") <= mode.rfind("t"))

    def chdir(self, path: str | bytes) -> None:
        """The root is the one folder to be in, as with VfsRom."""
        if _bytes(path) != b"/":
            raise OSError(_EOPNOTSUPP)

    def getcwd(self) -> str:
        """Always the root."""
        return ""

    def ilistdir(self, path: str | bytes):  # type: ignore[no-untyped-def]
        """Iterate over (name, type, 0, size); names are of the type of `path`."""
        folder, first, end = self._find(path)
        if not folder:
            raise OSError(_ENOENT)
        return self._list(first, end, isinstance(path, str))

    def stat(self, path: str | bytes) -> tuple:
        """(type, 0, 0, 0, 0, 0, size, 0, 0, 0)."""
        folder, first, end = self._find(path)
        return (_IFDIR if folder else _IFREG, 0, 0, 0, 0, 0, end - first, 0, 0, 0)

    def statvfs(self, path: str | bytes) -> tuple:
        """Blocks of one byte, none of them free."""
        first, end = self._fs.root
        return (1, 0, end - first, 0, 0, 0, 0, 0, 0, _NAME_BYTES)

    def _find(self, path: str | bytes) -> tuple[bool, int, int]:
        found = self._fs.find(_bytes(path))
        if found is None:
            raise OSError(_ENOENT)
        return found

    def _list(self, first: int, end: int, is_str: bool):  # type: ignore[no-untyped-def]
        for name, folder, at, stop in self._fs.entries(first, end):
            if not folder:
                at, stop = self._fs.content(at, stop)
            yield (name.decode() if is_str else name), (_IFDIR if folder else _IFREG), 0, stop - at


class File(io.IOBase):
    """An open file; it stays readable after `close`, as VfsRom's does."""

    def __init__(self, fs: Romfs, first: int, end: int, text: bool) -> None:
        self._fs = fs
        self._first = self._at = first
        self._end = end
        self._text = text

    def readinto(self, buf) -> int:  # type: ignore[no-untyped-def]
        """Fill `buf` as far as the file goes; return how many bytes."""
        count = min(len(buf), self._end - self._at)
        self._fs.read(self._at, memoryview(buf)[:count])
        self._at += count
        return count

    def read(self, size: int = -1):  # type: ignore[no-untyped-def]
        """`size` bytes (characters, of a text), or all that are left."""
        if size < 0:
            return self._made(self._take(self._end))
        return self._characters(size) if self._text else self._take(size)

    def readline(self, size: int = -1):  # type: ignore[no-untyped-def]
        """Up to a line's end and with it, at most `size` bytes."""
        left = self._end if size < 0 else size
        line = b""
        while left and line[-1:] != b"\n":
            piece = self._take(min(left, _PIECE))
            if not piece:
                break
            cut = piece.find(b"\n") + 1 or len(piece)
            self._at -= len(piece) - cut
            left -= cut
            line += piece[:cut]
        return self._made(line)

    def readlines(self) -> list:
        """All lines that are left."""
        return list(self)

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go `offset` bytes from the start (0), from here (1), from the end (2); not beyond the end."""
        at = offset + (self._end if whence > 1 else self._at if whence else self._first)
        if at < self._first:
            raise OSError(_EINVAL)
        self._at = min(at, self._end)
        return self.tell()

    def tell(self) -> int:
        """Bytes from the start to here."""
        return self._at - self._first

    def close(self) -> None:
        """Nothing to give back."""

    def ioctl(self, request: int, argument: int) -> int:
        """What MicroPython's streams are asked; an errno below 0 for what is not known."""
        if request == _CLOSE:
            return 0
        return _LOADER_BYTES if request == _BUFFER_SIZE else -_EINVAL

    def __enter__(self) -> "File":
        return self

    __iter__ = __enter__

    def __exit__(self, *_error: object) -> None:
        pass

    def __next__(self):  # type: ignore[no-untyped-def]
        line = self.readline()
        if not line:
            raise StopIteration
        return line

    def _take(self, size: int) -> bytes:
        data = bytearray(min(size, self._end - self._at))
        self.readinto(data)
        return bytes(data)

    def _characters(self, size: int) -> str:
        """Bytes are taken until one begins the character after the last: that one is given back."""
        data = b""
        missing = size + 1
        while missing:
            piece = self._take(missing)
            if not piece:
                return self._made(data)
            data += piece
            for byte in piece:
                if byte & 0xC0 != 0x80:
                    missing -= 1
        self._at -= 1
        return self._made(data[:-1])

    def _made(self, data: bytes):  # type: ignore[no-untyped-def]
        return str(data, "utf-8") if self._text else data


def _bytes(path: str | bytes) -> bytes:
    return path.encode() if isinstance(path, str) else path
