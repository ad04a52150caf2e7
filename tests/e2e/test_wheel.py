"""What is installed from the wheel alone: everything that a user needs, in an empty environment."""

import json
import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Folder of the source -> where it is in the wheel.
PLACES = {
    "bootloader/ophion_boot": "ophion_boot",
    "bootloader/frozen": "ophion_boot/frozen",
    "firmware/ophion_app": "ophion_app",
    "boards": "ophion/boards",
    "host/ophion": "ophion",
    "host/examples": "ophion/examples",
}


def run(*words, cwd, timeout=500, **environment):
    """Run a command in an environment that knows nothing of this one; returns its output."""
    ours = ("PYTHON", "OPHION", "XDG")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    done = subprocess.run(
        [str(word) for word in words],
        cwd=cwd,
        env={**clean, **environment},
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def sources(folder):
    return [
        path.relative_to(ROOT / folder).as_posix()
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    ]


@pytest.mark.timeout(900)  # downloads from the package index, or its cache
def test_the_wheel_alone_gives_a_working_demo(tmp_path):
    pip = (sys.executable, "-m", "pip")
    run(*pip, "wheel", "--quiet", "--no-deps", "--wheel-dir", tmp_path, ROOT, cwd=tmp_path)
    (wheel,) = tmp_path.glob("ophion-*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder, place in PLACES.items():
        files = sources(folder)
        assert files
        assert not [name for name in files if f"{place}/{name}" not in names], folder

    venv.create(tmp_path / "empty", symlinks=True)
    python = tmp_path / "empty" / "bin" / "python"
    run(*pip, "--python", python, "install", "--quiet", "--no-compile", wheel, cwd=tmp_path)
    ophion = python.with_name("ophion")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    where = run(python, "-c", "import ophion, ophion_boot; print(ophion.__file__)", cwd=elsewhere)
    assert Path(where.strip()).is_relative_to(tmp_path / "empty")
    assert "esp32c3" in run(ophion, "board", "show", "esp32c3", cwd=elsewhere)
    out = run(ophion, "demo", "--json", cwd=elsewhere, HOME=str(tmp_path))
    notes = [event["text"] for event in map(json.loads, out.splitlines()) if event["event"] == "note"]
    assert "runs now: 1.4.0, confirmed" in notes and "runs now: runtime 1.0.0, confirmed" in notes
    assert not list(elsewhere.iterdir())
