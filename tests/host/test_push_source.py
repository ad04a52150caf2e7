"""What a push sends when it is given a folder, and how it learns that a file was saved."""

import asyncio
import os

import pytest
from ophion.build import changes
from ophion.cli.push_source import source_of
from ophion.errors import KeyFileError, UsageError
from ophion.keys import generate
from ophion.package import verify_image


def test_a_folder_is_built_and_signed_as_its_ophion_toml_says(workshop):
    toml = f'[sign]\nkey = "{workshop.key}"\nhardware = ["lamp"]\nsecurity_counter = "auto"\n'
    app = workshop.app({"main.py": "print('hi')\n"}, version="1.2.3", toml=toml)
    (image,), warnings = source_of([app], None, None, False).images()
    assert image.version_text == "1.2.3" and warnings == ()
    verify_image(image, [workshop.public], hardware="lamp")
    (main,) = (file.path for file in image.files())
    assert main == "main.mpy"


def test_a_key_of_the_command_line_is_stronger(workshop, tmp_path):
    other = generate(tmp_path / "other.pem")
    app = workshop.app({"main.py": ""}, toml=f'[sign]\nkey = "{workshop.key}"\n')
    (image,), _ = source_of([app], str(tmp_path / "other.pem"), None, False).images()
    assert image.keyhash == other.keyhash


def test_a_build_s_warnings_are_passed_on(workshop):
    app = workshop.app({"main.py": "", "big.bin": os.urandom(5000)}, toml='[size]\nwarn = "1K"\n')
    _, warnings = source_of([app], str(workshop.key), None, False).images()
    assert len(warnings) == 1 and "bytes" in warnings[0]


def test_the_application_here_is_meant_when_nothing_is_named(workshop, cli, monkeypatch):
    app = workshop.app({"main.py": ""}, toml=f'[sign]\nkey = "{workshop.key}"\n')
    monkeypatch.chdir(app)
    with pytest.raises(UsageError, match=r"there is no .* yet"):
        source_of([], None, None, False)
    assert source_of([], None, None, True).folder.resolve() == app.resolve()
    assert cli("build").code == cli("sign").code == 0
    (image,), _ = source_of([], None, None, False).images()
    assert image.version_text == "1.0.0"


def test_words_that_do_not_fit_together(workshop, tmp_path):
    app = workshop.app({"main.py": ""})
    file = tmp_path / "i.bin"
    file.write_bytes(b"")
    for paths, key, watch, words in (
        ([app, file], "k", False, "it is pushed alone"),
        ([app], None, False, "no key is named"),
        ([file], "k", False, "only files"),
        ([file], None, True, "wants an application's folder"),
    ):
        with pytest.raises(UsageError, match=words):
            source_of(paths, key, None, watch)
    with pytest.raises(KeyFileError):
        source_of([app], str(workshop.pub), None, False)


async def next_of(saves):
    return await asyncio.wait_for(anext(saves), 30)


async def test_changes_are_told_once_they_rest(tmp_path):
    (tmp_path / "lib").mkdir()
    (tmp_path / "main.py").write_text("1")
    saves = changes(tmp_path, look_s=0.02)
    waiting = asyncio.ensure_future(next_of(saves))
    await asyncio.sleep(0.05)
    for ignored in ("build", ".git"):
        (tmp_path / ignored).mkdir()
        (tmp_path / ignored / "x").write_text("x")
    (tmp_path / "ophion.lock").write_text("x")
    (tmp_path / "device").mkdir()
    for name in ("flash.bin", "sim.json", "console.log"):
        (tmp_path / "device" / name).write_text("x")
    await asyncio.sleep(0.2)
    assert not waiting.done(), "nothing of that is the application's"
    (tmp_path / "lib" / "new.py").write_text("2")
    assert await waiting == ["lib/new.py"]
    (tmp_path / "main.py").write_text("22")
    assert await next_of(saves) == ["main.py"]
    (tmp_path / "main.py").unlink()
    assert await next_of(saves) == ["main.py"]
    (tmp_path / "lib" / "new.py").rename(tmp_path / "lib" / "other.py")
    assert await next_of(saves) == ["lib/new.py", "lib/other.py"]
    await saves.aclose()
