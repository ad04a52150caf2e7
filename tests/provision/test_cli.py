"""`ophion provision` as it is called: what it prints, asks, returns."""

import json
import os
import pty
import select
import subprocess
import sys

import pytest

CHIP = "esp32c3"
MAC = "00:00:00:00:00:00"


@pytest.fixture
def call(tmp_path, capsys, boot_keys):
    """call("plan", ...) -> (exit code, lines of stdout, stderr); records lie in tmp_path."""
    from ophion.cli.app import run

    def do(verb, *words, board="esp32c3-secure", key="one"):
        keys = (
            [] if str(board).endswith(".json") else ["--boot-key", str(boot_keys[key][1].with_suffix(".pub"))]
        )
        records = [] if verb == "check" else ["--records", str(tmp_path / "records")]
        capsys.readouterr()
        code = run(["provision", verb, str(board), *keys, *records, *map(str, words)])
        said = capsys.readouterr()
        return code, said.out.splitlines(), said.err

    return do


SURE = ("--yes", "--irreversible")


def test_a_plan_for_a_new_chip(call):
    code, lines, err = call("plan", "--json")
    assert (code, err, len(lines)) == (0, "", 1)
    value = json.loads(lines[0])
    assert value["chip"] == CHIP and value["revision"] == 3
    assert value["steps"][-1] == {
        "row": "DIS_DOWNLOAD_MODE",
        "action": "set",
        "target": "DIS_DOWNLOAD_MODE",
        "says": "DIS_DOWNLOAD_MODE = 1",
        "irreversible": True,
    }
    assert [step["irreversible"] for step in value["steps"]].count(False) == 1
    assert any("No eFuse parts the bootloader" in text for text in value["cannot"])
    code, lines, _ = call("plan", "--download", "secure")
    assert code == 0 and lines[1].split() == ["step", "burned", "what"]
    assert lines[2].startswith("1     for good  ") and "ENABLE_SECURITY_DOWNLOAD = 1" in lines[-1]


def test_from_a_new_chip_to_a_locked_one(call, tmp_path, bench):
    device = bench(CHIP)
    files = []
    for address, data in device.job.files.items():
        (tmp_path / f"{address:x}.bin").write_bytes(data)
        files += ["--flash", f"{address:#x}={tmp_path / f'{address:x}.bin'}"]
    words = ("--virtual", tmp_path / "my-efuse.bin", "--flash-key", "host")
    code, lines, _ = call(
        "apply", *words, *files, *SURE, "--json", "--device-key", "x25519", board=device.toml
    )
    assert code == 0
    said = [json.loads(line) for line in lines]
    assert said[0]["burned"]["row"] == "HMAC_UP"
    assert said[-1]["state"] == "open" and "--close" in said[-1]["next"]
    code, lines, err = call("check", *words, board=device.toml)
    assert code == 7 and "error: not as it should be: DIS_DOWNLOAD_MODE = 1\n" in err
    assert [line for line in lines if line.startswith("MISSING")] == ["MISSING  DIS_DOWNLOAD_MODE = 1"]
    code, lines, _ = call("plan", *words, "--json", board=device.toml)
    assert code == 0 and [step["row"] for step in json.loads(lines[0])["steps"]] == ["DIS_DOWNLOAD_MODE"]
    code, lines, _ = call("apply", *words, *files, *SURE, "--close", board=device.toml)
    assert code == 0 and lines[0] == "burned  DIS_DOWNLOAD_MODE = 1"
    assert lines[-1] == "next    done; nothing reaches the eFuses any more"
    assert any(line.startswith("flash   0x10000 ") and line.endswith("nvs.bin") for line in lines)
    record = tmp_path / "records" / MAC.replace(":", "") / "record.json"
    code, lines, err = call("check", *words[:2], "--json", board=record)
    assert (code, err) == (0, "") and json.loads(lines[0])["good"] is True
    assert {row["holds"] for row in json.loads(lines[0])["rows"]} == {True}


