"""`ophion size` and `ophion diff`: numbers that add up, and every difference named."""

import pytest
from ophion.build import build
from ophion.build.boards import board_layout
from ophion.build.layout import load_layout
from ophion.errors import ImageError
from ophion.keys import load_recipient
from ophion.package import compare, load_content, mpy_parts, sizes, slot_use
from ophion.sign import Dependency
from ophion.versions import parse_version

FILES = {
    "main.py": "print('hello')\n",
    "a.bin": bytes(3000),
    "b/c.bin": bytes(3000),
    "notes": "no suffix\n",
    "e.txt": "",
}


def saved(workshop, name, image):
    path = workshop.folder / name
    path.write_bytes(image.data)
    return path


@pytest.fixture
def image(workshop):
    """The path of a signed image of FILES."""
    return saved(workshop, "i.bin", workshop.image(FILES, security_counter=3))


def test_the_parts_add_up_to_the_image(image):
    value = sizes(load_content(image))
    inside = sum(file["size"] for file in value["files"])
    assert value["payload"] == inside + value["romfs"]
    assert value["total"] == value["header"] + value["payload"] + value["protected"] + value["tlvs"]
    assert value["total"] == image.stat().st_size
    assert sum(value["kinds"].values()) == inside
    assert 0 < value["romfs"] < 100


def test_names_constants_and_code_of_modules(workshop):
    source = "TEXT = %r\nNUMBER = %d\nPAIR = (1.5, ('x', None, b'yz'))\ndef an_identifier():\n    return 1\n"
    files = {"main.py": "pass\n", "m.py": source % ("long text " * 40, 1 << 80)}
    plain, stripped = (build(workshop.app(files, toml=toml)) for toml in ("", "optimize = 3\n"))
    (data,), (short,) = ([part.data for part in b.parts if part.path == "m.mpy"] for b in (plain, stripped))
    parts = mpy_parts(data)
    tables = data.index(b"m.py\0"), data.index(b"long text ")
    assert 4 < tables[0] < 10 and tables[1] > tables[0] + len("an_identifier")
    assert 400 < parts["constants"] < 460
    assert len(data) - 8 <= sum(parts.values()) <= len(data) - 6, "header and two numbers"
    assert data[-parts["code"] :].find(b"long text") == -1
    assert mpy_parts(short)["code"] < parts["code"], "without line numbers"
    for end in range(len(data) - parts["code"]):
        with pytest.raises(ImageError):
            mpy_parts(data[:end])
    with pytest.raises(ImageError, match=r"not an \.mpy file of version 6"):
        mpy_parts(b"M\x05" + data[2:])


def test_sizes_of_modules_leave_out_copies_and_what_is_damaged(workshop):
    data = next(part.data for part in build(workshop.app({"main.py": "pass\n"})).parts)
    files = {"main.py": "pass\n", "a.mpy": data * 3, "b.mpy": data * 3, "z.mpy": data[:8]}
    image = load_content(saved(workshop, "m.bin", workshop.image(files)))
    value = sizes(image)
    once, more = mpy_parts(data), mpy_parts(data * 3)
    assert value["mpy"] == {name: once[name] + more[name] for name in once}


def test_a_copy_takes_nothing_and_names_its_original(image):
    files = {file["path"]: file for file in sizes(load_content(image))["files"]}
    assert (files["a.bin"]["size"], files["a.bin"]["same_as"]) == (3000, "")
    assert (files["b/c.bin"]["size"], files["b/c.bin"]["length"]) == (0, 3000)
    assert files["b/c.bin"]["same_as"] == "a.bin"
    assert {files[name]["kind"] for name in ("main.mpy", "notes", "e.txt")} == {"mpy", "(none)", "txt"}


def test_the_picture_and_the_slots(image, cli):
    shown = cli("size", image, "--board", "esp32c3", "-b", "sim-ab").out
    for words in ("header", "main.mpy", "(the same as a.bin)", "protected TLVs", "(names and folders)"):
        assert words in shown
    assert "3000 bytes saved" in shown and "slot of ophion-sim-ab: 524288 bytes, 8192 of them kept" in shown
    value = cli("size", image, "--board", "esp32c3", "--json").json()
    room = load_layout(board_layout("esp32c3")).max_image_size
    assert value["slots"] == [slot_use(image.stat().st_size, "ophion-esp32c3", 0x80000, room)]
    assert value["slots"][0]["free"] == room - value["total"]


def test_an_image_that_is_too_large_says_by_how_much(workshop, cli):
    path = saved(workshop, "big.bin", workshop.image({**FILES, "big": bytes(600_000)}))
    assert "bytes too many" in cli("size", path, "-b", "sim").out
    (slot,) = cli("size", path, "-b", "sim", "--json").json()["slots"]
    assert slot["free"] < 0 and slot["percent"] > 100


def test_without_a_file_it_is_what_was_built_here(workshop, cli, monkeypatch):
    folder = workshop.app(FILES, toml='boards = ["sim"]\n\n[sign]\nkey = "../key.pem"\n')
    monkeypatch.chdir(folder)
    missing = cli("size")
    assert missing.code == 2 and "ophion build" in missing.err
    for verb in ("sign", "push"):
        assert cli(verb, *(["--ble", "x"] if verb == "push" else [])).code == 2
    cli("build")
    assert cli("size", "--json").json()["file"] == "build/app-1.0.0.romfs"
    assert cli("sign").code == 0
    value = cli("size", "--json").json()
    assert value["file"] == "build/app-1.0.0.bin" and value["slots"][0]["board"] == "ophion-sim"
    assert "slot of ophion-sim" in cli("size", folder / "build" / "app-1.0.0.romfs").out


