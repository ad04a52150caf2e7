"""The rig is a tool, not a part of the product: its folder is added here, and the firmware is built."""

import contextlib
import sys
from pathlib import Path

import pytest
from ophion.build.romfs import pack_romfs
from ophion.keys import open_signer
from ophion.sign import sign
from ophion.versions import parse_version

HERE = Path(__file__).parent
KEY = HERE.parent / "vectors" / "mcuboot" / "key-ed25519.pem"
sys.path.append(str(HERE.parents[1] / "tools"))

# The first test waits for the build when `make qemu` did not run before: apt, a compiler, 400 files.
_FIRST_TEST_S = 600


def pytest_collection_modifyitems(items):
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.timeout(_FIRST_TEST_S))


@pytest.fixture(scope="session")
def firmware():
    from qemu import build

    return build.firmware()


class Bench:
    """Signed images, and devices of the board `qemu` in the test's own directory."""

    def __init__(self, directory, firmware, signer):
        self.directory = directory
        self.firmware = firmware
        self._signer = signer

    def image(self, version, program, asset=0, flip=None):
        """The signed image of `program` (main.py), with `asset` bytes; one bit of byte `flip` changed."""
        files = {"main.py": program.encode(), "asset.bin": bytes(i * 7 & 255 for i in range(asset))}
        data = bytearray(sign(pack_romfs(files), parse_version(version), self._signer))
        if flip is not None:
            data[flip] ^= 1
        return bytes(data)

    @contextlib.contextmanager
    def device(self, image=b""):
        """A device, switched off; on a failure its console is in the report."""
        from qemu.device import Device

        with Device(self.directory, self.firmware, image) as device:
            try:
                yield device
            finally:
                print(device.console)


@pytest.fixture(scope="session")
def signer():
    return open_signer(f"file:{KEY}", allow_sample=True)


@pytest.fixture(scope="session")
def boot_firmware(firmware, signer):
    from qemu import device

    return device.firmware([signer.public.raw])


@pytest.fixture
def bench(tmp_path, boot_firmware, signer):
    return Bench(tmp_path, boot_firmware, signer)
