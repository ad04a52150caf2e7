"""Building: the same bytes everywhere, what MicroPython can run, one clear error for everything else."""

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys

import pytest
from ophion.build import build, new_app, output_dir
from ophion.build.boards import board_layout
from ophion.build.layout import load_layout
from ophion.build.romfs import pack_romfs
from ophion.build.tree import source_files
from ophion.errors import BuildError, ImageError, UsageError
from ophion.package import list_romfs

TREE = {
    "main.py": "import lib.helper\nprint('main', lib.helper.VALUE)\n",
    "lib/__init__.py": "",
    "lib/helper.py": "VALUE = 42\n",
    "data/table.txt": "one\ntwo\n",
    "data/empty.bin": b"",
}


def test_the_same_tree_gives_the_same_bytes_wherever_it_lies(workshop, tmp_path):
    first = workshop.app(TREE)
    second = tmp_path / "a much longer place" / "elsewhere"
    shutil.copytree(first, second)
    for path in second.rglob("*"):
        os.utime(path, (1, 1))
    one, two = build(first), build(second)
    assert one.payload == two.payload
    assert one.manifest == two.manifest
    assert str(tmp_path).encode() not in one.payload


BUILD = """
import os, sys
os.umask(0o077)
from ophion.build import build
built = build(sys.argv[1])
built.write(sys.argv[2])
"""


def test_another_computer_another_order_another_day(workshop, tmp_path):
    # Files made in the opposite order, with other times and modes, by a process with another hash seed,
    # time zone, language, current folder and umask.
    built = build(workshop.app(TREE))
    first = built.write(tmp_path / "first")
    copy = tmp_path / "copy"
    for path in sorted(workshop.app(TREE).rglob("*"), reverse=True):
        target = copy / path.relative_to(workshop.app(TREE))
        if path.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
            target.chmod(0o600)
            os.utime(target, (86400 * 365, 86400 * 365))
    far = {**os.environ, "PYTHONHASHSEED": "77", "TZ": "Asia/Tokyo", "LC_ALL": "C", "HOME": "/nonexistent"}
    command = [sys.executable, "-c", BUILD, "copy", "second"]
    subprocess.run(command, cwd=tmp_path, env=far, check=True, timeout=60)
    for suffix in (".romfs", ".json"):
        name = first.with_suffix(suffix).name
        assert (tmp_path / "second" / name).read_bytes() == (tmp_path / "first" / name).read_bytes()


def test_what_is_there_twice_is_stored_once_and_read_by_micropython(workshop, on_device):
    blob = bytes(range(256)) * 8
    module = "def f():\n    return [i * i for i in range(10)]\n"
    names = ["a.bin", "deep/er/b.bin", "z.bin"]
    small = {"one.txt": "tiny", "two.txt": "tiny"}
    folder = workshop.app({"main.py": "pass\n", **dict.fromkeys(names, blob), **small})
    built = build(folder)
    assert built.payload.count(blob) == 1 and built.payload.count(b"tiny") == 2
    assert len(built.payload) < 2 * len(blob)
    listed = {f.path: built.payload[f.offset : f.offset + f.size] for f in list_romfs(built.payload)}
    assert [path for path, data in listed.items() if data == blob] == names
    code = (
        f"for name in {names}:\n    f = open('/app/' + name, 'rb')\n    print(name, f.read() == {blob!r})\n"
    )
    assert on_device(built.payload, code).split() == [word for name in names for word in (name, "True")]
    # A module in two places: the same bytecode would name two files, so it is not the same.
    twins = build(workshop.app({"main.py": "pass\n", "x/m.py": module, "y/m.py": module}))
    assert on_device(twins.payload, "import x.m, y.m\nprint(x.m.f() == y.m.f())\n") == "True\n"


def test_compiled_modules_that_are_there_twice_are_imported_from_one_place(workshop, on_device):
    made = build(workshop.app({"main.py": "pass\n", "m.py": "VALUE = [1, 2, 3]\nTEXT = 'a long text' * 3\n"}))
    (part,) = [part for part in made.parts if part.path == "m.mpy"]
    built = build(
        workshop.app({"main.py": "pass\n", "p/m.mpy": part.data, "q/m.mpy": part.data}, name="twice")
    )
    assert built.payload.count(part.data) == 1
    assert on_device(built.payload, "import p.m, q.m\nprint(p.m.VALUE, q.m.TEXT)\n").startswith(
        "[1, 2, 3] a long"
    )


