"""`ophion.toml`: every key, every mistake with its line, found from anywhere inside the application."""

import re

import pytest
from ophion.build import build, find_app, load_config
from ophion.build.config import _KEYS, Budget
from ophion.build.toml_file import line_of
from ophion.errors import BuildError

GOOD = {"main.py": "pass\n"}


def test_every_key_of_the_documentation_is_one_and_every_key_is_there(tmp_path):
    import ophion.build.config as config

    text = config.__doc__.split("\n\n", 1)[1]
    (tmp_path / "ophion.toml").write_text(text)
    found = load_config(tmp_path)
    assert (found.name, found.boards, found.budget) == (
        "heartbeat",
        ("esp32c3",),
        Budget(200 << 10, 300 << 10),
    )
    assert found.max_image_size == found.layouts[0].max_image_size > 0
    assert sorted(found.dependencies) == ["aioble", "drivers", "microdot"]
    assert found.sign.key == str(tmp_path / "release.pem")
    assert set(re.findall(r"^\[(\w+)\]", text, re.M)) == {*_KEYS, "dependencies"}
    assert set(re.findall(r"^(\w+) =", text.split("[dependencies]")[0], re.M)) == _KEYS["app"]


def test_signing_defaults_are_read(workshop):
    toml = """
[sign]
key = "pkcs11:token=release;object=ophion"
chain = "keys/build.chain"
hardware = ["a", "b"]
min_runtime = "1.26.1"
security_counter = 7
max_size = 4096
encrypt = ["device.pub"]
"""
    folder = workshop.app(GOOD, toml=toml)
    sign = load_config(folder).sign
    assert sign.key == "pkcs11:token=release;object=ophion"
    assert sign.chain == folder / "keys/build.chain"
    assert (sign.hardware, sign.min_runtime, sign.security_counter) == (("a", "b"), "1.26.1", "7")
    assert (sign.max_size, sign.encrypt) == (4096, (folder / "device.pub",))


def meanings(image):
    return [entry["meaning"] for entry in image["protected"]["entries"]]


def test_signing_takes_the_defaults_and_the_command_line_wins(workshop, cli):
    toml = '[sign]\nkey = "../key.pem"\nhardware = ["a"]\nmin_runtime = "1.26.1"\nsecurity_counter = "auto"\n'
    folder = workshop.app(GOOD, toml=toml)
    assert cli("build", folder).code == 0
    payload = folder / "build" / "app-1.0.0.romfs"
    assert cli("sign", payload).code == 0
    image = folder / "build" / "app-1.0.0.bin"
    assert meanings(cli("inspect", image, "--json").json()) == [
        "security counter 16777216",
        "for hardware a",
        "MicroPython 1.26.1 at least",
    ]
    assert cli("verify", image, "-k", workshop.pub, "--hardware", "a").code == 0
    other = workshop.folder / "other.pem"
    cli("keys", "new", other)
    words = ("--key", other, "--hardware", "b", "--min-runtime", "1.27.0", "--security-counter", "5")
    assert cli("sign", payload, *words, "--out", workshop.folder / "o.bin").code == 0
    assert meanings(cli("inspect", workshop.folder / "o.bin", "--json").json()) == [
        "security counter 5",
        "for hardware b",
        "MicroPython 1.27.0 at least",
    ]
    assert cli("verify", workshop.folder / "o.bin", "-k", other.with_suffix(".pub")).code == 0
    digest = workshop.folder / "digest"
    assert cli("sign", payload, "--export-digest", digest).code == 0, "the default key is not asked for"
    outside = cli("sign", payload, "--import-signature", digest)
    assert outside.code == 2 and "the public key of the signature" in outside.err


def test_an_image_above_the_slot_of_its_boards_is_not_signed(workshop, cli):
    folder = workshop.app({**GOOD, "blob": bytes(520192 - 200)}, toml='boards = ["sim"]\n')
    assert cli("build", folder).code == 0
    payload = folder / "build" / "app-1.0.0.romfs"
    failed = cli("sign", payload, "--key", workshop.key)
    assert failed.code != 0 and "520192" in failed.err and not payload.with_suffix(".bin").exists()
    assert cli("sign", payload, "--key", workshop.key, "--max-size", "1M").code == 0
    runtime = folder / "runtime.img"  # goes into another slot
    runtime.write_bytes(b"\xe9" + bytes(600_000))
    assert cli("sign", runtime, "--key", workshop.key, "--version", "1.0.0").code == 0


MISTAKES = [
    ("colour = 3\n", 4, r"unknown key colour in \[app\]"),
    ("\n[tool]\nx = 1\n", 5, r"unknown key \[tool\]"),
    ("\n[size]\n\nlimti = 3\n", 7, r"unknown key limti in \[size\]"),
    ("optimize = 9\n", 4, "optimize is 9, not a number from 0 to 3"),
    ("boards = 'esp32'\n", 4, "boards is not a list of boards"),
    ("boards = ['toaster']\n", 4, "no board is called 'toaster'"),
    ("boards = ['mine/layout.toml']\n", 4, "layout.toml"),
    ("native = 1\n", 4, "native is 1, neither true nor false"),
    ("native = true\n", 4, "native needs `boards`"),
    ("boards = ['esp32', 'esp32c3']\nnative = true\n", 5, r"no code runs on both ophion-esp32 \(xtensawin\)"),
    ("include = [1]\n", 4, "include is not a list of patterns"),
    ("\n[size]\nwarn = '2G'\n", 6, "warn is '2G', not a size"),
    ("\n[size]\nwarn = true\n", 6, "warn is True, not a size"),
    ("\n[size]\nlimit = 0\n", 6, "limit is 0, not a size"),
    ("\n[size]\nlimit = '1K'\nwarn = '2K'\n", 7, "warn 2048 is above limit 1024"),
    ("\n[sources]\nindex = 'ftp://x'\n", 6, "index 'ftp://x' is not an address"),
    ("\n[sources]\nmirror = 'https://x'\n", 6, "unknown key mirror"),
    ("\n[sign]\nmin_runtime = '1.x'\n", 6, "not a version: '1.x'"),
    ("\n[sign]\nsecurity_counter = true\n", 6, "security_counter is True"),
    ("\n[dependencies]\n'a b' = '1'\n", 6, "'a b' is not the name of a package"),
    ("\n[dependencies]\nx = {version = '1'}\n", 6, "x is .*, not a text in quotes"),
]


