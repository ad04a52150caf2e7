"""A chip on a serial line: real esptool and espefuse talk to a ROM over TCP, as they would to a chip's."""

import importlib.util
import json
from pathlib import Path

import pytest
from ophion.errors import DeviceNotFound
from ophion.provision import State, apply, check, open_port

SPEC = importlib.util.spec_from_file_location("rom", Path(__file__).with_name("rom.py"))
rom = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(rom)


@pytest.fixture
def on_a_line():
    """on_a_line(device) -> Rom, its chip switched on."""
    lines = []

    def start(device):
        lines.append(rom.Rom(device.chip, device.commands().esp))
        return lines[-1]

    yield start
    for line in lines:
        line.stop()


def provision(device, port, close):
    chip, record = open_port(port), device.record()
    try:
        return list(apply(chip, record, device.makers(record), close=close))
    finally:
        chip.close()


def test_an_esp32_over_a_line(bench, on_a_line):
    device, virtual = bench("esp32"), bench("esp32", "virtual")
    line = on_a_line(device)
    steps = provision(device, line.port, close=True)
    virtual.run()
    assert line.commands > 500 and steps[-1].row == "UART_DOWNLOAD_DIS"
    assert device.bits() == virtual.bits()


def test_an_esp32c3_over_a_line_until_it_tells_no_more(bench, on_a_line):
    device = bench("esp32c3", download="secure")
    line = on_a_line(device)
    assert provision(device, line.port, close=False)[-1].row == "SPI_BOOT_CRYPT_CNT"
    assert device.record().state == "open"
    steps = provision(device, line.port, close=True)
    assert [step.row for step in steps] == ["ENABLE_SECURITY_DOWNLOAD"] and device.record().state == "closed"
    state = open_port(line.port)
    assert isinstance(state, State) and not state.whole
    report = check(device.wishes, state)
    assert report.good and report.unseen
    assert check(device.wishes, device.open().state()).unseen == []


def test_the_command_over_a_line(bench, on_a_line, capsys, boot_keys, tmp_path):
    from ophion.cli.app import run

    device = bench("esp32c3", flash_key="chip")
    line = on_a_line(device)
    words = [
        "provision",
        "apply",
        str(device.toml),
        "--port",
        line.port,
        "--records",
        str(tmp_path / "records"),
    ]
    words += ["--boot-key", str(boot_keys["one"][1].with_suffix(".pub")), "--yes", "--irreversible", "--json"]
    assert run(words) == 0
    said = [json.loads(text) for text in capsys.readouterr().out.splitlines()]
    assert said[-1]["state"] == "first start" and len(said) > 10
    assert run([*words[:1], "plan", *words[2:-3], "--json"]) == 0
    left = json.loads(capsys.readouterr().out)["steps"]
    assert left[0]["action"] == "first start" and left[0]["irreversible"] is False


def test_the_wrong_chip_on_a_line(bench, on_a_line, capsys, boot_keys, tmp_path):
    from ophion.cli.app import run

    device = bench("esp32c3")
    line = on_a_line(device)
    other = bench("esp32c6", "other")
    words = [
        "provision",
        "apply",
        str(other.toml),
        "--port",
        line.port,
        "--records",
        str(tmp_path / "records"),
    ]
    words += ["--boot-key", str(boot_keys["one"][1].with_suffix(".pub")), "--yes", "--irreversible"]
    assert run(words) == 5
    assert "it is an esp32c3, and the board has an esp32c6" in capsys.readouterr().err
    assert not (tmp_path / "records").exists()


def test_nobody_on_the_line():
    with pytest.raises(DeviceNotFound, match="no chip answers on socket:"):
        open_port("socket://127.0.0.1:9")


def test_the_last_step_of_a_chip_that_falls_silent(bench, on_a_line):
    """The default: espefuse cannot read back what it burned, since nobody answers any more."""
    device = bench("esp32c3")
    device.run(close=False)
    line = on_a_line(device)
    steps = provision(device, line.port, close=True)
    assert [step.row for step in steps] == ["DIS_DOWNLOAD_MODE"] and line.dumb
    assert device.record().state == "closed"
    assert check(device.wishes, device.open().state()).good