def test_a_file_that_points_outside_of_the_romfs_is_refused():
    body = b"\x05\x06\x01a\x03\x02\x04"
    for offset, good in ((0, True), (4, True), (5, False)):
        record = body + bytes([offset])
        payload = b"\xd2\xcd\x31" + bytes([len(record)]) + record
        if good:
            assert list_romfs(payload)[0].offset == 4 + offset
        else:
            with pytest.raises(ImageError, match=r"outside the payload|bad pointer"):
                list_romfs(payload)


def test_building_again_over_the_output_changes_nothing(workshop):
    folder = workshop.app(TREE)
    first = build(folder)
    first.write(output_dir(folder))
    again = build(folder)
    assert again.payload == first.payload
    assert again.write(output_dir(folder)).read_bytes() == first.payload


def test_micropython_imports_and_reads_it(workshop, on_device):
    built = build(workshop.app(TREE))
    printed = on_device(
        built.payload,
        "import main\nprint(open('/app/data/table.txt').read().split())\n"
        "print(os.stat('/app/data/empty.bin')[6], sorted(os.listdir('/app')))\n",
    )
    assert printed.splitlines() == [
        "main 42",
        "['one', 'two']",
        "0 ['data', 'lib', 'main.mpy']",
    ]


def test_tracebacks_on_the_device_name_the_file_in_the_image(workshop, on_device):
    built = build(workshop.app({"main.py": "\nraise ValueError('x')\n"}))
    printed = on_device(
        built.payload,
        "try:\n    import main\nexcept ValueError as e:\n    sys.print_exception(e, sys.stdout)\n",
    )
    assert 'File "main.py", line 2' in printed


def test_the_listing_agrees_with_what_was_packed(workshop):
    built = build(workshop.app(TREE))
    listed = {
        file.path: built.payload[file.offset : file.offset + file.size] for file in list_romfs(built.payload)
    }
    assert sorted((path, len(data)) for path, data in listed.items()) == sorted(built.files)
    assert listed["data/table.txt"] == b"one\ntwo\n"
    assert listed["main.mpy"].startswith(b"M\x06")


def test_the_manifest_says_what_is_inside(workshop):
    folder = workshop.app(TREE, version="1.2.3+4")
    path = build(folder).write(output_dir(folder))
    assert path.name == "app-1.2.3+4.romfs"
    manifest = json.loads((path.parent / "app-1.2.3+4.json").read_text())
    assert manifest["version"] == "1.2.3+4"
    assert manifest["payload"]["size"] == path.stat().st_size
    assert manifest["mpy"]["version"].startswith("6") and manifest["mpy"]["arch"] == "none"
    assert manifest["mpy_cross"].startswith("MicroPython v")
    (row,) = [row for row in manifest["files"] if row["path"] == "lib/helper.mpy"]
    assert row["source"] == "lib/helper.py"
    assert row["source_sha256"] == hashlib.sha256(TREE["lib/helper.py"].encode()).hexdigest()
    assert [entry["path"] for entry in manifest["files"]] == [
        "data/empty.bin",
        "data/table.txt",
        "lib/__init__.mpy",
        "lib/helper.mpy",
        "main.mpy",
    ]


def test_what_does_not_belong_stays_out(workshop):
    extra = {
        "README.md": "read me",
        ".hidden": "x",
        "__pycache__/main.cpython-311.pyc": b"x",
        "lib/__pycache__/x.pyc": b"x",
        "docs/guide.md": "x",
        "build/old.romfs": b"x",
        "lib/build": "a file of the application",
    }
    folder = workshop.app({**TREE, **extra}, toml='exclude = ["README.md", "docs/*"]\n')
    (folder / "empty folder").mkdir()
    paths = [path for path, _ in build(folder).files]
    assert paths == sorted([path.replace(".py", ".mpy") for path in TREE] + ["lib/build"])


