"""What all tests share: paths, tests that are `async def`, a token, a web server, real firmware."""

import asyncio
import hashlib
import importlib.util
import inspect
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
os.environ["OPHION_ROOT"] = str(ROOT)
# Nobody's configuration and no cache of this computer play a part.
_HOME = tempfile.TemporaryDirectory(prefix="ophion-tests-")
os.environ.update(XDG_CONFIG_HOME=f"{_HOME.name}/config", XDG_CACHE_HOME=f"{_HOME.name}/cache")
for _name in ("OPHION_CONFIG", "OPHION_DEVICE", "OPHION_PROFILE", "OPHION_RADIO", "OPHION_TIMEOUT"):
    os.environ.pop(_name, None)
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


class Web:
    """A web server on this computer: `pages` is {path: bytes, or (status, headers, bytes)}.

    `asked` are the paths that were asked for.
    """

    def __init__(self):
        self.pages = {}
        self.asked = []
        web = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                web.asked.append(self.path)
                found = web.pages.get(self.path, (404, {}, b"not here"))
                status, headers, data = (200, {}, found) if isinstance(found, bytes) else found
                self.send_response(status)
                for name, value in {"Content-Length": str(len(data)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.scheme = "http"
        self._thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    @property
    def url(self):
        return f"{self.scheme}://localhost:{self.server.server_address[1]}"

    def package(self, name, version, files, needs=(), **more):
        """Put a package into the index, as micropython.org/pi/v2 has it; `files` is {path: content}."""
        hashes = []
        for path, data in files.items():
            short = hashlib.sha256(data).hexdigest()[:8]
            self.pages[f"/file/{short[:2]}/{short}"] = data
            hashes.append([path, short])
        value = {"v": 1, "version": version, "hashes": hashes, "deps": list(needs), **more}
        for place in (version, "latest"):
            self.pages[f"/package/py/{name}/{place}.json"] = json.dumps(value).encode()

    def stop(self):
        """End it; a second time does nothing."""
        if not self._thread.is_alive():
            return
        self.server.shutdown()
        self._thread.join()
        self.server.server_close()


@pytest.fixture
def web(tmp_path, monkeypatch):
    """A web server, and an empty cache for what is fetched from it."""
    monkeypatch.setenv("OPHION_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "localhost")
    server = Web()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def shell(tmp_path):
    """shell(lines, NAME=value): run them by bash in tmp_path, up to one that fails; what they print."""

    def run(lines, **variables):
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        environment = {**os.environ, "PATH": path, **variables}
        environment.pop("OPHION_KEY_PASSPHRASE", None)
        done = subprocess.run(
            ["bash", "-euc", "\n".join(lines)],
            cwd=tmp_path,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=110,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run
