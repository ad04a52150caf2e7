"""ROMFS in Python (SPEC.md 1.5): what it reads, how it reads it, and what it refuses."""

import random

from ophion_boot.core.area import Area
from ophion_boot.fmt import FormatError
from ophion_boot.fmt.romfs import Memory, Romfs
from ophion_boot.port.romfs_vfs import RomfsVfs
from romfs_cases import (
    BAD,
    DATA,
    DEEPEST,
    FILE,
    GOOD,
    NOT_ONE,
    PADDING,
    folder,
    name,
    number,
    plain,
    record,
    romfs,
)
from support import SECTOR, raises, ram_flash

EISDIR, EROFS, EINVAL, ENOENT, EPERM, EOPNOTSUPP = 21, 30, 22, 2, 1, 95
TEXT = "eins\nzw\u00f6lf\n\n\u20ac und \U0001f40d" + "x" * 100 + "\nEnde"


def mounted(data):
    return RomfsVfs(Memory(data), 0, len(data))


def error(call, *args):
    """The errno that `call(*args)` raises."""
    try:
        call(*args)
    except OSError as e:
        return e.args[0]
    raise AssertionError("no OSError")


def holding(content):
    return mounted(romfs(plain(b"f", content)))


class Faulty:
    """A source that fails when it is told to, half way through."""

    def __init__(self, data):
        self.data = data
        self.fails = False
        self.reads = []

    def read(self, at, buf):
        self.reads.append(len(buf))
        if self.fails:
            buf[: len(buf) // 2] = b"\xee" * (len(buf) // 2)
            raise OSError(5)
        buf[:] = self.data[at : at + len(buf)]


def test_folders_and_files():
    fs = mounted(GOOD)
    assert list(fs.ilistdir("/")) == [
        ("lib", 0x4000, 0, 32),
        ("main.py", 0x8000, 0, 13),
        ("here", 0x8000, 0, 6),
        ("z", 0x8000, 0, 4),
    ]
    assert [entry[0] for entry in fs.ilistdir("lib")] == ["x.py", "deep"]
    assert [entry[0] for entry in fs.ilistdir(b"/lib/")] == [b"x.py", b"deep"]
    contents = {path: fs.open(path, "rb").read() for path in ("/main.py", "here", "z", "lib/deep/empty")}
    assert contents == {"/main.py": b"import lib.x\n", "here": b"shared", "z": b"last", "lib/deep/empty": b""}
    assert fs.stat("lib/x.py") == (0x8000, 0, 0, 0, 0, 0, 6, 0, 0, 0)
    assert fs.stat("")[:1] + fs.stat("/lib/deep")[:1] == (0x4000, 0x4000)
    assert fs.statvfs("/")[:4] == (1, 0, len(GOOD) - 4, 0) and fs.statvfs("")[9] == 32767


def test_paths_that_name_nothing():
    fs = mounted(GOOD)
    for path in (
        "nix",
        "/nix",
        "//z",
        "z/",
        "z/z",
        "lib//x.py",
        "lib/x.p",
        "lib/x.pyy",
        "LIB",
        ".",
        "lib/..",
        b"q",
    ):
        for call in (fs.stat, fs.ilistdir, lambda p: fs.open(p, "r")):
            assert error(call, path) == ENOENT, path
    assert error(fs.open, "lib", "rb") == error(fs.open, "/", "r") == EISDIR
    assert error(fs.ilistdir, "z") == ENOENT


def test_it_is_read_only_and_stays_in_its_root():
    fs = mounted(GOOD)
    for mode in ("w", "a", "r+", "rb+", "wb"):
        assert error(fs.open, "z", mode) == EROFS
    fs.mount(True, False)
    assert error(fs.mount, True, True) == EPERM
    fs.chdir("/")
    assert error(fs.chdir, "/lib") == error(fs.chdir, "") == EOPNOTSUPP
    assert fs.getcwd() == "" and fs.umount() is None


def test_bytes_of_a_file():
    content = bytes(range(256)) * 2
    with holding(content).open("f", "rb") as f:
        assert f.read(0) == b"" and f.read(10) == content[:10] and f.tell() == 10
        buf = bytearray(300)
        assert f.readinto(buf) == 300 and bytes(buf) == content[10:310]
        assert f.readinto(buf) == 202 and bytes(buf[:202]) == content[310:]
        assert f.readinto(buf) == 0 and f.read(5) == f.read() == b""
        assert f.seek(-2, 2) == 510 and f.read() == content[-2:]
        assert f.seek(3) == 3 and f.seek(4, 1) == 7 and f.read(1) == b"\x07"
        assert f.seek(1000) == f.seek(1000, 1) == f.seek(1, 2) == 512


def test_a_seek_to_before_the_start_changes_nothing():
    """VfsRom raises, too, and then reads from before the file."""
    f = holding(b"0123456789").open("f", "rb")
    f.seek(3)
    for offset, whence in ((-4, 1), (-11, 2), (-1, 0)):
        assert error(f.seek, offset, whence) == EINVAL
        assert f.tell() == 3
    assert f.read() == b"3456789"


def test_lines():
    lines = [b"a\n", b"\n", b"b" * 63 + b"\n", b"c" * 64 + b"\n", b"d" * 200 + b"\n", b"end"]
    fs = holding(b"".join(lines))
    assert list(fs.open("f", "rb")) == fs.open("f", "rb").readlines() == lines
    f = fs.open("f", "rb")
    assert [f.readline(), f.readline(5), f.readline(2), f.readline(0), f.readline(1000)] == [
        b"a\n",
        b"\n",
        b"bb",
        b"",
        b"b" * 61 + b"\n",
    ]
    assert f.tell() == 67


def test_text():
    fs = holding(TEXT.encode())
    assert fs.open("f", "r").read() == fs.open("f", "rt").read() == TEXT
    assert "".join(fs.open("f", "r")) == TEXT
    for size in (1, 2, 3, 5, 64, 500):
        f = fs.open("f", "r")
        parts = [f.read(size) for _ in range(len(TEXT) // size + 1)]
        assert "".join(parts) == TEXT and all(len(part) == size for part in parts[: len(TEXT) // size])
        assert f.tell() == len(TEXT.encode())
    raises(UnicodeError, holding(b"\xff\xfe").open("f", "r").read)


def test_it_reads_from_flash_where_it_lies_and_little_at_once():
    flash = ram_flash(3, content=b"\xa5" * 777 + romfs(plain(b"f", b"0123456789" * 400), plain(b"g", b"gg")))
    fs = RomfsVfs(Area(flash, 0, 3 * SECTOR), 777, 3 * SECTOR - 777)
    assert fs.open("g", "rb").read() == b"gg"
    f = fs.open("f", "rb")
    f.seek(3995)
    assert f.read(100) == b"56789"
    source = Faulty(GOOD)
    fs = RomfsVfs(source, 0, len(GOOD))
    assert fs.stat("lib/deep/empty")[6] == 0
    assert len(source.reads) > 5 and max(source.reads) <= 64


def test_a_flash_fault_comes_through_and_leaves_nothing_wrong_behind():
    source = Faulty(GOOD)
    fs = RomfsVfs(source, 0, len(GOOD))
    f = fs.open("main.py", "rb")
    for call in (lambda: fs.stat("lib/x.py"), lambda: list(fs.ilistdir("/")), lambda: f.read(3)):
        source.fails = True
        assert error(call) == 5
        source.fails = False
        assert [entry[0] for entry in fs.ilistdir("/")] == ["lib", "main.py", "here", "z"]
    assert f.read(3) == b"imp"


def test_what_writers_may_do():
    for data in (
        romfs(),
        romfs(record(PADDING, bytes(300))),
        romfs(folder(b"empty")),
        GOOD + b"more",
        DEEPEST,
    ):
        mounted(data)
    body = name(b"a~ b"), number(DATA, 2), number(1, 1), b"!"
    padded = b"".join((number(FILE, 3), number(len(b"".join(body)), 1)) + body)
    fs = mounted(b"\xd2\xcd\x31" + number(len(padded), 4) + padded)
    assert list(fs.ilistdir("")) == [("a~ b", 0x8000, 0, 1)] and fs.open("a~ b", "r").read() == "!"


def test_what_is_refused():
    assert len(BAD) > 25
    for case, data, words, _ in BAD:
        said = raises(FormatError, Romfs, Memory(data), 0, len(data))
        assert said == "ROMFS: " + words, (case, said)
        assert words in raises(OSError, mounted, data)


def test_what_is_no_romfs():
    for data, words in NOT_ONE:
        assert words in raises(OSError, mounted, data), data


def test_no_cut_of_it_is_taken():
    for end in range(len(GOOD)):
        raises(FormatError, Romfs, Memory(GOOD), 0, end)


def test_any_change_is_refused_or_read():
    """Nothing but FormatError comes out, and what is taken is read within its bounds."""
    random.seed(7)
    taken = refused = 0
    for _ in range(1500):
        data = bytearray(GOOD)
        for _ in range(random.randint(1, 3)):
            data[random.randint(3, len(data) - 1)] = random.choice(
                (0, 1, 2, 3, 4, 5, 0x7F, 0x80, 0xFF, random.getrandbits(8))
            )
        try:
            fs = Romfs(Memory(data), 0, len(data))
        except FormatError:
            refused += 1
            continue
        taken += 1
        waiting = [fs.root]
        while waiting:
            for found, is_folder, first, end in fs.entries(*waiting.pop()):
                assert fs.root[0] <= first <= end <= fs.root[1] and found
                if is_folder:
                    waiting.append((first, end))
    assert taken > 100 and refused > 100, (taken, refused)
