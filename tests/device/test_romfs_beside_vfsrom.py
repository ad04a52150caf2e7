"""The ROMFS reader in Python and MicroPython's own `vfs.VfsRom` (SPEC.md 1.5), both mounted on MicroPython.

Whatever the reader takes, both say the same of; what it refuses, VfsRom takes for something. VfsRom does not
check what it follows: hostile images that the reader refuses are shown to it in processes of their own.
"""

import random
import re
import subprocess
import sys
from pathlib import Path

import pytest
import romfs_cases as cases
from mpremote.romfs import VfsRomWriter
from ophion.build.mpy import compile_module, find_compiler

ROOT = Path(__file__).parents[2]
TREES = 1000
MUTANTS = 3000
_NAME = "abcdefghijklmnopqrstuvwxyz_ABC0123456789-+~ ()[]{}#$%&',;=@^!."


class Writer(VfsRomWriter):  # type: ignore[misc]
    """mpremote's writer, with all that a ROMFS may have beside: padding, long numbers, content elsewhere."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__()
        self.chance = chance

    def _encode_uint(self, value: int) -> bytes:
        data = super()._encode_uint(value)
        padding = self.chance.choice((0, 0, 0, 0, 1, 2, 3))
        return bytes(b"\x80" * min(padding, 4 - len(data)) + data)

    def pad(self) -> None:
        """A record that says nothing, sometimes."""
        if self.chance.random() < 0.2:
            self._extend(
                self._pack(self.ROMFS_RECORD_KIND_PADDING, self.chance.randbytes(self.chance.randrange(90)))
            )


@pytest.fixture(scope="session")
def module() -> bytes:
    """A compiled module."""
    source = b"VALUE = [n * n for n in range(9)]\ndef f(x):\n    return 'a constant', x\n" * 5
    return bytes(compile_module(find_compiler(), source, "m.py", 3))


def content(chance: random.Random) -> bytes:
    kind = chance.randrange(5)
    size = chance.choice((0, 1, 2, 62, 63, 64, 65, 127, 128, 300, 1000, chance.randrange(2500)))
    if kind == 0:
        return chance.randbytes(size)
    if kind == 1:
        return bytes(size)
    words = ["one", "zw\u00f6lf", "\u20ac", "\U0001f40d", "\n", "\r\n", "", "x" * 63, "\u00e9" * 40]
    text = "".join(chance.choice(words) for _ in range(size // 5))
    return text.encode() if kind < 4 else text.encode()[: chance.randrange(len(text.encode()) + 1)]


def tree(chance: random.Random, module: bytes) -> bytes:
    """A ROMFS that one could meet."""
    writer = Writer(chance)
    shared = []
    for _ in range(chance.randrange(3)):
        data = content(chance)
        shared.append((len(data), writer.mkdata(data)))
    fill(writer, chance, module, shared, 0)
    return bytes(writer.finalise()) + chance.randbytes(chance.choice((0, 0, 7)))


def fill(
    writer: Writer, chance: random.Random, module: bytes, shared: list[tuple[int, int]], depth: int
) -> None:
    used: set[str] = {".", ".."}
    for _ in range(chance.choice((0, 1, 2, 3, 5))):
        writer.pad()
        name = "".join(chance.choice(_NAME) for _ in range(chance.choice((1, 2, 3, 8, 14, 60, 255))))
        kind = chance.randrange(8)
        if kind < 2:
            name = f"m{chance.randrange(9)}" + (".py", ".mpy")[kind]
        if name in used:
            continue
        used.add(name)
        if kind == 0:
            writer.mkfile(name, b"VALUE = 'source'\n" + b"# and more\n" * chance.randrange(60))
        elif kind == 1:
            writer.mkfile(name, module)
        elif kind == 2 and shared:
            writer.mkfile(name, chance.choice(shared))
        elif kind in (3, 4) and depth < chance.choice((2, 3, 16)):
            writer.opendir(name if len(name) < 20 else f"lib{chance.randrange(9)}_{name[:9]}")
            fill(writer, chance, module, shared, depth + 1)
            writer.closedir()
        else:
            writer.mkfile(name, content(chance))
    writer.pad()


def mutants(chance: random.Random, module: bytes) -> list[bytes]:
    """Small trees, each with a few bytes changed, taken out or put in."""
    found = []
    while len(found) < MUTANTS:
        data = bytearray(chance.choice((cases.GOOD, cases.DEEPEST, tree(chance, module)[:400])))
        for _ in range(chance.randint(1, 3)):
            at = chance.randrange(3, len(data)) if len(data) > 4 else 0
            value = chance.choice((0, 1, 2, 3, 4, 5, 0x7F, 0x80, 0xFF, chance.randrange(256)))
            change = chance.randrange(6)
            if change < 4:
                data[at] = value
            elif change == 4:
                del data[at]
            else:
                data.insert(at, value)
        found.append(bytes(data))
    return found


def run(folder: Path, what: str, images: list[bytes]) -> str:
    """What the program on MicroPython prints."""
    path = folder / "images"
    path.write_bytes(b"".join(len(data).to_bytes(4, "big") + data for data in images))
    program = str(Path(__file__).with_name("romfs_beside_vfsrom.py"))
    command = [
        sys.executable,
        "-m",
        "micropython_unix",
        "-X",
        "heapsize=8M",
        program,
        str(ROOT),
        what,
        str(path),
    ]
    done = subprocess.run(command, capture_output=True, timeout=300)
    return (done.stdout + done.stderr).decode(errors="backslashreplace")


def counted(output: str) -> dict[str, int]:
    assert "DIFFERENT" not in output and "Traceback" not in output, output[:3000]
    return {name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", output.splitlines()[-1])}


@pytest.mark.timeout(320)
@pytest.mark.parametrize("batch", range(4))
def test_both_say_the_same_of_random_trees(tmp_path: Path, module: bytes, batch: int) -> None:
    chance = random.Random(batch)
    found = counted(run(tmp_path, "compare", [tree(chance, module) for _ in range(TREES // 4)]))
    assert found["images"] == TREES // 4 and found["differences"] == 0
    assert found["files"] > 300 and found["modules"] > 50 and found["errors"] > 1000
    assert found["answers"] > 20000


@pytest.mark.timeout(320)
def test_both_say_the_same_of_changed_trees_that_the_reader_takes(tmp_path: Path, module: bytes) -> None:
    found = counted(run(tmp_path, "mutants", mutants(random.Random(5), module)))
    assert found["images"] == MUTANTS and found["differences"] == 0
    assert found["refused"] > 500 and found["images"] - found["refused"] > 100


SHOWN = [(image, words) for _, image, _, words in cases.BAD if words]


@pytest.mark.parametrize(("image", "words"), SHOWN, ids=[case[0] for case in cases.BAD if case[3]])
def test_vfsrom_takes_what_the_reader_refuses(tmp_path: Path, image: bytes, words: str) -> None:
    output = run(tmp_path, "probe", [image])
    assert output.startswith("mounted\n") and words in output, output


@pytest.mark.parametrize("image", [image for image, _ in cases.NOT_ONE], ids=range(len(cases.NOT_ONE)))
def test_vfsrom_takes_no_romfs_either(tmp_path: Path, image: bytes) -> None:
    output = run(tmp_path, "probe", [image])
    assert "mounted" not in output and "OSError" in output, output
