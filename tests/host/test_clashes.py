"""Two modules of one name: what the builder says is asked of the real MicroPython."""

import pytest
from ophion.build import build
from ophion.build.boards import board_layout
from ophion.build.clashes import FIRST, LAST, clashes
from ophion.build.layout import load_layout

MARK = {"main.py": "pass\n"}
WHICH = """
sys.path[:] = ["/app", "/app/lib", ".frozen"]
for name in {names}:
    try:
        module = __import__(name)
    except ImportError as error:
        print(name, "missing")
    else:
        print(name, "file" if hasattr(module, "OPHION_TEST") else "other")
"""


def which(on_device, workshop, names, folder=""):
    """{name: "file" when the image's own was imported, else "other"}, on the real MicroPython."""
    files = {f"{folder}{name}.py": "OPHION_TEST = 1\n" for name in names}
    payload = build(workshop.app({**MARK, **files})).payload
    printed = on_device(payload, WHICH.format(names=sorted(names)))
    return dict(line.split() for line in printed.splitlines())


def test_a_file_never_stands_in_for_these_built_in_modules(workshop, on_device):
    found = which(on_device, workshop, FIRST | {f"u{name}" for name in ("time", "os", "json")})
    assert set(found.values()) == {"other"}
    assert len(found) == len(FIRST) + 3


@pytest.mark.parametrize("folder", ["", "lib/"])
def test_a_file_hides_these_built_in_modules(workshop, on_device, folder):
    found = which(on_device, workshop, LAST, folder)
    assert set(found.values()) == {"file"} and len(found) == len(LAST)


def test_a_file_hides_a_frozen_module(workshop, on_device):
    assert which(on_device, workshop, ["asyncio"]) == {"asyncio": "file"}


def test_the_root_of_the_image_comes_before_lib(workshop, on_device):
    files = {"twin.py": "OPHION_TEST = 1\n", "lib/twin.py": "pass\n", **MARK}
    built = build(workshop.app(files))
    assert on_device(built.payload, WHICH.format(names=["twin"])) == "twin file\n"
    assert built.warnings == (
        "lib/twin is never imported: the application has a module twin, which is found first",
    )


def test_a_folder_comes_before_a_module_of_its_name(workshop, on_device):
    files = {"page.py": "OPHION_TEST = 1\n", "page/index.html": "<p>", **MARK}
    built = build(workshop.app(files))
    assert on_device(built.payload, WHICH.format(names=["page"])) == "page other\n"
    assert built.warnings == ("page.mpy is never imported: there is a folder page",)


SAID = [
    (["math.mpy"], ["math is never imported: MicroPython has a built-in module of that name"]),
    (["utime.mpy"], ["utime is never imported: MicroPython has a built-in module of that name"]),
    (["time.mpy"], ["time hides the built-in module of that name"]),
    (["json/schema.txt"], ["json hides the built-in module of that name"]),
    (["lib/bluetooth/__init__.mpy"], ["lib/bluetooth has the name of a built-in module of the chips"]),
    (["ophion_boot.mpy"], ["ophion_boot is never imported: the bootloader has loaded its own"]),
    (
        ["asyncio/__init__.mpy", "asyncio/core.mpy"],
        ["asyncio hides the frozen module of that name, also from the update service"],
    ),
    (["main.mpy", "math.txt", "sub/math.mpy", "lib/sub.txt"], []),
    (["main.mpy", "util/__init__.mpy", "util/math.mpy"], []),
]


@pytest.mark.parametrize(("paths", "said"), SAID)
def test_what_is_said(paths, said):
    assert clashes(paths) == said


def test_what_only_some_boards_have_frozen():
    chip, simulated = (load_layout(board_layout(name)) for name in ("esp32c3", "sim"))
    assert clashes(["apa106.mpy"], [simulated, chip]) == [
        "apa106 hides the module of that name in the firmware of ophion-esp32c3"
    ]
    assert clashes(["apa106.mpy"], [simulated]) == clashes(["apa106.mpy"]) == []
