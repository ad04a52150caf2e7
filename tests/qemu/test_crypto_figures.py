"""The bench's limits hold, and each verification works in a heap of 96 KB."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "tools/bench/crypto")]

import figures  # noqa: E402

PACKAGE = ROOT / "bootloader" / "ophion_boot"
ROWS = {row.name: row for row in figures.rows()}


def files(row, **more):
    paths = [p for p in sorted(PACKAGE.rglob("*.py")) if "port" not in p.parts]
    kept = [p for p in paths if row.viper or p.stem not in figures.VIPER]
    return {**{f"ophion_boot/{p.relative_to(PACKAGE).as_posix()}": p for p in kept}, **more}


@pytest.mark.parametrize("name", ROWS)
def test_limit(name):
    from qemu import rig

    row = ROWS[name]
    device = files(row, **{"setup.py": row.setup})
    start = "from setup import *\nimport gc\ngc.collect()"
    counts = [
        rig.instructions(call, start, device, heap_kb=384, timeout_s=100)
        for call in (row.call, row.minus)
        if call
    ]
    assert counts[0] > 0
    assert (counts[0] - sum(counts[1:])) / row.parts / 1e6 <= row.limit


@pytest.mark.parametrize("name", [name for name in ROWS if "table" not in name and "loop" not in name])
def test_in_a_heap_of_96_kb(name):
    from qemu import rig

    row = ROWS[name]
    program = f"import gc\nfrom setup import *\ngc.collect()\nfor _ in range(3): {row.call}\nprint('done')"
    assert rig.run(program, files(row, **{"setup.py": row.setup}), heap_kb=96) == "done\n"