def test_a_simulated_device_in_the_folder_stays_out(workshop):
    folder = workshop.app({"main.py": "pass\n", "sim/sim.json": "{}", "sim/note.txt": "ours"})
    device = folder / "device"
    device.mkdir()
    for name in ("sim.json", "flash.bin", "secret.py"):
        (device / name).write_text("")
    found = [file.path for file in source_files(folder)]
    assert found == ["main.py", "sim/note.txt", "sim/sim.json"], (
        "a file of that name alone is the application's"
    )
    (device / "flash.bin").unlink()
    assert len(source_files(folder)) == 5


def test_another_entry_module_is_started_by_main(workshop, on_device):
    built = build(workshop.app({"start.py": "print('started')\n"}, toml='entry = "start"\n'))
    assert on_device(built.payload, "import main\n") == "started\n"


def test_optimize_drops_asserts(workshop, on_device):
    files = {"main.py": "assert False\nprint('ran')\n"}
    built = build(workshop.app(files, toml="optimize = 1\n"))
    assert on_device(built.payload, "import main\n") == "ran\n"


NATIVE = """
@micropython.native
def twice(x):
    return 2 * x

@micropython.viper
def add(x: int, y: int) -> int:
    return x + y

print(twice(21), add(40, 3))
"""


@pytest.mark.parametrize(
    ("boards", "arch", "number"),
    [(["esp32", "esp32s3-16mb"], "xtensawin", 10), (["esp32c3", "esp32c6", "qemu"], "rv32imc", 11)],
)
def test_native_code_is_for_the_processor_of_the_boards(workshop, cli, boards, arch, number):
    folder = workshop.app({"main.py": NATIVE}, toml=f"boards = {boards}\nnative = true\n")
    built = build(folder)
    (part,) = built.parts
    assert part.data[2] >> 2 & 15 == number
    assert built.manifest["mpy"]["arch"] == arch
    assert f"native code for {arch}" in cli("build", folder).out
    cli("sign", folder / "build" / "app-1.0.0.romfs", "-k", workshop.key)
    image = cli("inspect", folder / "build" / "app-1.0.0.bin", "--json").json()
    ids = sorted({load_layout(board_layout(board)).hw for board in boards})
    assert [entry["meaning"] for entry in image["protected"]["entries"]] == [f"for hardware {', '.join(ids)}"]
    (folder / "main.py").write_text("pass\n")
    (folder / "other.mpy").write_bytes(b"M\x06" + bytes([2 << 2]) + b"\x1f")
    with pytest.raises(BuildError, match=f"native code for one processor, x64: the boards have {arch}"):
        build(folder)


def test_native_code_runs_in_the_simulator(workshop, on_device):
    folder = workshop.app({"main.py": NATIVE}, toml='boards = ["sim"]\nnative = true\n')
    if platform.machine() == "x86_64":
        assert on_device(build(folder).payload, "import main\n") == "42 43\n"
    else:
        with pytest.raises(BuildError, match="no code can be made for ophion-sim"):
            build(folder)


def test_native_code_without_saying_so_names_the_way(workshop):
    with pytest.raises(BuildError, match="invalid arch") as caught:
        build(workshop.app({"main.py": NATIVE}))
    assert "native = true" in caught.value.hint


GOOD = {"main.py": "pass\n"}
BAD_TREES = [
    ({"main.py": "def f(:\n"}, "", r"main\.py does not compile: line 1: SyntaxError"),
    ({"main.py": "x = 1\ny = = 2\n"}, "", r"main\.py does not compile: line 2"),
    ({"main.py": b"\xff\xfe\x00"}, "", r"main\.py does not compile"),
    ({"main.py": "@micropython.native\ndef f(): pass\n"}, "", "does not compile: .*invalid arch"),
    ({"other.py": ""}, "", r"entry module main\.py is missing"),
    ({**GOOD, "täst.txt": ""}, "", "not plain ASCII"),
    ({**GOOD, "dört/x.txt": ""}, "", "not plain ASCII"),
    ({**GOOD, "main.mpy": b"M\x06\x00\x1f"}, "", r"both become main\.mpy"),
    ({**GOOD, "x.mpy": b"nonsense"}, "", r"x\.mpy is not an \.mpy file"),
    ({**GOOD, "x.mpy": b"M\x06\x2c\x1f"}, "", r"x\.mpy holds native code"),
    ({**GOOD, "d/" * 17 + "f": ""}, "", "is deeper than 16 folders"),
    (GOOD, 'entry = "other"\n', r"entry module other\.py is missing"),
    ({**GOOD, "other.py": ""}, 'entry = "other"\n', "there is a module main too"),
    (GOOD, 'entry = "a b"\n', "not the name of a module"),
    (GOOD, "optimize = 9\n", "optimize is 9"),
    (GOOD, "optimize = true\n", "optimize is True"),
    (GOOD, 'exclude = "README.md"\n', "not a list"),
    (GOOD, "colour = 3\n", "unknown key colour"),
    (GOOD, "[tool]\n", r"unknown key \[tool\]"),
]


