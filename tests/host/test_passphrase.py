"""Passphrases typed at a real terminal: asked for, not shown, and twice when a key is made."""

import contextlib
import os
import pty
import select
import subprocess
import sys

import pytest
from ophion.keys import open_signer

# A new session has no terminal yet: the command takes the one that it was given as its own, as a login does.
START = """
import fcntl, runpy, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
runpy.run_module("ophion.cli", run_name="__main__")
"""


class Terminal:
    """A command on a pseudo-terminal, and what a person types there when asked."""

    def __init__(self, words, folder):
        environment = {name: value for name, value in os.environ.items() if name != "OPHION_KEY_PASSPHRASE"}
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-c", START, *words],
            cwd=folder,
            env=environment,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)
        self.shown = ""

    def answer(self, question, text):
        """Wait until `question` is asked, then type `text`."""
        before = len(self.shown)
        while question not in self.shown[before:]:
            self._read()
        os.write(self.master, text.encode() + b"\n")

    def end(self):
        """The exit code, when everything is said."""
        with contextlib.suppress(OSError):  # the other end is closed
            while True:
                self._read()
        return self.process.wait(30)

    def _read(self):
        ready, _, _ = select.select([self.master], [], [], 30)
        assert ready, f"nothing more than {self.shown!r}"
        self.shown += os.read(self.master, 1024).decode()

    def close(self):
        """End the command if it still runs."""
        self.process.kill()
        self.process.wait()
        os.close(self.master)


@pytest.fixture
def desk(tmp_path):
    (tmp_path / "payload").write_bytes(b"payload")
    return tmp_path


@pytest.fixture
def terminal(desk):
    """terminal("keys", "new", ...) -> Terminal, in the folder `desk`."""
    opened = []

    def call(*words):
        opened.append(Terminal(words, desk))
        return opened[-1]

    yield call
    for one in opened:
        one.close()


def test_a_passphrase_is_typed_twice_for_a_new_key_and_once_to_sign(desk, terminal):
    made = terminal("keys", "new", "k.pem", "--passphrase")
    made.answer("passphrase of k.pem: ", "open sesame")
    made.answer("Repeat for confirmation: ", "open sesame")
    assert made.end() == 0, made.shown
    assert open_signer(str(desk / "k.pem"), lambda: b"open sesame")
    signed = terminal("sign", "payload", "--version", "1.0.0", "-k", "k.pem")
    signed.answer("passphrase of k.pem: ", "open sesame")
    assert signed.end() == 0, signed.shown
    assert (desk / "payload.bin").exists()
    assert "sesame" not in made.shown + signed.shown


def test_a_wrong_passphrase_is_one_line(desk, terminal):
    made = terminal("keys", "new", "k.pem", "--passphrase")
    made.answer("passphrase of k.pem: ", "open sesame")
    made.answer("Repeat for confirmation: ", "open barley")
    made.answer("passphrase of k.pem: ", "open wheat")
    made.answer("Repeat for confirmation: ", "open wheat")
    assert made.end() == 0, made.shown
    signed = terminal("sign", "payload", "--version", "1.0.0", "-k", "k.pem")
    signed.answer("passphrase of k.pem: ", "open barley")
    assert signed.end() == 3
    assert "error: k.pem cannot be opened: wrong passphrase or damaged file" in signed.shown
    assert not (desk / "payload.bin").exists() and "barley" not in signed.shown
