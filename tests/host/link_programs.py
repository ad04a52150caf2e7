"""A small program of several modules, to be linked, and a place to run it in."""

import sys
import types

from ophion.build.link import Program

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
