"""Rig of the host's tests: real tools, real MicroPython, the simulator's real radio; no mocks."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from ophion.build import build
from ophion.cli.app import run
from ophion.keys import generate, open_signer
from ophion.package import parse_image
from ophion.sign import SignOptions, sign
from ophion.versions import parse_version

# Appended, as the shared tests are: helpers of several files.
sys.path.append(str(Path(__file__).parent))
VECTORS = Path(__file__).parents[1] / "vectors" / "mcuboot"
sys.path.append(str(Path(__file__).parent))


@pytest.fixture
def vectors():
    return VECTORS


class Outcome:
    """What a command printed and returned."""

    def __init__(self, code, out, err):
        self.code = code
        self.out = out
        self.err = err

    def json(self):
        """The one JSON object on stdout; nothing may be on stderr then."""
        assert self.err == ""
        lines = self.out.splitlines()
        assert len(lines) == 1, self.out
        return json.loads(lines[0])


@pytest.fixture
def cli(capsys):
    """Run one command in this process: cli("verify", path, "--key", pub) -> Outcome."""

    def call(*words):
        capsys.readouterr()
        code = run([str(word) for word in words])
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return call


@pytest.fixture(scope="session")
def tool():
    """Run a program of this environment: tool("imgtool", ...) -> CompletedProcess, output as text."""

    def call(name, *words, check=True):
        command = [str(Path(sys.executable).parent / name), *map(str, words)]
        return subprocess.run(command, capture_output=True, text=True, check=check, timeout=60)

    return call


class Workshop:
    """A folder with a key and applications made in it."""

    def __init__(self, folder):
        self.folder = folder
        self.key = folder / "key.pem"
        self.pub = folder / "key.pub"
        self.public = generate(self.key)
        self.signer = open_signer(str(self.key))

    def app(self, files, name="app", version="1.0.0", toml=""):
        """A folder with an application; `files` is {path: text or bytes}."""
        folder = self.folder / f"{name}-src"
        folder.mkdir(exist_ok=True)
        head = f'[app]\nname = "{name}"\nversion = "{version}"\n'
        for path, content in {"ophion.toml": head + toml, **files}.items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content.encode() if isinstance(content, str) else content)
        return folder

    def image(self, files=None, version="1.0.0", **options):
        """A signed ImageFile of an application with these files."""
        folder = self.app(files or {"main.py": "print('hello')\n"}, version=version)
        payload = build(folder).payload
        return parse_image(sign(payload, parse_version(version), self.signer, SignOptions(**options)))


@pytest.fixture
def workshop(tmp_path):
    return Workshop(tmp_path)


MOUNT = """
import os, sys, vfs
with open(sys.argv[1], 'rb') as f:
    rom = memoryview(f.read())
vfs.mount(vfs.VfsRom(rom), '/app')
sys.path.insert(0, '/app')
"""


@pytest.fixture
def on_device(tmp_path):
    """Run MicroPython code with a payload mounted at /app, as the device does; returns what it prints."""

    def call(payload, code):
        (tmp_path / "payload.romfs").write_bytes(payload)
        (tmp_path / "check.py").write_text(MOUNT + code)
        words = [str(tmp_path / "check.py"), str(tmp_path / "payload.romfs")]
        command = [sys.executable, "-m", "micropython_unix", *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return call