@pytest.mark.parametrize(("path", "words"), [("d/" * 17 + "f", "too deep at"), ("n" * 256, "bad name at")])
def test_what_devices_do_not_mount_is_not_packed(path, words):
    with pytest.raises(BuildError, match=f"devices would not mount the payload: ROMFS: {words}"):
        pack_romfs({path: b"1"})
    assert list_romfs(pack_romfs({path[2:]: b"1"}))


@pytest.mark.parametrize(("files", "toml", "words"), BAD_TREES)
def test_a_bad_tree_is_one_clear_error(workshop, files, toml, words):
    folder = workshop.app(files, toml=toml)
    with pytest.raises(BuildError, match=words) as caught:
        build(folder)
    assert "\n" not in caught.value.message
    assert not (folder / "build").exists()


BAD_TOML = [
    (b"", r"no \[app\] table"),
    (b"app = 3\n", r"no \[app\] table"),
    (b"[app\n", "not readable TOML"),
    (b"\xff", "not readable TOML"),
    (b'[app]\nversion = "1.0.0"\n', "name is missing"),
    (b'[app]\nname = "a"\n', "version is missing"),
    (b'[app]\nname = 3\nversion = "1.0.0"\n', "name is 3, not a text"),
    (b'[app]\nname = "a/b"\nversion = "1.0.0"\n', "name 'a/b'"),
    (b'[app]\nname = "a"\nversion = "1.0"\n', "not a version: '1.0'"),
    (b'[app]\nname = "a"\nversion = "1.0.70000"\n', "revision 70000 is above 65535"),
    (b'[app]\nname = "a"\nversion = "256.0.0"\n', "major 256 is above 255"),
    (b'[app]\nname = "a"\nversion = "01.0.0"\n', "not a version"),
]


@pytest.mark.parametrize(("toml", "words"), BAD_TOML)
def test_a_bad_ophion_toml_names_the_key(workshop, toml, words):
    folder = workshop.app(GOOD)
    (folder / "ophion.toml").write_bytes(toml)
    with pytest.raises(BuildError, match=words):
        build(folder)


def test_missing_folder_and_missing_toml(tmp_path):
    with pytest.raises(BuildError, match="no such folder"):
        build(tmp_path / "nowhere")
    with pytest.raises(BuildError, match=r"has no ophion\.toml"):
        build(tmp_path)


def test_links_to_folders_and_special_files_are_refused(workshop):
    folder = workshop.app(GOOD)
    (folder / "loop").symlink_to(folder)
    with pytest.raises(BuildError, match="loop is a link to a folder"):
        build(folder)
    (folder / "loop").unlink()
    os.mkfifo(folder / "pipe")
    with pytest.raises(BuildError, match="pipe is not a regular file"):
        build(folder)


def test_a_new_application_builds_and_is_valid_python_for_the_device(tmp_path, on_device):
    written = new_app(tmp_path / "my app!")
    assert [path.name for path in written] == ["ophion.toml", "main.py", "README.md"]
    built = build(tmp_path / "my app!")
    assert built.stem == "my-app-1.0.0"
    assert [path for path, _ in built.files] == ["main.mpy"]
    assert "APP_NAME" not in "".join(path.read_text() for path in written)


def test_a_new_application_does_not_touch_what_is_there(tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("mine")
    for place in (tmp_path / "full", tmp_path / "full" / "x"):
        with pytest.raises(UsageError, match="not an empty folder"):
            new_app(place)
    with pytest.raises(UsageError, match="cannot be the name"):
        new_app(tmp_path / "new", "sp ace")
    assert not (tmp_path / "new").exists()
