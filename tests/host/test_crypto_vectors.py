"""Wycheproof's and other published vectors on CPython and on MicroPython."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "tools/fuzz"), str(ROOT / "tests/shared")]

import crypto_cases  # noqa: E402
from crypto_vectors import SOURCES  # noqa: E402

# Number of cases, and how many of them are to be accepted.
COUNTS = {
    "wycheproof_ed25519": (210, 138),
    "wycheproof_p256": (484, 174),
    "wycheproof_rsa_2048": (108, 63),
    "wycheproof_rsa_3072": (108, 63),
    "wycheproof_rsa_4096": (108, 63),
    "wycheproof_rsa_without_salt": (103, 1),
    "wycheproof_x25519": (518, 487),
    "wycheproof_ecdh": (355, 330),
    "wycheproof_hkdf": (86, 83),
    "ed25519_authors": (256, 256),
    "nist_p256": (15, 3),
    "nist_aes_ctr": (72, 72),
}
PROGRAM = """
import sys
sys.path[:0] = sys.argv[1:3]
import crypto_cases
with open(sys.argv[3], "rb") as f:
    crypto_cases.main(f.read())
"""


@pytest.mark.parametrize("name", SOURCES)
def test_on_cpython(name: str) -> None:
    cases = SOURCES[name]()
    good = sum(case[-1].startswith(b"+") for case in cases)
    assert (len(cases), good) == COUNTS[name]
    assert crypto_cases.run(cases) == (len(cases), [])


@pytest.mark.parametrize("name", SOURCES)
def test_on_micropython(name: str, tmp_path: Path) -> None:
    cases = SOURCES[name]()
    (tmp_path / "cases").write_bytes(crypto_cases.pack(cases))
    (tmp_path / "program.py").write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, "-m", "micropython_unix", "-X", "heapsize=16M", "program.py"]
        + [str(ROOT / "bootloader"), str(ROOT / "tests/shared"), "cases"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.stdout == f"CASES {len(cases)} WRONG 0\n", done.stdout + done.stderr
