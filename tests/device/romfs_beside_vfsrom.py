"""The ROMFS reader in Python beside `vfs.VfsRom`: `micropython THIS ROOT compare|mutants|probe FILE`.

FILE has images, each behind its length (u32, big endian). `compare` mounts each with both and asks both the
same; `mutants` does so with those that the reader takes. Both print differences, then what they counted.
`probe` shows what VfsRom makes of one image, which may be the end of this process.
"""

import os
import random
import sys

import vfs

root, what, path = sys.argv[1:4]
sys.path.insert(0, root + "/bootloader")
from ophion_boot.fmt.romfs import Memory  # noqa: E402
from ophion_boot.port.romfs_vfs import RomfsVfs  # noqa: E402

_FOLDER = 0x4000
counts = {"images": 0, "refused": 0, "files": 0, "answers": 0, "errors": 0, "modules": 0, "differences": 0}


class Pieces:
    """A source that lies somewhere in a flash, and is asked for little at a time."""

    def __init__(self, data):
        self.data = b"\xff" * 37 + data + b"\xff"
        self.largest = 0

    def read(self, at, buf):
        self.largest = max(self.largest, len(buf))
        buf[:] = self.data[at : at + len(buf)]


def images():
    with open(path, "rb") as f:
        while True:
            head = f.read(4)
            if not head:
                return
            yield f.read(int.from_bytes(head, "big"))


def answer(call, *args):
    """(what it returns, None), or (None, what it raises)."""
    try:
        return call(*args), None
    except OSError as e:
        return None, ("OSError", e.args[0])
    except Exception as e:
        return None, type(e).__name__


def same(about, call, *places):
    """Ask `call` of both places; the answer."""
    theirs, ours = (answer(call, *p) if isinstance(p, tuple) else answer(call, p) for p in places)
    counts["answers"] += 1
    counts["errors"] += theirs[1] is not None
    if theirs != ours:
        counts["differences"] += 1
        print("DIFFERENT", counts["images"], about, "VfsRom:", theirs, "Python:", ours)
    return theirs[0]


def both(path):
    return "/a" + path, "/b" + path


def walk(folder):
    """Yield the (path, is a folder) that both list."""
    entries = same(folder, lambda p: list(os.ilistdir(p)), *both(folder)) or ()
    same(folder, lambda p: os.listdir(p.encode()), *both(folder))
    for entry in entries:
        path = folder + "/" + entry[0]
        yield path, entry[1] == _FOLDER
        if entry[1] == _FOLDER:
            yield from walk(path)


def look(path, is_folder):
    """All questions about one path, and about some that are like it."""
    likes = [path, path + "/", path + "//", "/" + path, path + "x", path[:-1], path + "/.", path.upper()]
    for other in likes:
        for call in (os.stat, os.statvfs, os.listdir, os.chdir, whole):
            same((other, call), call, *both(other))
    for mode in ("r", "rb", "w", "a", "r+", "rt", "bt", "tb", "b"):
        same((path, mode), whole, *[(p, mode) for p in both(path)])
    if not is_folder:
        counts["files"] += 1
        content(path)


def whole(path, mode="r"):
    with open(path, mode) as f:
        return f.read()


def content(path):
    size = os.stat("/a" + path)[6]
    for mode in ("r", "rb"):
        places = [(p, mode) for p in both(path)]
        for use in (
            lambda f: (f.read(-1), f.read(), f.read(1), f.tell()),
            lambda f: list(f),
            lambda f: (f.readline(), f.readlines(), f.readline()),
            lambda f: [f.readline(n) for n in (0, 1, 2, 3, 70, -1)],
            lambda f: [f.readinto(bytearray(n)) for n in (1, 0, 63, 100, 5, 1000)],
            lambda f: f.__enter__() is f,
        ):
            same((path, mode), opened(use), *places)
        wanted = [step(size) for _ in range(8)]
        same((path, mode, wanted), opened(lambda f, w=wanted: [done(f, *step) for step in w]), *places)


def opened(call):
    def use(path, mode):
        with open(path, mode) as f:
            return call(f)

    return use


def step(size):
    """Something to do with a file. Not a seek to before its start: VfsRom would read from there."""
    if random.randint(0, 1):
        return "read", random.randint(0, 100)
    return "seek", random.randint(0, size + 9), random.choice((0, 0, 1, 2))


def done(f, verb, *args):
    if verb == "seek":
        return f.seek(*args), f.tell()
    if isinstance(f.read(0), str):
        return f.read()  # the seek may have cut a character in two; `characters` reads texts in parts
    return f.read(*args)


def characters(path):
    for size in (1, 2, 7) if os.stat("/a" + path)[6] < 200 else (63, 64, 65):
        same((path, size), opened(lambda f, size=size: parts(f, size)), *[(p, "r") for p in both(path)])


def parts(f, size):
    found = []
    while not found or found[-1]:
        found.append(f.read(size))
    return found


def modules(paths):
    """Import what can be imported, from both."""
    for path in paths:
        module = path.rsplit(".", 1)[0].replace("/", ".")
        if path.endswith("py") and " " not in module:
            loaded = same(("import", module), imported, *[(place, module) for place in ("/a", "/b")])
            counts["modules"] += loaded is not None


def imported(place, name):
    """What the module says of itself, loaded from `place` alone."""
    for known in list(sys.modules):
        if known.split(".")[0] == name.split(".")[0]:
            del sys.modules[known]
    sys.path[:] = [place]
    module = __import__(name, None, None, ["VALUE"])
    return module.__file__[2:], module.VALUE


def compare(data, source):
    random.seed(len(data))
    vfs.mount(vfs.VfsRom(data), "/a")
    vfs.mount(RomfsVfs(source, source.data.find(data), len(data)), "/b")
    try:
        found = list(walk(""))
        for entry in found:
            look(*entry)
        for entry, is_folder in found:
            if not is_folder and answer(whole, "/a" + entry)[1] is None:
                characters(entry)
        for place in ("", "/"):
            same(place, lambda p: (os.chdir(p), os.getcwd()[2:], os.listdir()), *both(place))
            os.chdir("/")
        if what == "compare":  # what was changed at random is not to be run
            modules([entry[1:] for entry, is_folder in found if not is_folder])
    finally:
        os.chdir("/")
        vfs.umount("/a")
        vfs.umount("/b")


def probe(data):
    """What VfsRom answers, printed before it can be the end."""
    fs = vfs.VfsRom(data)
    print("mounted")
    count = 0
    for name in listed(fs, ""):
        count += 1
        print("stat", name, *[part for part in answer(fs.stat, name) if part])
    print("whole, %d entries" % count)


def listed(fs, prefix):
    names = []
    for entry in fs.ilistdir(prefix):
        print("entry", (prefix + entry[0],) + entry[1:])
        names.append(prefix + entry[0])
        if entry[1] == _FOLDER and entry[3] < len(data):
            names += listed(fs, prefix + entry[0] + "/")
    return names


for data in images():
    counts["images"] += 1
    if what == "probe":
        probe(data)
    elif what == "mutants" and answer(RomfsVfs, Memory(data), 0, len(data))[1] is not None:
        counts["refused"] += 1
    else:
        compare(data, Pieces(data))
print(" ".join("%s=%d" % item for item in sorted(counts.items())))
