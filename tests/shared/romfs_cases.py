"""ROMFS images by hand, and those that `vfs.VfsRom` mounts and the reader in Python refuses, by name."""

PADDING, DATA, POINTER, FOLDER, FILE = range(1, 6)


def number(value, padding=0):
    """`value` as a ROMFS has it, `padding` bytes longer than it need be."""
    data = bytes([value & 0x7F])
    while value >> 7:
        value >>= 7
        data = bytes([0x80 | value & 0x7F]) + data
    return b"\x80" * padding + data


def record(kind, *parts):
    body = b"".join(parts)
    return number(kind) + number(len(body)) + body


def name(text):
    return number(len(text)) + text


def file(text, *records):
    return record(FILE, name(text), *records)


def plain(text, content):
    return file(text, record(DATA, content))


def folder(text, *records):
    return record(FOLDER, name(text), *records)


def romfs(*records):
    return record(0x14A6B1, *records)


AFTER = plain(b"z", b"last")
GOOD = romfs(
    folder(b"lib", plain(b"x.py", b"X = 1\n"), folder(b"deep", plain(b"empty", b""))),
    plain(b"main.py", b"import lib.x\n"),
    record(PADDING, b"anything"),
    record(DATA, b"shared"),
    file(b"here", record(PADDING), record(POINTER, number(6), number(75)), record(PADDING, b"p")),
    AFTER,
)
_FAR = 1 << 26
# A length that leads a pointer of 64 bits from the end of its record to the start.
_BACK = number((1 << 64) - 11)


def _nested(depth):
    inner = plain(b"f", b"1")
    for _ in range(depth):
        inner = folder(b"d", inner)
    return romfs(inner)


DEEPEST = _nested(16)
# In the order of SPEC.md 1.5: (name, image, words of the refusal, what VfsRom answers). No words there: it
# may never return, or it depends on its version.
BAD = (
    (
        "content beyond its file",
        romfs(file(b"a", number(DATA), number(_FAR))),
        "record too long at 8",
        "entry ('a', 32768, 0, 67108864)",
    ),
    (
        "file beyond its folder",
        romfs(folder(b"d", number(FILE), number(_FAR), name(b"a"), record(DATA)), AFTER),
        "record too long at 8",
        "entry ('d/a', 32768, 0, 0)",
    ),
    (
        "folder beyond the file system",
        romfs(number(FOLDER), number(_FAR), name(b"a")),
        "record too long at 4",
        "67108862",
    ),
    ("padding that leads back", romfs(number(PADDING), _BACK), "bad number at 5", ""),
    (
        "number of more than 28 bits",
        romfs(b"\x85" + b"\x80" * 9 + b"\x05", name(b"a"), record(DATA, b"1")),
        "bad number at 4",
        "",
    ),
    (
        "number of more than five bytes",
        romfs(number(FILE, 5), number(5), name(b"a"), record(DATA, b"1")),
        "bad number at 4",
        "entry ('a', 32768, 0, 1)",
    ),
    (
        "pointer outside",
        romfs(file(b"a", record(POINTER, number(4), number(_FAR)))),
        "bad pointer at 8",
        "entry ('a', 32768, 0, 4)",
    ),
    (
        "pointer to more than there is",
        romfs(file(b"a", record(POINTER, number(_FAR), number(0)))),
        "bad pointer at 8",
        "entry ('a', 32768, 0, 67108864)",
    ),
    (
        "pointer with more behind it",
        romfs(file(b"a", record(POINTER, number(1), number(0), b"\0"))),
        "bad pointer at 8",
        "entry ('a', 32768, 0, 1)",
    ),
    (
        "pointer cut off",
        romfs(file(b"a", record(POINTER, number(1))), AFTER),
        "bad number at 11",
        "whole, 0 entries",
    ),
    (
        "name twice",
        romfs(plain(b"a", b"1"), plain(b"a", b"22")),
        "name twice at 15",
        "entry ('a', 32768, 0, 2)",
    ),
    (
        "file and folder of one name",
        romfs(folder(b"a", AFTER), plain(b"a", b"2")),
        "name twice at 22",
        "stat a (16384",
    ),
    (
        "name with a slash",
        romfs(folder(b"a", plain(b"b", b"1")), plain(b"a/c", b"2")),
        "bad name at 21",
        "stat a/c ('OSError', 2)",
    ),
    ("name with a zero", romfs(plain(b"a\0b", b"1")), "bad name at 10", "('OSError', 2)"),
    ("name that is not ASCII", romfs(plain(b"\xff", b"1")), "bad name at 8", ""),
    ("name of no byte", romfs(plain(b"", b"1"), AFTER), "bad name at 7", "stat  (16384"),
    ("name of more than 255 bytes", romfs(plain(b"n" * 256, b"1")), "bad name at 8", "nnn', 32768, 0, 1)"),
    ("dot", romfs(plain(b".", b"1")), "bad name at 8", "entry ('.', 32768, 0, 1)"),
    ("two dots", romfs(folder(b"..", AFTER)), "bad name at 9", "entry ('..', 16384, 0, 10)"),
    (
        "name beyond its record",
        romfs(record(FILE, number(9), b"a"), AFTER),
        "bad name at 6",
        "whole, 0 entries",
    ),
    ("file without content", romfs(file(b"a"), AFTER), "no content at 8", "whole, 0 entries"),
    (
        "file with two contents",
        romfs(file(b"a", record(DATA, b"1"), record(DATA, b"22"))),
        "kind 2 at 11",
        "entry ('a', 32768, 0, 1)",
    ),
    (
        "file in a file",
        romfs(file(b"a", AFTER, record(DATA, b"1"))),
        "kind 5 at 8",
        "entry ('a', 32768, 0, 1)",
    ),
    ("record of no kind", romfs(record(0), AFTER), "kind 0 at 4", "whole, 0 entries"),
    ("unknown record in a folder", romfs(record(6, b"?"), AFTER), "kind 6 at 4", "entry ('z', 32768, 0, 4)"),
    (
        "unknown record in a file",
        romfs(file(b"a", record(9, b"?"), record(DATA, b"1"))),
        "kind 9 at 8",
        "entry ('a', 32768, 0, 1)",
    ),
    (
        "pointer in a folder",
        romfs(record(POINTER, b"\0\0"), AFTER),
        "kind 3 at 4",
        "entry ('z', 32768, 0, 4)",
    ),
    ("half a record at the end", romfs(AFTER, number(FILE)), "bad number at 15", "entry ('z', 32768, 0, 4)"),
    ("more than 16 folders deep", _nested(17), "too deep at 72", "stat d (16384"),
)
# What VfsRom refuses, too.
NOT_ONE = (
    (b"", "bad number at 0"),
    (b"\xd2\xcd\x31", "bad number at 3"),
    (b"\xff" * 64, "bad number at 0"),
    (bytes(64), "none here at 0"),
    (b"\x80" + GOOD, "none here at 0"),
    (GOOD[:-1], "record too long at 0"),
    (b"MF" + GOOD, "none here at 0"),
)
