"""Linked firmware, with short names and packed texts, does what its modules do, on a simulated chip."""

import pytest
from ophion.build.frozen import frozen_files, linked
from ophion.build.layout import load_layout
from ophion.build.names import readable
from ophion.errors import RefusedError, RevertedError
from ophion.package import load_image
from ophion.push import Confirmed, Link
from pushing import NAME, push_all

BOARD = "esp32s3"
HEAP = "32M"
CRASHES = "print('crashes now')\nraise ValueError('on purpose')\n"
# What firmware for 64 bits cannot import: the simulator's MicroPython takes the other choice.
VIPER = ("quick_viper", "lines_viper", "sha512_viper", "edwards_vm", "field_25519", "word32")


def firmware(bench, board=BOARD):
    """The linked firmware of `board`, for the simulator."""
    layout = load_layout(bench.calm(board))
    modules = frozen_files(layout, NAME, [bench.public.raw], simulated=True)
    kept = {
        path: data for path, data in modules.items() if not path.endswith(tuple(f"/{n}.py" for n in VIPER))
    }
    assert len(kept) < len(modules)
    return linked(kept)


def files(made):
    """What of it takes the place of the modules."""
    found = {path: data for path, data in made.files.items() if path.startswith("ophion_boot/")}
    assert sorted(found) == [f"ophion_boot/{name}.py" for name in ("__init__", "main", "service")]
    return found


async def test_updates_are_installed_and_go_back_and_tampered_ones_are_refused(bench):
    old, new = bench.image("1.0.0"), bench.image("1.1.0", asset=9000)
    made = firmware(bench)
    async with bench.device(old.image, board=BOARD, heap=HEAP, files=files(made)) as sim:
        await sim.wait_console("ophion: 1.0.0 runs")
        assert isinstance((await push_all(new))[-1], Confirmed)
        data = bytearray(bench.image("1.2.0").image)
        data[200] ^= 1
        path = bench.directory / "tampered.bin"
        path.write_bytes(data)
        with pytest.raises(RefusedError):
            await push_all(load_image(path))
        with pytest.raises(RevertedError):
            await push_all(bench.image("1.3.0", CRASHES))
        await sim.wait_console("ophion: 1.1.0 runs")
        async with Link(NAME) as link:
            log = await link.log()
        found = [entry.event for entry in log]
        assert found[:3] == ["installed", "confirmed", "refused"] and found[-2:] == ["crashed", "reverted"]
        assert log[-2].reason == "ValueError: on purpose"


async def test_a_traceback_of_the_device_is_made_readable(bench):
    """A service on a device without a strategy ends in functions that have short names."""
    odd = "from ophion_boot import main\nmain.device.boot = None\nmain.device.server()\n"
    made = firmware(bench)
    image = bench.image("1.0.0", odd)
    async with bench.device(image.image, board=BOARD, heap=HEAP, files=files(made)) as sim:
        await sim.wait_console("AttributeError: 'NoneType' object has no attribute")
        text = "\n".join(sim.console)
    assert "ophion_boot.service." not in text
    assert "ophion_boot.service._components" in readable(text, made.names)
