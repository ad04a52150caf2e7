"""What all tests share: paths, tests that are `async def`, a PKCS#11 token, real firmware."""

import asyncio
import importlib.util
import inspect
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
os.environ["OPHION_ROOT"] = str(ROOT)
for folder in (ROOT / "tests" / "shared", ROOT / "host" / "ophion" / "sim" / "device"):
    # Appended: the simulator's stand-ins (time.py, select.py) must not hide the standard library.
    sys.path.append(str(folder))


async def _run_and_check(function, arguments):
    before = asyncio.all_tasks()
    await function(**arguments)
    for _ in range(3):
        await asyncio.sleep(0)
    left = asyncio.all_tasks() - before
    assert not left, f"tasks left behind: {left}"


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    """Run an `async def` test in an event loop of its own; it must leave no task behind."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = pyfuncitem._fixtureinfo.argnames
    asyncio.run(_run_and_check(pyfuncitem.obj, {name: pyfuncitem.funcargs[name] for name in names}))
    return True


class Token:
    """A SoftHSM token (a real PKCS#11 library) with a PIN, in a folder of its own."""

    PIN = "2468"
    MODULES = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/pkcs11/libsofthsm2.so")

    def __init__(self, folder, label="ophion-tests"):
        self.folder = folder
        self.label = label
        self.module = next((path for path in self.MODULES if Path(path).exists()), "")
        if not self.module or not shutil.which("softhsm2-util"):
            pytest.fail("no SoftHSM here: apt-get install softhsm2, or `make setup` as root")
        (folder / "tokens").mkdir()
        (folder / "softhsm2.conf").write_text(f"directories.tokendir = {folder / 'tokens'}\n")
        os.environ["SOFTHSM2_CONF"] = str(folder / "softhsm2.conf")
        self.util("--init-token", "--free", "--label", label, "--so-pin", "9753", "--pin", self.PIN)

    def util(self, *words):
        """Run softhsm2-util."""
        done = subprocess.run(["softhsm2-util", *map(str, words)], capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, done.stdout + done.stderr

    def add(self, pem, label, key_id):
        """Import the private key file `pem` (no passphrase) with its public half."""
        words = ("--token", self.label, "--pin", self.PIN, "--label", label, "--id", key_id)
        self.util("--import", pem, *words)

    def session(self):
        """A session of python-pkcs11 that may write, to be used as a context."""
        import pkcs11

        return pkcs11.lib(self.module).get_token(token_label=self.label).open(rw=True, user_pin=self.PIN)

    def uri(self, key, pin=f"&pin-value={PIN}"):
        """The URI of the key that the attributes `key` ("object=x") name."""
        return f"pkcs11:token={self.label};{key}?module-path={self.module}{pin}"


@pytest.fixture(scope="session")
def token(tmp_path_factory):
    """One for all tests: SoftHSM reads its configuration once in a process."""
    return Token(tmp_path_factory.mktemp("softhsm"))


@pytest.fixture(scope="session")
def stock_firmware():
    """MicroPython as it was built for a real ESP32 board, from PyPI: the ET-Board's, 1.16, 4 MB."""
    spec = importlib.util.find_spec("thonnycontrib.thonny_etboard_firmware")
    assert spec is not None and spec.origin is not None, "make setup installs it"
    folder = Path(spec.origin).parent / "etboard" / "firmware"
    return folder / "etboard_firmware_micropython_custom_0831_last.bin"
