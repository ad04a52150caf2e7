"""The command line's surroundings: configuration, environment, completion, terminals, what is documented."""

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from ophion import errors
from ophion.cli.app import make_app
from ophion.cli.push_many import exit_code

ROOT = Path(__file__).parents[2]
CLI = (ROOT / "host/docs/reference/using.md").read_text()
OPHION = str(Path(sys.executable).with_name("ophion"))


@pytest.fixture
def config(tmp_path, monkeypatch):
    """Write a configuration file: config(text, place) where place is "user" or "project"."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    places = {"user": tmp_path / "xdg/ophion/config.toml", "project": tmp_path / ".ophion/config.toml"}

    def write(text, place="user"):
        places[place].parent.mkdir(parents=True, exist_ok=True)
        places[place].write_text(text)
        return places[place]

    return write


def who(cli, *words):
    """Whom `ophion device info` would talk to: no simulator runs in any of these folders."""
    outcome = cli(
        *words[: words.index("device")] if "device" in words else (), "device", "info", *rest(words)
    )
    assert outcome.code == 2, outcome.err
    return re.search(r"no simulator runs in (\w+)", outcome.err).group(1)


def rest(words):
    return words[words.index("device") + 1 :] if "device" in words else words


def test_the_command_line_beats_the_environment_beats_the_profile(cli, config, monkeypatch):
    config('default = "desk"\n[profile.desk]\nsim = "file"\n[profile.lab]\nsim = ["lab"]\n')
    assert who(cli) == "file"
    assert who(cli, "--profile", "lab") == "lab"
    assert who(cli, "--profile", "lab", "device") == "lab"
    monkeypatch.setenv("OPHION_PROFILE", "lab")
    assert who(cli) == "lab"
    assert who(cli, "--profile", "desk", "device") == "file"
    assert who(cli, "--profile", "desk") == "file"
    monkeypatch.setenv("OPHION_DEVICE", "sim:environment")
    assert who(cli) == "environment", "another option for a device, and stronger"
    assert who(cli, "--sim", "words") == "words"


def test_a_project_beats_the_user_and_one_file_can_stand_for_both(cli, config, monkeypatch, tmp_path):
    config('default = "a"\n[profile.a]\nsim = "mine"\ntimeout = 1\n[profile.b]\nsim = "other"\n')
    assert who(cli) == "mine"
    config('default = "b"\n', "project")
    assert who(cli) == "other"
    config('[profile.a]\nsim = "ours"\n', "project")
    assert who(cli) == "ours"
    (tmp_path / "one.toml").write_text('default = "c"\n[profile.c]\nsim = "only"\n')
    monkeypatch.setenv("OPHION_CONFIG", str(tmp_path / "one.toml"))
    assert who(cli) == "only"
    monkeypatch.setenv("OPHION_CONFIG", str(tmp_path / "two.toml"))
    missing = cli("device", "info")
    assert missing.code == 3 and "two.toml" in missing.err and "OPHION_CONFIG" in missing.err


def test_a_profile_has_tables_for_single_verbs(cli, config, workshop):
    (workshop.folder / "p.romfs").write_bytes(b"payload")
    config(f'default = "x"\n[profile.x.sign]\nkey = "{workshop.key}"\nversion = "4.5.6"\n')
    assert cli("sign", workshop.folder / "p.romfs", "--version", "1.2.3", "--json").code == 3, (
        "version is not"
    )
    config(f'default = "x"\n[profile.x.sign]\nkey = "{workshop.key}"\nhardware = ["a", "b"]\n')
    signed = cli("sign", workshop.folder / "p.romfs", "--version", "1.2.3", "--json")
    assert signed.json()["version"] == "1.2.3"


WRONG = [
    ("device = 1", "device is not known"),
    ("[profile.x", "is not readable TOML"),
    ('[profile]\nx = "y"', "profile is not known"),
    ('default = "x"\n[profile.x]\nretries = 2', "retries is not an option of all verbs"),
    ('default = "x"\n[profile.x.psuh]\nretries = 2', "[profile.x.psuh]: there is no such verb"),
    ('default = "x"\n[profile.x.push]\nretires = 2', "[profile.x.push]: there is no option --retires"),
    ('default = "x"\n[profile.x.device.list]\njson = true', "[profile.x.device.list]: there is no option"),
]


@pytest.mark.parametrize(("text", "words"), WRONG)
def test_a_wrong_configuration_is_named(cli, config, text, words):
    path = config(text)
    outcome = cli("device", "info", "--sim", "x")
    assert outcome.code == 3 and words in outcome.err
    assert outcome.err.count("\n") == 2 and "\nhint: " in outcome.err
    assert str(path) in outcome.err or "[profile.x" in outcome.err or "profile x" in outcome.err


def test_a_value_of_a_profile_is_checked_like_a_word(cli, config):
    config('default = "x"\n[profile.x]\ntimeout = "soon"\n')
    outcome = cli("device", "info", "--sim", "x")
    assert outcome.code == 2 and "--timeout" in outcome.err and "soon" in outcome.err


def complete(folder, *words):
    """What bash is offered for the last of `words`."""
    environment = {
        **os.environ,
        "_OPHION_COMPLETE": "complete_bash",
        "COMP_WORDS": " ".join(["ophion", *words]),
        "COMP_CWORD": str(len(words)),
        "XDG_CACHE_HOME": str(folder / "cache"),  # without the devices that other tests have met
    }
    done = subprocess.run([OPHION], cwd=folder, env=environment, capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    return done.stdout.split()


def test_the_shell_completes_verbs_options_and_values(tmp_path, config):
    assert "images" in complete(tmp_path, "device", "im")
    assert "--watch" in complete(tmp_path, "push", "--wa")
    config('[profile.lab]\nble = "lamp-1"\nudp = ["10.0.0.7"]\n')
    (tmp_path / "porch").mkdir()
    (tmp_path / "porch" / "sim.json").write_text("{}")
    assert complete(tmp_path, "push", "--ble", "") == ["lamp-1", "udp:10.0.0.7", "sim:porch"]
    assert complete(tmp_path, "device", "info", "--profile", "l") == ["lab"]
    assert {"esp32c3", "esp32c3-secure"} <= set(complete(tmp_path, "board", "show", "esp32c"))
    (tmp_path / "release.pem").touch()
    (tmp_path / "notes.txt").touch()
    for verb in (["push", "x", "--key"], ["sign", "x", "--key"], ["keys", "show"]):
        assert complete(tmp_path, *verb, "re") == ["release.pem"], verb
    assert complete(tmp_path, "device", "settings", "n") == ["name"]
    assert complete(tmp_path, "push", "--radio", "") == ["os", "sim", "sim:porch", "bumble:"]


def in_a_terminal(*words, until=b"", program=OPHION, **environment):
    """Run `program` on a terminal; return what it wrote there, up to `until`."""
    ours, theirs = pty.openpty()
    names = {"TERM": "xterm-256color", "COLUMNS": "100", **environment}
    process = subprocess.Popen([program, *words], stdout=theirs, stderr=theirs, env={**os.environ, **names})
    os.close(theirs)
    seen = b""
    try:
        while not until or until not in seen:
            part = os.read(ours, 4096)
            if not part:
                break
            seen += part
    except OSError:  # the end of a terminal, on Linux
        pass
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    return seen


@pytest.mark.parametrize("columns", [60, 80])
def test_pictures_fit_the_terminal(workshop, tmp_path, columns):
    image = tmp_path / "a.bin"
    image.write_bytes(workshop.image({"main.py": "x = 1\n", "www/a_page.html": "<p>" * 900}).data)
    for verb in ("inspect", "size"):
        shown = in_a_terminal(verb, image, COLUMNS=str(columns)).decode().splitlines()
        table = [line for line in shown if re.match(r"0x|header|main|www|\(names|TLVs", line)]
        assert len(table) > 4 and any("####" in line for line in table)
        assert max(map(len, table)) <= columns, shown


def test_slots_fit_the_terminal():
    state = dict.fromkeys(("active", "confirmed", "pending", "permanent"), True)
    image = {"slot": 0, "image": 0, "version": "1.2.3", "hash": "ab" * 32, **state}
    code = f"from ophion.cli.draw import slots; print(slots([{image}]))"
    for columns, widest in ((60, 60), (200, 78)):
        shown = in_a_terminal("-c", code, program=sys.executable, COLUMNS=str(columns)).decode().splitlines()
        frame = [line for line in shown if line[:1] in "+|"]
        assert len(frame) > 5 and {len(line) for line in frame} == {widest}, shown
        assert "1.2.3" in shown[1] and "abab" in shown[2]


def test_the_list_of_verbs_is_not_cut():
    """At 80 columns each verb has its whole summary."""
    root = typer.main.get_command(make_app())
    groups = [(root, root.make_context("ophion", [], resilient_parsing=True))]
    seen = 0
    for command, context in groups:
        context.terminal_width = 80
        shown = command.get_help(context)
        assert "Commands:" in shown
        verbs = shown.split("Commands:\n")[1].split("\n\n")[0].splitlines()
        assert [line for line in verbs if line.endswith("...")] == []
        seen += len(verbs)
        for name, below in command.commands.items():
            if hasattr(below, "commands"):
                inner = below.make_context(name, [], parent=context, resilient_parsing=True)
                groups.append((below, inner))
    assert seen > 40


def test_colours_are_for_terminals_that_want_them():
    first = b"Keys, and an application in five versions"
    bold = in_a_terminal("demo", until=first)
    assert first in bold and b"\x1b[" in bold
    plain = in_a_terminal("demo", until=first, NO_COLOR="1")
    assert first in plain and b"\x1b[" not in plain
    piped = subprocess.Popen([OPHION, "demo"], stdout=subprocess.PIPE, text=True)
    try:
        assert piped.stdout.readline() == "\n"
        assert piped.stdout.readline().startswith("== Keys, and")
    finally:
        piped.kill()
        piped.communicate()


def commands(command, path=()):
    """Every verb with its path; what is hidden is an older name."""
    for name, below in getattr(command, "commands", {}).items():
        if hasattr(below, "commands"):
            yield from commands(below, (*path, name))
        elif not below.hidden:
            yield " ".join((*path, name)), below


VERBS = dict(commands(typer.main.get_command(make_app())))


def test_every_verb_speaks_json_and_says_what_its_options_are():
    assert len(VERBS) > 30
    for name, verb in VERBS.items():
        assert "--json" in [option for parameter in verb.params for option in parameter.opts], name
        assert verb.help, name
        for parameter in verb.params:
            long = [option for option in parameter.opts if option.startswith("--")]
            assert long == [option.lower() for option in long], name
            text = parameter.help or ""
            assert re.search(r"[.)]$", text), f"{name}: {parameter.name}: {text!r}"


def section(title):
    return CLI.split(f"## {title}\n")[1].split("\n## ")[0]


def keys_by_verb():
    rows = re.findall(r"^\| `([a-z -]+)` \| (.+?) \|$", section("JSON"), re.M)
    assert len(rows) == len(dict(rows)), "each verb has one row"
    return {name: re.findall(r"`(\w+)`", text) for name, text in rows}


def test_the_keys_of_each_verb_s_json_are_documented():
    rows = keys_by_verb()
    assert set(rows) == set(VERBS), set(rows) ^ set(VERBS)
    assert all(rows.values())


def test_what_is_documented_is_what_is_printed(cli, workshop, tmp_path):
    """The verbs that need no device; tests/e2e/test_cli_devices.py has the others."""
    (tmp_path / "x25519.pem").unlink(missing_ok=True)
    key, pub, chain = tmp_path / "key.pem", tmp_path / "key.pub", tmp_path / "roots.chain"
    image, newer = tmp_path / "a.bin", tmp_path / "b.bin"
    image.write_bytes(workshop.image().data)
    newer.write_bytes(workshop.image({"main.py": "print('more')\n"}, version="1.1.0").data)
    app = tmp_path / "beat"
    calls = {
        "new app": (app,),
        "new board": (tmp_path / "porch",),
        "build": (app,),
        "sign": (app / "build" / "beat-1.0.0.romfs", "--key", key),
        "inspect": (image,),
        "size": (image,),
        "diff": (image, image),
        "verify": (image, "--key", pub),
        "delta": (image, newer),
        "keys new": (tmp_path / "more.pem",),
        "keys show": (pub,),
        "keys public": (key,),
        "keys chain roots": (pub, "--by", key, "--out", chain),
        "keys chain show": (chain,),
        "board show": ("esp32c3",),
        "board files": ("esp32c3", "--out", tmp_path / "files", "--key", pub),
        "runtime": ("--version", "1.0.0", "--key", pub, "--out", tmp_path / "runtime"),
    }
    documented = keys_by_verb()
    for name, words in calls.items():
        value = cli(*name.split(), *words, "--json").json()
        assert set(documented[name]) <= set(value), name


def test_the_exit_codes_are_those_of_the_errors(cli):
    rows = dict(re.findall(r"^\| (\d+) \| (.+) \|$", section("Exit codes"), re.M))
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    assert {int(code) for code in rows} == {kind.exit_code for kind in kinds} | {0, errors.EXIT_INTERRUPTED}
    for code in rows:
        assert re.search(rf" {code}\s", cli("--help").out.split("Exit codes:")[1]), code


def test_the_exit_code_of_many_is_what_their_failures_have_in_common():
    refused, lost = errors.RefusedError("no"), errors.LinkLost("gone")
    assert exit_code([None, None]) == 0
    assert exit_code([None, refused, errors.RevertedError("back")]) == 5
    assert exit_code([refused, lost]) == 1


def test_the_variables_and_files_of_the_document_are_those_of_the_code():
    code = "".join(path.read_text() for path in (ROOT / "host" / "ophion").rglob("*.py"))
    used = set(re.findall(r'"(OPHION_[A-Z0-9_]+)"', code))
    assert set(re.findall(r"`(OPHION_[A-Z0-9_]+)`", section("Environment"))) == used


def test_the_configuration_of_the_document_is_one(cli, config):
    text = section("Configuration").split("```toml\n")[1].split("```")[0]
    config(text)
    outcome = cli("device", "info", "--sim", "nowhere")
    assert outcome.code == 2 and "no simulator runs in nowhere" in outcome.err, outcome.err
    assert json.loads(json.dumps(text)) == text
