"""The 32-bit paths on QEMU: published vectors, and no silent fall-back to long integers."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / folder) for folder in ("tools", "tools/fuzz", "tests/shared")]

import crypto  # noqa: E402
import crypto_cases  # noqa: E402
from crypto_vectors import SOURCES  # noqa: E402

PACKAGE = ROOT / "bootloader" / "ophion_boot"
FILES = {"ophion_boot/__init__.py": PACKAGE / "__init__.py", "ophion_boot/compat.py": PACKAGE / "compat.py"}
FILES["ophion_boot/crypto"] = PACKAGE / "crypto"
FILES["crypto_cases.py"] = ROOT / "tests/shared/crypto_cases.py"
# One case in so many: all of them take minutes (`python tools/bench/crypto --vectors 1`).
SAMPLE = 12


def test_the_fast_paths_are_taken():
    from qemu import rig

    out = rig.run(
        "from ophion_boot.crypto import aes_ctr, ed25519, p256, sha512, x25519\n"
        "for f in (ed25519.product, p256.product, x25519.ladder): print(f.__globals__['__name__'])\n"
        "print(sha512.compress is not None, aes_ctr.xor.__class__)",
        FILES,
    )
    assert out.splitlines()[:3] == [
        "ophion_boot.crypto.edwards_vm",
        "ophion_boot.crypto.p256_vm",
        "ophion_boot.crypto.ladder_vm",
    ]
    assert "True" in out


@pytest.mark.parametrize("name", sorted(set(SOURCES) - {"nist_aes_ctr"}))
def test_vectors(name):
    from qemu import rig

    cases = SOURCES[name]()[::SAMPLE]
    assert cases
    files = {**FILES, "cases": crypto_cases.pack(cases)}
    program = "import crypto_cases\nwith open('/rom/cases', 'rb') as f:\n    crypto_cases.main(f.read())"
    assert (
        rig.run(program, files, heap_kb=2048, timeout_s=100, icount=False) == f"CASES {len(cases)} WRONG 0\n"
    )


@pytest.mark.parametrize("name", ["ed25519", "p256", "x25519", "ecdh"])
def test_no_difference_to_openssl(name):
    assert crypto.fuzz(name, seed=7, cases=60, run=crypto.on_qemu, batch=60) == 60