@pytest.mark.parametrize(("toml", "line", "words"), MISTAKES)
def test_a_mistake_is_named_with_its_line(workshop, toml, line, words):
    folder = workshop.app(GOOD, toml=toml)
    with pytest.raises(BuildError, match=words) as caught:
        load_config(folder)
    assert caught.value.message.startswith(f"{folder / 'ophion.toml'}:{line}: ")
    assert "\n" not in caught.value.message


def test_a_key_outside_of_all_tables(tmp_path):
    (tmp_path / "ophion.toml").write_text('colour = 3\n[app]\nname = "a"\nversion = "1.0.0"\n')
    with pytest.raises(BuildError, match=r"ophion.toml:1: colour is in no table"):
        load_config(tmp_path)


def test_lines_of_keys_and_tables():
    text = 'x = 1\n[a]\nx = 2\n# y = 3\n"q.r" = 4\n[b]\ny = 5\n'
    assert [
        line_of(text, table, key) for table, key in (("", "x"), ("a", "x"), ("a", "q.r"), ("b", "y"))
    ] == [
        1,
        3,
        5,
        7,
    ]
    assert (line_of(text, "a", "y"), line_of(text, "b"), line_of(text, "c", "y")) == (2, 6, 0)


def test_the_application_is_found_from_inside(workshop, monkeypatch, cli):
    folder = workshop.app({**GOOD, "lib/deep/x.txt": "x"})
    for place in (folder, folder / "lib", folder / "lib" / "deep"):
        assert find_app(place).resolve() == folder.resolve()
    monkeypatch.chdir(folder / "lib" / "deep")
    made = cli("build", "--json").json()
    assert made["file"] == str(folder.resolve() / "build" / "app-1.0.0.romfs")
    monkeypatch.chdir(workshop.folder)
    with pytest.raises(BuildError, match=r"no ophion\.toml in .* or above it"):
        find_app(workshop.folder)


def test_only_what_include_names_goes_in(workshop):
    files = {**GOOD, "www/index.html": "<p>", "www/raw/x.psd": "x", "notes.txt": "x", "lib/a.py": "pass\n"}
    folder = workshop.app(files, toml='include = ["*.py", "www/*"]\nexclude = ["*.psd"]\n')
    assert [path for path, _ in build(folder).files] == ["lib/a.mpy", "main.mpy", "www/index.html"]


def test_private_keys_stay_out_unless_they_are_named(workshop):
    key = workshop.key.read_bytes()
    files = {**GOOD, "key.pem": key, "key.pub": workshop.pub.read_bytes(), "tls/client.pem": key}
    for toml, found in (
        ("", "key.pem"),
        ('exclude = ["key.pem"]\n', "tls/client.pem"),
        ('secrets = ["tls/*"]\n', "key.pem"),
    ):
        with pytest.raises(BuildError, match=f"^{found} holds a private key") as caught:
            build(workshop.app(files, toml=toml))
        assert "exclude" in caught.value.hint
    built = build(workshop.app(files, toml='secrets = ["*.pem"]\n'))
    assert [path for path, _ in built.files] == ["key.pem", "key.pub", "main.mpy", "tls/client.pem"]
    guarded = b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
    with pytest.raises(BuildError, match=r"x\.py holds a private key"):
        build(workshop.app({"main.py": "pass\n", "x.py": b"# " + guarded}, name="other"))


def test_sizes_above_the_budget(workshop):
    files = {**GOOD, "blob.bin": bytes(5000)}
    warned = build(workshop.app(files, toml='\n[size]\nwarn = "4K"\nlimit = 9000\n'))
    (warning,) = warned.warnings
    assert re.match(rf"the payload is {len(warned.payload)} bytes, \d+ above warn in \[size\] of ", warning)
    with pytest.raises(BuildError, match=r"bytes, \d+ above limit in \[size\]") as caught:
        build(workshop.app(files, toml="\n[size]\nlimit = 5000\n"))
    assert "ophion size" in caught.value.hint


def test_more_than_the_smallest_slot_of_its_boards(workshop, tmp_path):
    from ophion.build.boards import board_layout

    text = board_layout("sim").read_text()
    small = text.replace("size = 0x080000", "size = 0x002000").replace("size = 0x081000", "size = 0x003000")
    (tmp_path / "small.toml").write_text(small.replace("ophion-sim", "small-one"))
    files = {**GOOD, "blob.bin": bytes(5000)}
    folder = workshop.app(files, toml='boards = ["sim", "../small.toml"]\n')
    assert load_config(folder).max_image_size == 4096
    with pytest.raises(BuildError, match="the slot of small-one takes less than 4064"):
        build(folder)
    assert not (folder / "build").exists()
