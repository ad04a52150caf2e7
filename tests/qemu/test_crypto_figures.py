"""The bench's limits hold, and each verification works in a heap of 96 KB."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "tools/bench/crypto")]

import figures  # noqa: E402

PACKAGE = ROOT / "bootloader" / "ophion_boot"
ROWS = {row.name: row for row in figures.rows()}
LIVE = [
    "import ophion_boot.crypto.ed25519, ophion_boot.crypto.p256",
    "import ophion_boot.crypto.ed25519, ophion_boot.crypto.x25519",
    "import ophion_boot.crypto.rsa",
]


def files(row, **more):
    paths = [p for p in sorted(PACKAGE.rglob("*.py")) if "port" not in p.parts]
    kept = [p for p in paths if row.viper or p.stem not in figures.VIPER]
    return {**{f"ophion_boot/{p.relative_to(PACKAGE).as_posix()}": p for p in kept}, **more}


@pytest.mark.parametrize("name", ROWS)
def test_limit(name):
    from qemu import rig

    row = ROWS[name]
    device = files(row, **{"bench_setup.py": row.setup})
    counts = [
        [int(n) for n in rig.run(row.program(call), device, heap_kb=384, timeout_s=100).split()]
        for call in (row.call, row.minus)
        if call
    ]
    assert len(counts[0]) == row.signatures and min(counts[0]) > 0
    assert (max(counts[0]) - sum(map(max, counts[1:]))) / row.parts / 1e6 <= row.limit


def test_the_worst_of_several_signatures_counts():
    assert all(row.signatures >= 8 for name, row in ROWS.items() if name.startswith(("Ed25519", "ECDSA")))


@pytest.mark.parametrize("imports", LIVE)
def test_live_heap(imports):
    from qemu import rig

    program = "import gc\ngc.collect()\na = gc.mem_alloc()\n%s\ngc.collect()\nprint(gc.mem_alloc() - a)"
    assert 2000 < int(rig.run(program % imports, files(ROWS["Ed25519, any key"]))) <= 40 * 1024


@pytest.mark.parametrize("name", [name for name in ROWS if "table" not in name and "loop" not in name])
def test_in_a_heap_of_96_kb(name):
    from qemu import rig

    row = ROWS[name]
    calls = f"for n in 3 * list(range({row.signatures})): {row.call}"
    program = f"import gc\nfrom bench_setup import *\ngc.collect()\n{calls}\nprint('done')"
    assert rig.run(program, files(row, **{"bench_setup.py": row.setup}), heap_kb=96) == "done\n"
