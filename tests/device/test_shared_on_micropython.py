"""Every test of tests/shared once more, on real MicroPython."""

import ast
import functools
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Work, not waiting: the longest of these files takes 14 s, and on a busy machine several times as long.
_SECONDS_MAX = 300
pytestmark = pytest.mark.timeout(_SECONDS_MAX + 20)
FILES = sorted((ROOT / "tests" / "shared").glob("test_*.py"))


def names(path: Path) -> list[str]:
    tree = ast.parse(path.read_text())
    return [n.name for n in tree.body if isinstance(n, ast.FunctionDef) and n.name.startswith("test_")]


@functools.cache
def run(stem: str) -> str:
    try:
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "micropython_unix",
                "-X",
                "heapsize=8M",
                "tests/device/run.py",
                str(ROOT),
                stem,
            ],
            cwd=ROOT,
            env={**os.environ, "OPHION_ROOT": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=_SECONDS_MAX,
        )
    except subprocess.TimeoutExpired as error:
        return f"{error}: {error.stdout!r}"
    return done.stdout + done.stderr


@pytest.mark.parametrize(("stem", "name"), [(p.stem, n) for p in FILES for n in names(p)])
def test_on_micropython(stem: str, name: str) -> None:
    output = run(stem)
    assert f"PASS {name}\n" in output, output