def test_encrypted_and_foreign_payloads(workshop, vectors, cli):
    cli("keys", "new", workshop.folder / "d.pem", "--type", "x25519")
    path = saved(
        workshop, "e.bin", workshop.image(FILES, recipients=[load_recipient(workshop.folder / "d.pub")])
    )
    value = sizes(load_content(path))
    assert value["files"] == [] and value["files_error"] == "the payload is encrypted"
    assert value["total"] == value["header"] + value["payload"] + value["protected"] + value["tlvs"]
    assert "payload (the payload is encrypted)" in cli("size", path).out
    assert "payload (no ROMFS)" in cli("size", vectors / "plain-ed25519.bin").out
    assert (
        "payload  is different (the payload is encrypted)" in cli("diff", path, workshop_plain(workshop)).out
    )


def workshop_plain(workshop):
    return saved(workshop, "plain.bin", workshop.image(FILES))


def test_no_difference_is_exit_code_0(image, workshop, cli):
    other = saved(workshop, "copy.bin", workshop.image(FILES, security_counter=3))
    same = cli("diff", image, other)
    assert same.code == 0 and "are the same" in same.out
    value = cli("diff", image, other, "--json").json()
    assert value["same"] is True and value["files"]["unchanged"] == 5
    assert not value["header"] and not value["tlvs"]["changed"]


def test_every_difference_is_named_and_exit_code_is_1(image, workshop, cli):
    changed = {**FILES, "main.py": "print('hello again')\n", "new.txt": "new"}
    del changed["notes"]
    (workshop.folder / "app-src" / "notes").unlink()
    needs = [Dependency(1, parse_version("1.0.0"))]
    other = saved(
        workshop, "o.bin", workshop.image(changed, version="1.1.0", security_counter=4, dependencies=needs)
    )
    shown = cli("diff", image, other)
    assert shown.code == 1 and shown.err == ""
    for words in (
        "header  version: 1.0.0 -> 1.1.0",
        "header  payload_size:",
        "-file   notes  10 bytes",
        "+file   new.txt  3 bytes",
        "~file   main.mpy",
        " file   3 unchanged",
        "+TLV    protected DEPENDENCY 0x0040  12 bytes",
        "~TLV    protected SEC_CNT 0x0050  4 -> 4 bytes (+0)",
        "~TLV    ED25519 0x0024",
        " TLV    1 unchanged",
    ):
        assert words in shown.out, words
    outcome = cli("diff", image, other, "--json")
    assert outcome.code == 1
    value = outcome.json()
    assert value["same"] is False and value["header"]["version"] == ["1.0.0", "1.1.0"]
    assert [row["name"] for row in value["files"]["changed"]] == ["main.mpy"]


def test_a_file_of_the_same_size_with_other_content_is_changed(workshop):
    one = load_content(saved(workshop, "1.bin", workshop.image({"main.py": "pass\n", "x": "abcd"})))
    two = load_content(saved(workshop, "2.bin", workshop.image({"main.py": "pass\n", "x": "abce"})))
    assert compare(one, two)["files"]["changed"] == [{"name": "x", "size": [4, 4]}]


def test_tlvs_of_one_type_are_told_apart(workshop):
    kinds = [Dependency(0, parse_version("1.0.0")), Dependency(1, parse_version("1.0.0"))]
    one = load_content(saved(workshop, "1.bin", workshop.image(dependencies=kinds)))
    kinds[1] = Dependency(1, parse_version("2.0.0"))
    two = load_content(saved(workshop, "2.bin", workshop.image(dependencies=kinds)))
    changed = [row["name"] for row in compare(one, two)["tlvs"]["changed"]]
    assert changed[0] == "protected DEPENDENCY 0x0040 #2"


def test_payloads_are_compared_and_measured_too(workshop, cli, image):
    folder = workshop.app(FILES, name="bare")
    cli("build", folder)
    payload = folder / "build" / "bare-1.0.0.romfs"
    value = cli("size", payload, "--json").json()
    assert value["header"] == value["tlvs"] == 0 and value["total"] == payload.stat().st_size
    outcome = cli("diff", payload, image, "--json")
    value = outcome.json()
    assert outcome.code == 1 and value["payload_same"] is True
    assert value["header"]["version"] == [None, "1.0.0"] and len(value["tlvs"]["added"]) == 4


@pytest.mark.parametrize("verb", ["size", "diff"])
def test_what_is_no_image_is_one_error(tmp_path, cli, verb):
    (tmp_path / "x").write_bytes(b"nothing of the kind")
    (tmp_path / "y.romfs").write_bytes(b"\xd2\xcd\x31\x7f")
    for name in ("x", "y.romfs", "missing"):
        outcome = cli(verb, *[tmp_path / name] * (2 if verb == "diff" else 1))
        assert outcome.code == 3 and outcome.out == "" and outcome.err.startswith("error: ")
