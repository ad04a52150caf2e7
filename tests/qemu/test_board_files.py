"""Board definitions before MicroPython's own tools, of the source package that the rig is built from."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
from ophion.build.boarddir import board_files
from ophion.build.boards import board_layout
from ophion.build.frozen import frozen_files
from ophion.build.layout import load_layout

sys.path.append(str(Path(__file__).parents[2] / "tools"))

import build_board

KEY = bytes(range(32))


@pytest.fixture(scope="module")
def source(firmware):
    return firmware.mpy_cross.parents[2]


@pytest.fixture
def folder(tmp_path):
    layout = load_layout(board_layout("esp32c3"))
    for name, data in board_files(layout, frozen_files(layout, layout.name, [KEY]), tmp_path).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    return tmp_path


def test_the_manifest_freezes_what_it_should_by_their_own_tool(source, folder):
    spec = importlib.util.spec_from_file_location("manifestfile", source / "tools" / "manifestfile.py")
    manifestfile = importlib.util.module_from_spec(spec)
    sys.modules["manifestfile"] = manifestfile
    spec.loader.exec_module(manifestfile)
    library = source / "lib" / "micropython-lib"
    places = {
        "MPY_DIR": source,
        "MPY_LIB_DIR": library,
        "PORT_DIR": source / "ports" / "esp32",
        "BOARD_DIR": folder,
    }
    manifest = manifestfile.ManifestFile(manifestfile.MODE_FREEZE, {k: str(v) for k, v in places.items()})
    manifest.execute(str(folder / "manifest.py"))
    found = {file.target_path: file for file in manifest.files()}
    assert len(found) == len(list(manifest.files())), "a name stands twice"
    ours = {path.relative_to(folder / "modules").as_posix() for path in (folder / "modules").rglob("*.py")}
    assert ours <= set(found) and "_boot.py" in ours
    assert {"asyncio/core.py", "flashbdev.py", "apa106.py"} <= set(found)
    assert all(found[name].opt == 3 and str(folder) in found[name].full_path for name in ours)


def test_the_fragments_are_the_ports(source, folder):
    cmake = (folder / "mpconfigboard.cmake").read_text()
    named = [line.strip() for line in cmake.splitlines() if line.strip().startswith("boards/")]
    assert named and all((source / "ports" / "esp32" / name).is_file() for name in named)


def test_their_own_compiler_takes_every_frozen_file(firmware, folder):
    for path in (folder / "modules").rglob("*.py"):
        line = [str(firmware.mpy_cross), "-O3", "-march=rv32imc", "-o", str(folder / "out.mpy"), str(path)]
        done = subprocess.run(line, capture_output=True, text=True)
        assert (done.returncode, done.stdout + done.stderr) == (0, ""), path


def test_a_version_that_compiles_wrongly_for_xtensa_is_not_for_those_chips(firmware, tmp_path):
    """1.25 says "bccz out of range", makes wrong code, and ends well."""
    field = build_board.ROOT / "bootloader" / "ophion_boot" / "crypto" / "field_25519.py"
    line = [str(firmware.mpy_cross), "-march=xtensawin", "-o", str(tmp_path / "out.mpy"), str(field)]
    done = subprocess.run(line, capture_output=True, text=True)
    assert done.returncode == 0 and "bccz out of range" in done.stdout + done.stderr
    chips = {version: row["chips"] for version, row in build_board.versions().items()}
    assert chips["1.25.0"] == ["esp32c3", "esp32c6"] and "esp32s3" in chips["1.26.1"]


def test_the_build_runs_the_documented_commands(source, tmp_path):
    tool = [sys.executable, str(build_board.ROOT / "tools" / "build_board.py"), "esp32c3"]
    tool += ["--out", str(tmp_path / "b"), "--key", "k.pub"]

    def run(*words, command=tool, **options):
        return subprocess.run([*command, *words], capture_output=True, text=True, **options)

    done = run("--micropython", str(source), "--dry-run")
    assert done.returncode == 0, done.stderr
    for word in ("board files esp32c3", "mpy-cross", "submodules", "BUILD="):
        assert word in done.stdout
    done = run("--micropython", str(tmp_path))
    assert done.returncode == 1 and "no source tree of MicroPython" in done.stderr
    done = run("--micropython", str(source), env={"PATH": ""})
    assert done.returncode == 1 and "source export.sh of 5.4.1" in done.stderr
    xtensa = [word.replace("esp32c3", "esp32s3") for word in tool]
    done = run("--micropython", str(source), "--dry-run", command=xtensa)
    assert done.returncode == 1 and "MicroPython 1.25.0 is not for esp32s3" in done.stderr
