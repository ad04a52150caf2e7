"""The library below the command line: documented, typed, silent, importable without it."""

import ast
import importlib
import inspect
import pkgutil
import subprocess
import sys
from pathlib import Path

import ophion
import pytest

PACKAGE = Path(ophion.__file__).parent
# The command line; what runs on a device; what is copied into applications.
ELSEWHERE = ("cli", "sim/device", "build/templates", "examples", "boards")
# A program by itself: it starts another one under the simulator's radio.
PROGRAMS = {"sim/bleak_bumble.py", "sim/launch.py"}
CONSOLE = {"rich", "typer", "ophion.cli"}
PUBLIC = sorted(
    name
    for _, name, is_package in pkgutil.iter_modules([str(PACKAGE)])
    if is_package and name not in ELSEWHERE
)


def modules():
    for path in sorted(PACKAGE.rglob("*.py")):
        place = path.relative_to(PACKAGE).as_posix()
        if not place.startswith(tuple(f"{folder}/" for folder in ELSEWHERE)):
            yield place, ast.parse(path.read_text())


def test_it_prints_nothing_and_knows_no_console():
    seen = 0
    for place, tree in modules():
        seen += 1
        for node in ast.walk(tree):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
            for name in names:
                assert not any(name == word or name.startswith(word + ".") for word in CONSOLE), (place, name)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in ("print", "input"), (place, node.lineno)
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and place not in PROGRAMS:
                assert (node.value.id, node.attr) not in {
                    ("sys", "stdout"),
                    ("sys", "stderr"),
                    ("sys", "exit"),
                }, (place, node.lineno)
    assert seen > 60


def test_the_parts_of_the_library_are_named_in_its_docstring():
    assert {"build", "delta", "keys", "package", "push", "sign", "sim"} <= set(PUBLIC)
    for name in PUBLIC:
        assert f"`ophion.{name}`" in ophion.__doc__, name
    assert (PACKAGE / "py.typed").exists()


@pytest.mark.parametrize("name", PUBLIC)
def test_what_is_public_is_documented_and_typed(name):
    module = importlib.import_module(f"ophion.{name}")
    assert module.__doc__ and len(set(module.__all__)) == len(module.__all__) > 2
    for word in module.__all__:
        thing = getattr(module, word)
        where = f"ophion.{name}.{word}"
        if not (inspect.isclass(thing) or inspect.isfunction(thing)):
            continue  # a type alias, a constant
        assert thing.__doc__, where
        if inspect.isclass(thing):
            for member, value in vars(thing).items():
                if not member.startswith("_") and (inspect.isfunction(value) or isinstance(value, property)):
                    assert value.__doc__, f"{where}.{member}"
        else:
            signature = inspect.signature(thing)
            assert signature.return_annotation is not inspect.Signature.empty, where
            for parameter in signature.parameters.values():
                assert parameter.annotation is not inspect.Parameter.empty, f"{where}({parameter.name})"


@pytest.mark.parametrize("name", PUBLIC)
def test_it_works_without_the_command_line_s_packages(name):
    """Importing a part of the library loads neither typer nor our own command line."""
    code = (
        f"import sys, ophion.{name};"
        "found = [m for m in sys.modules if m.split('.')[0] == 'typer' or m.startswith('ophion.cli')];"
        "sys.exit(str(found) if found else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
