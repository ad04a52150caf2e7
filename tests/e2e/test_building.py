"""From a folder with dependencies to a device that runs it, and what the page about building says."""

import asyncio
import re
import sys
from pathlib import Path

from ophion.build import build, load_config
from ophion.build.config import _KEYS
from ophion.keys import open_signer
from ophion.sign import sign

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "host" / "docs" / "howto" / "build.md").read_text()
NAME = "e2e-device"
BIN = Path(sys.executable).parent
PROGRAM = """
import sensor
print("sensor reads", sensor.read())
with open("/app/lib/sensor/scale.txt") as f:
    print("scale", f.read().strip())
"""


def application(bench, version, toml):
    """The scaffold in a folder of its own, with PROGRAM before it."""
    from ophion.build import new_app

    folder = bench.directory / f"app-{version}"
    new_app(folder, "e2e")
    config = folder / "ophion.toml"
    config.write_text(config.read_text().replace("1.0.0", version) + toml)
    main = folder / "main.py"
    main.write_text(PROGRAM + main.read_text())
    return folder


async def test_a_dependency_comes_along_to_the_device(bench, web):
    files = {"sensor/__init__.py": b"from .scale import half\n\ndef read():\n    return half(43)\n"}
    files["sensor/scale.py"] = b"def half(value):\n    return value / 2\n"
    files["sensor/scale.txt"] = b"celsius\n"
    web.package("sensor", "0.3.1", files)
    toml = f'\n[dependencies]\nsensor = "0.3.1"\n[sources]\nindex = "{web.url}"\n[sign]\nkey = "../key.pem"\n'
    folder = application(bench, "1.1.0", toml)
    for words in (("build", folder), ("build", folder, "--locked", "--offline")):
        code, output = bench.run(BIN / "ophion", *words)
        assert code == 0, output
    code, output = bench.run(BIN / "ophion", "sign", folder / "build" / "e2e-1.1.0.romfs")
    assert code == 0, output
    async with bench.device(bench.image("1.0.0").image) as sim:
        words = ("push", "--ble", NAME, "--radio", f"bumble:{sim.transport}", "--json")
        process = await asyncio.create_subprocess_exec(
            BIN / "ophion", *words, cwd=folder, stdout=asyncio.subprocess.PIPE
        )
        printed = (await process.communicate())[0].decode()
        assert process.returncode == 0 and '"version": "1.1.0"' in printed.splitlines()[-1], printed
        await sim.wait_console("sensor reads 21.5")
        await sim.wait_console("scale celsius")


async def test_names_that_are_taken_are_taken_on_the_device(bench):
    folder = bench.directory / "taken"
    program = (
        "import ophion_boot\nprint('ophion_boot is mine:', hasattr(ophion_boot, 'MINE'))\n"
        "try:\n    import ophion_app\nexcept Exception as e:\n    print('ophion_app fails', type(e))\n"
    )
    files = {
        "ophion.toml": '[app]\nname = "taken"\nversion = "1.0.0"\nboards = ["sim"]\n',
        "main.py": program,
        "ophion_boot.py": "MINE = 1\n",
        "lib/asyncio.py": "print('asyncio is mine')\n",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    built = build(folder)
    assert built.warnings == (
        "lib/asyncio hides the frozen module of that name, also from the update service",
        "ophion_boot is never imported: the bootloader has loaded its own",
    )
    image = sign(built.payload, built.config.version, open_signer(f"file:{bench.key}"))
    async with bench.device(image) as sim:
        await sim.wait_console("ophion_boot is mine: False")
        await sim.wait_console("asyncio is mine")


def test_the_example_of_the_document_is_a_good_one_and_names_every_key(tmp_path):
    text = DOCUMENT.split("```toml\n")[1].split("```")[0]
    (tmp_path / "ophion.toml").write_text(text)
    assert load_config(tmp_path).budget.limit == 300 * 1024
    rows = dict(re.findall(r"^\| `\[(\w+)\]` \| (.+) \|$", DOCUMENT, re.M))
    assert set(rows) == {*_KEYS, "dependencies"}
    for table, keys in _KEYS.items():
        assert set(re.findall(r"`(\w+)`", rows[table].split(":")[0])) == keys


def test_the_document_names_every_option_of_building():
    source = (ROOT / "host" / "ophion" / "cli" / "build_verb.py").read_text()
    options = set(re.findall(r'"(--[a-z]+)"', source)) - {"--out"}
    assert options == {"--locked", "--update", "--offline", "--strict"}
    for option in options:
        assert option in DOCUMENT
