"""Runtime images: what ESP-IDF's own tool says of them, and `ophion runtime`."""

import json
import random
import subprocess
import sys

import pytest
from ophion.build.boards import board_layout
from ophion.build.espimage import app_image
from ophion.build.layout import LayoutError, load_layout
from ophion.keys import generate
from ophion.package.romfs import list_romfs


def esptool(path):
    command = [sys.executable, "-m", "esptool", "--chip", "esp32c3", "image-info", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return done.stdout + done.stderr


@pytest.mark.parametrize("sizes", [[1], [15, 16], [4096, 3, 70000], [5] * 16])
def test_esptool_reads_an_app_image(tmp_path, sizes):
    contents = [random.Random(size).randbytes(size) for size in sizes]
    path = tmp_path / "app.bin"
    path.write_bytes(app_image([(0x3C000020 + 0x10000 * n, data) for n, data in enumerate(contents)]))
    said = esptool(path)
    assert "Checksum" in said and said.count("(valid)") == 2, said
    assert f"Segments: {len(sizes)}" in said and "Chip ID: 5 (ESP32-C3)" in said
    assert path.stat().st_size % 32 == 0


def test_esptool_sees_a_changed_byte(tmp_path):
    data = bytearray(app_image([(0x3C000020, bytes(100))]))
    data[60] ^= 1
    path = tmp_path / "app.bin"
    path.write_bytes(data)
    assert "(valid)" not in esptool(path)


def test_the_verb_makes_an_image_that_can_be_signed_and_inspected(tmp_path, cli):
    generate(tmp_path / "key.pem")
    runtime, image = tmp_path / "rt.bin", tmp_path / "rt.signed.bin"
    made = cli("runtime", "--version", "2.0.0", "-k", tmp_path / "key.pub", "-o", runtime, "--json")
    assert json.loads(made.out)["size"] == runtime.stat().st_size
    assert esptool(runtime).count("(valid)") == 2
    payload = runtime.read_bytes()
    names = {file.path for file in list_romfs(payload[payload.index(b"\xd2\xcd\x31") :])}
    assert {"_boot.py", "main.py", "ophion_layout.py", "ophion_boot/core/release.py"} <= names
    assert cli("sign", runtime, "--version", "2.0.0", "--key", tmp_path / "key.pem", "-o", image).code == 0
    assert "2.0.0" in cli("inspect", image).out


def test_the_verb_refuses_a_board_without_app_partitions(tmp_path, cli):
    generate(tmp_path / "key.pem")
    out = tmp_path / "rt.bin"
    done = cli("runtime", "--version", "2.0.0", "-k", tmp_path / "key.pub", "-o", out, "--board", "sim")
    assert done.code == 2 and "ophion-sim has no app partitions" in done.err
    assert not out.exists()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("otadata   =", "other     =", "areas.otadata is missing (areas.ota_0 is there)"),
        (
            "offset = 0x002000, size = 0x002000",
            "offset = 0x002000, size = 0x001000",
            "areas.otadata is not two",
        ),
        ("offset = 0x240000, size = 0x0c0000", "offset = 0x240000, size = 0x040000", "are not of one size"),
    ],
)
def test_layouts_that_cannot_hold_a_runtime(tmp_path, old, new, said):
    text = board_layout("sim-runtime").read_text()
    assert old in text
    path = tmp_path / "layout.toml"
    path.write_text(text.replace(old, new))
    with pytest.raises(LayoutError) as caught:
        load_layout(path)
    assert said in str(caught.value)
