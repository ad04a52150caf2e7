"""Linking keeps what a program means: small programs are run as modules and as one whole."""

import sys
import types

import pytest
from ophion.build.frozen import linked, product_files
from ophion.build.link import Program
from ophion.errors import BuildError

PACKAGE = "ophion_boot"
TRACE = """
import struct
from ophion_boot.compat import const
_SIZE = const(4)
LIMIT = 3
NAME = "trace"
kept = []

class Base:
    NAME = NAME
    limit = LIMIT

    def size(self, LIMIT=LIMIT):
        return _SIZE + LIMIT

def value(kept):
    '''Its argument hides the list.'''
    return kept

def remember(value):
    kept.append(value)
    return [value for value in kept]

def count():
    global total
    total = total + 1
    return total

total = 0
"""
OTHER = """
from ophion_boot.compat import const
_SIZE = const(7)
TABLE = (("one", 1), ("two", 2))
A, B = 1, 2
kept = {}

def value(name: str) -> int:
    for key, number in TABLE:
        if key == name:
            return number
    return B

def lazily():
    from ophion_boot.late import answer as found
    return found()
"""
MAIN = """
from ophion_boot import trace
from ophion_boot.other import A, kept, lazily, value
from ophion_boot.other import B as second
from ophion_boot.trace import Base, count, remember

try:
    from ophion_boot.quick import name
except ImportError:
    from ophion_boot.slow import name

device = None

class Device(Base):
    def __init__(self):
        kept["device"] = self.size()

def choose(what):
    if what == "gone":
        from ophion_boot.gone import thing

        return thing
    from ophion_boot.late import answer

    return answer()

def start():
    global device
    device = Device()
    parts = [device.size(5), device.limit, device.NAME, Base().size()]
    parts += [remember(1), remember(2), count(), count(), trace.LIMIT, trace.value(9), trace.kept]
    parts += [value("one"), value("none"), A, second, kept, lazily(), choose("late"), name()]
    return parts
"""
LATE = "def answer(kept=5):\n    return kept + 37\n"
SLOW = "def name():\n    return 'slow'\n"
COMPAT = "def const(value):\n    return value\n"
PARTS = {"compat": COMPAT, "trace": TRACE, "other": OTHER, "late": LATE, "slow": SLOW, "main": MAIN}


class Modules:
    """Modules of these sources in sys.modules, for as long as the context lasts."""

    def __init__(self, sources):
        self._sources = sources

    def __enter__(self):
        micropython = types.ModuleType("micropython")
        micropython.const = lambda value: value
        self._before = {name: sys.modules.get(name) for name in (PACKAGE, "micropython")}
        self._before |= {
            name: module for name, module in sys.modules.items() if name.startswith(PACKAGE + ".")
        }
        for name in self._before:
            sys.modules.pop(name, None)
        package = types.ModuleType(PACKAGE)
        package.__path__ = []
        sys.modules |= {PACKAGE: package, "micropython": micropython}
        try:
            self._load(package)
        except BaseException:
            self.__exit__()
            raise
        return sys.modules

    def _load(self, package):
        for name, text in self._sources.items():
            module = types.ModuleType(name)
            sys.modules[name] = module
            setattr(package, name.partition(".")[2], module)
            exec(text, module.__dict__)

    def __exit__(self, *_):
        ours = [name for name in sys.modules if name == PACKAGE or name.startswith(PACKAGE + ".")]
        for name in [*ours, "micropython"]:
            del sys.modules[name]
        sys.modules.update({name: module for name, module in self._before.items() if module})


def whole(parts=PARTS, roots=None):
    program = Program({f"{PACKAGE}.{name}": text.encode() for name, text in parts.items()})
    roots = roots or {"main": ["trace", "other", "late", "slow"]}
    wholes = {f"{PACKAGE}.{root}": [f"{PACKAGE}.{n}" for n in names] for root, names in roots.items()}
    return program, program.link(wholes)


def result(sources):
    with Modules(sources) as modules:
        return modules[f"{PACKAGE}.main"].start()


def test_a_whole_does_what_its_modules_do():
    separate = {f"{PACKAGE}.{name}": text for name, text in PARTS.items()}
    expected = result(separate)
    assert expected[:4] == [9, 3, "trace", 7] and expected[-1] == "slow" and len(expected) > 15
    _, made = whole()
    assert list(made) == ["ophion_boot.main"]
    assert "ophion_boot" not in made["ophion_boot.main"]
    assert result(made) == expected


def test_a_part_that_is_linked_elsewhere_is_imported_from_there():
    separate = result({f"{PACKAGE}.{name}": text for name, text in PARTS.items()})
    late = (
        LATE
        + "\nfrom ophion_boot.trace import LIMIT, Base\n\ndef size():\n    return Base().size() + LIMIT\n"
    )
    _, made = whole({**PARTS, "late": late}, {"main": ["trace", "other", "slow"], "late": []})
    assert result(made) == separate
    with Modules(made) as modules:
        assert modules["ophion_boot.late"].size() == 10
    assert "_LIMIT = const(3)" in made["ophion_boot.late"]


def test_the_choice_between_modules_is_made_by_what_is_there():
    parts = {**PARTS, "quick": "def name():\n    return 'quick'\n"}
    _, made = whole(parts, {"main": ["trace", "other", "late", "quick", "slow"]})
    assert result(made)[-1] == "quick"


def test_branches_of_what_was_left_out_are_dropped():
    _, made = whole()
    assert "gone" not in made["ophion_boot.main"]


def test_constants_are_folded_and_names_do_not_meet():
    program, made = whole()
    text = made["ophion_boot.main"]
    assert "_SIZE = const(4)" in text and "_SIZE2 = const(7)" in text and "_LIMIT = const(3)" in text
    origins = program.origins("ophion_boot.main")
    assert origins["Base"] == "ophion_boot.trace" and origins["start"] == "ophion_boot.main"
    assert len(origins) == len(set(origins))


def test_a_module_that_is_used_as_a_value_is_refused():
    parts = {"trace": "X = []\n", "main": "from ophion_boot import trace\n\ndef start():\n    return trace\n"}
    with pytest.raises(BuildError, match=r"ophion_boot\.main: the module trace is used as a value"):
        whole({**parts, "compat": COMPAT}, {"main": ["trace"]})


def test_a_name_may_be_passed_on_but_has_to_be_there():
    main = "from ophion_boot.b import X\n\ndef start():\n    return X\n"
    parts = {"compat": COMPAT, "a": "X = [5]\n", "b": "from ophion_boot.a import X\n", "main": main}
    _, made = whole(parts, {"main": ["a", "b"]})
    assert result(made) == [5]
    with pytest.raises(BuildError, match=r"ophion_boot\.main: ophion_boot\.b has no name X"):
        whole({**parts, "b": "Y = 1\n"}, {"main": ["a", "b"]})


def test_two_wholes_are_left_of_the_bootloader():
    files = product_files()
    chosen = {path: data for path, data in files.items() if "port/unix" not in path and "plain" not in path}
    made = linked(chosen).files
    ours = {path for path in made if path.startswith("ophion_boot/")}
    assert ours == {"ophion_boot/__init__.py", "ophion_boot/main.py", "ophion_boot/service.py"}
    assert (
        made["main.py"] == files["main.py"]
        and made["ophion_app/__init__.py"] == files["ophion_app/__init__.py"]
    )
