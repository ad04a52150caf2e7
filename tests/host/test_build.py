"""Building: the same bytes everywhere, what MicroPython can run, one clear error for everything else."""

import json
import os
import shutil

import pytest
from ophion.build import build, new_app, output_dir
from ophion.errors import BuildError, UsageError
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
    assert manifest["mpy"]["version"].startswith("6")
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


def test_another_entry_module_is_started_by_main(workshop, on_device):
    built = build(workshop.app({"start.py": "print('started')\n"}, toml='entry = "start"\n'))
    assert on_device(built.payload, "import main\n") == "started\n"


def test_optimize_drops_asserts(workshop, on_device):
    files = {"main.py": "assert False\nprint('ran')\n"}
    built = build(workshop.app(files, toml="optimize = 1\n"))
    assert on_device(built.payload, "import main\n") == "ran\n"


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
    ({**GOOD, "d/" * 17 + "f": ""}, "", "would not mount the payload: ROMFS: too deep at"),
    (GOOD, 'entry = "other"\n', r"entry module other\.py is missing"),
    ({**GOOD, "other.py": ""}, 'entry = "other"\n', "there is a module main too"),
    (GOOD, 'entry = "a b"\n', "not the name of a module"),
    (GOOD, "optimize = 9\n", "optimize is 9"),
    (GOOD, "optimize = true\n", "optimize is True"),
    (GOOD, 'exclude = "README.md"\n', "not a list"),
    (GOOD, "colour = 3\n", "unknown key colour"),
    (GOOD, "[tool]\n", r"unknown key \[tool\]"),
]


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
