"""`python tools/bench/crypto`: instructions of each verification on QEMU's RV32, beside public code.

Of eight signatures of each curve the worst counts. The numbers are the same in every run, RSA apart, whose
keys are made anew. Fails when a limit is broken.
"""

# ruff: noqa: T201

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[3]
sys.path[0] = str(Path(__file__).parent)
for folder in ("tools", "tools/fuzz", "tests/shared", "bootloader"):
    sys.path.append(str(ROOT / folder))

import crypto_cases  # noqa: E402
import crypto_vectors  # noqa: E402
import figures  # noqa: E402
import peers  # noqa: E402
from qemu import rig  # noqa: E402

PACKAGE = ROOT / "bootloader" / "ophion_boot"
HEAP_KB = 384
LIVE_LIMIT = 40 * 1024
# What each use keeps on the heap; the tables of generators lie in the ROMFS, as they lie in flash.
LIVE = {
    "Ed25519": "import ophion_boot.crypto.ed25519",
    "ECDSA P-256": "import ophion_boot.crypto.p256",
    "RSA-PSS": "import ophion_boot.crypto.rsa",
    "Ed25519 and P-256": "import ophion_boot.crypto.ed25519, ophion_boot.crypto.p256",
    "Ed25519 and X25519": "import ophion_boot.crypto.ed25519, ophion_boot.crypto.x25519",
}


def device_files(viper: bool = True) -> dict[str, rig.Content]:
    """The bootloader's package, with or without its viper modules."""
    return {
        f"ophion_boot/{path.relative_to(PACKAGE).as_posix()}": path
        for path in sorted(PACKAGE.rglob("*.py"))
        if "port" not in path.parts and (viper or path.stem not in figures.VIPER)
    }


def measured(row: figures.Row, call: str, heap_kb: int = HEAP_KB) -> list[int]:
    """Instructions of `call` for each of the row's signatures, the second time."""
    files = {**device_files(row.viper), "bench_setup.py": row.setup}
    return [int(n) for n in rig.run(row.program(call), files, heap_kb=heap_kb, timeout_s=300).split()]


def measured_peer(setup: str, call: str, files: Mapping[str, rig.Content]) -> int:
    """Instructions of `call` of public code, the second time."""
    files = {**device_files(), **files, "bench_setup.py": setup}
    start = "from bench_setup import *\nimport gc\ngc.collect()"
    return rig.instructions(call, start, files, heap_kb=1024, timeout_s=300)


def figures_table(with_peers: bool) -> bool:
    """Print the figures; True when all limits hold."""
    held = True
    everyone = {**peers.starkbank(), **peers.pure25519(), **peers.eccsnacks()}
    print(f"{'million instructions':38}{'least':>9}{'worst':>9}{'limit':>9}{'public':>9}{'ratio':>7}")
    for row in figures.rows():
        rest = max(measured(row, row.minus)) if row.minus else 0
        counts = [(count - rest) / row.parts / 1e6 for count in measured(row, row.call)]
        worst = max(counts)
        line = f"{row.name:38}{min(counts):9.4f}{worst:9.4f}{row.limit:9.4g}"
        if with_peers and row.peer[1]:
            public = measured_peer(*row.peer, everyone) / 1e6
            line += f"{public:9.1f}{public / worst:7.1f}"
        if worst > row.limit:
            held = False
            line += "   over the limit"
        print(line, flush=True)
    return held


def heap_table() -> bool:
    """Print the live heap of each verifier, and verify each in a heap of 96 KB; True when all is well."""
    held = True
    print(f"\n{'bytes live after import':38}{'heap':>9}")
    for name, statement in LIVE.items():
        program = "import gc\ngc.collect()\na = gc.mem_alloc()\n%s\ngc.collect()\nprint(gc.mem_alloc() - a)"
        live = int(rig.run(program % statement, device_files()))
        held &= live <= LIVE_LIMIT
        print(f"{name:38}{live:9}")
    print("\nin a heap of 96 KB, million instructions")
    for row in figures.rows()[:8]:
        if "table" not in row.name:
            worst = max(measured(row, row.call, heap_kb=96)) / 1e6
            print(f"{row.name:38}{worst:9.3f}", flush=True)
    return held


def vectors(every: int) -> bool:
    """Run every n-th of the published vectors on the rig; True when none is wrong."""
    held = True
    program = "import crypto_cases\nwith open('/rom/cases', 'rb') as f:\n    crypto_cases.main(f.read())"
    files = {**device_files(), "crypto_cases.py": ROOT / "tests/shared/crypto_cases.py"}
    for name, source in crypto_vectors.SOURCES.items():
        if name == "nist_aes_ctr":
            continue  # no AES there
        cases = source()[::every]
        packed = {**files, "cases": crypto_cases.pack(cases)}
        out = rig.run(program, packed, heap_kb=2048, timeout_s=1000, icount=False).strip()
        held &= out == f"CASES {len(cases)} WRONG 0"
        print(f"{name:38}{out}", flush=True)
    return held


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench/crypto", description=__doc__)
    parser.add_argument("--without-peers", action="store_true", help="only ours: faster")
    parser.add_argument(
        "--vectors", type=int, metavar="N", help="run every Nth published vector on the rig instead"
    )
    args = parser.parse_args()
    if args.vectors:
        return 0 if vectors(args.vectors) else 1
    held = figures_table(not args.without_peers)
    return 0 if heap_table() and held else 1


if __name__ == "__main__":
    sys.exit(main())