def test_calls_that_make_no_sense(call, tmp_path):
    virtual = ("--virtual", tmp_path / "my-efuse.bin")
    cases = (
        (("apply", *virtual), 2, "there is no terminal to ask at"),
        (("apply", *virtual, "--yes"), 2, "--yes and --irreversible go together"),
        (("apply", *virtual, "--irreversible"), 2, "--yes and --irreversible go together"),
        (("apply", *SURE), 2, "which chip?"),
        (("apply", *virtual, "--port", "x", *SURE), 2, "which chip?"),
        (("check",), 2, "which chip?"),
        (("check", *virtual), 3, "virtual eFuses not found"),
        (("apply", *virtual, *SURE, "--flash", "0"), 2, "'0' is not ADDR=FILE"),
        (("apply", *virtual, *SURE, "--flash", "x=y"), 2, "'x=y' is not ADDR=FILE"),
        (("apply", *virtual, *SURE, "--flash", f"0={tmp_path / 'none'}"), 3, "flash content not found"),
        (("apply", *virtual, *SURE, "--flash-key", "host"), 2, "the bootloader is missing, for address 0x0"),
        (("apply", *virtual, *SURE, "--device-key", "x25519"), 2, "does not encrypt its NVS"),
        (("apply", "--port", tmp_path / "no-port", *SURE), 4, "no chip answers on"),
    )
    for words, expected, reason in cases:
        code, lines, err = call(*words)
        assert (code, lines) == (expected, []) and err.startswith("error: ") and reason in err, words
    assert not (tmp_path / "records").exists()
    code, _, err = call("plan", board="esp32c3")
    assert code == 2 and "board.secure_boot of the board" in err


def test_bad_input_leaves_virtual_efuses_alone(call, tmp_path, boot_keys):
    words = ("apply", "--virtual", tmp_path / "my-efuse.bin", *SURE)
    assert call(*words)[0] == 0
    before = (tmp_path / "my-efuse.bin").read_bytes()
    code, lines, err = call(*words, key="two")
    assert code == 5 and "this device was begun otherwise: digests" in err and lines == []
    (tmp_path / "records" / "000000000000" / "record.json").unlink()
    code, lines, err = call(*words, key="two")
    assert code == 5 and "BLOCK_KEY1 holds another key than the one given" in err
    assert "hint: nothing was burned by this call" in err
    assert (tmp_path / "my-efuse.bin").read_bytes() == before


def test_a_secure_boot_key_in_a_token(token, boot_keys, tmp_path, capsys):
    """Only the public half is asked for; the digest is the one of the key in a file."""
    from ophion.cli.app import run
    from ophion.keys import open_public
    from ophion.provision.job import digest

    token.add(boot_keys["one"][1], "secure-boot", "5b")
    uri = token.uri("object=secure-boot")
    assert digest(open_public(uri)) == digest(boot_keys["one"][0])
    assert run(["provision", "plan", "esp32c3-secure", "--boot-key", uri, "--json"]) == 0
    assert "SECURE_BOOT_DIGEST0" in capsys.readouterr().out


def at_a_terminal(command, answer):
    """Run `command` at a terminal and type `answer` when it asks; (exit code, what was shown)."""
    ours, theirs = pty.openpty()
    child = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, close_fds=True)
    os.close(theirs)
    shown, typed = b"", False
    while True:
        if not select.select([ours], [], [], 60)[0]:
            break
        try:
            data = os.read(ours, 4096)
        except OSError:
            break
        if not data:
            break
        shown += data
        if not typed and b"to burn this for good" in shown:
            os.write(ours, answer.encode() + b"\n")
            typed = True
    code = child.wait(60)
    os.close(ours)
    return code, shown.decode(errors="replace").replace("\r\n", "\n")


@pytest.mark.parametrize(("answer", "code"), [(MAC, 0), ("yes", 1)])
def test_a_person_types_the_mac(answer, code, tmp_path, boot_keys):
    words = ["provision", "apply", "esp32c3-secure", "--virtual", str(tmp_path / "my-efuse.bin")]
    words += [
        "--boot-key",
        str(boot_keys["one"][1].with_suffix(".pub")),
        "--records",
        str(tmp_path / "records"),
    ]
    ended, shown = at_a_terminal([sys.executable, "-m", "ophion.cli", *words], answer)
    assert ended == code, shown
    assert "step  burned    what" in shown and "for good  SECURE_BOOT_EN = 1" in shown
    assert ("not confirmed: nothing was burned" in shown) == (code == 1)
    assert ("burned  SECURE_BOOT_EN = 1" in shown) == (code == 0)
    assert (tmp_path / "records").exists() == (code == 0)


def test_help_needs_no_espressif_tool(tmp_path):
    program = (
        "import sys; from ophion.cli.app import run; code = run(['provision', 'apply', '--help']);"
        "sys.exit(code or any(name in sys.modules for name in ('esptool', 'espefuse', 'cryptography')))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0 and "--irreversible" in done.stdout, done.stderr
