"""A chip in download mode for the real esptool to talk to: the mock ROM of PyPI's `esp32-mock-bootloader`.

Its server is run here with a flash that outlives connections, and that a test can look into and cut off. The
port is a pseudo terminal, and another one after each connection: pyserial reads a socket byte by byte.
"""

import contextlib
import os
import select
import threading

from esp32_mock_bootloader import server

_LONG_S = 60
_WAKE_S = 0.2


class _Terminal(server.PtyMasterTransport):
    """The mock waits 50 ms for whoever talks to it; a loaded computer takes longer."""

    rom = None

    def set_timeout(self, timeout):
        self._timeout = _LONG_S

    def sendall(self, data):
        while data:
            data = data[os.write(self._master, data) :]

    def recv(self, size):
        # The mock's own way, except that the end of the test is noticed, too.
        while not select.select([self._master], [], [], _WAKE_S)[0]:
            if self.rom.ended():
                raise OSError("the test is over")
        return super().recv(size)

    def _on_client_data(self):
        self.rom.idle.clear()
        super()._on_client_data()


class _Flash(server.FlashImage):
    """Counts the writes; `cut_at` is the one at which the cable is pulled."""

    def __init__(self):
        super().__init__()
        self.writes = []
        self.cut_at = None

    def begin_defl(self, payload):
        super().begin_defl(payload)
        self.writes.append(self._defl_offset)
        if self.cut_at is not None and len(self.writes) >= self.cut_at:
            raise OSError("the cable was pulled")


class Rom:
    """A `chip` with 4 MB of flash, `flash.data`, which begins with `content`."""

    def __init__(self, chip, content=b""):
        self.flash = _Flash()
        self.flash.data[: len(content)] = content
        self.idle = threading.Event()
        self._chip = chip
        self._stop = threading.Event()
        self._path = ""
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def port(self):
        """What `--port` takes, until the next connection ends."""
        assert self.idle.wait(_LONG_S)
        return self._path

    def ended(self):
        return self._stop.is_set()

    def close(self):
        self._stop.set()
        self._thread.join(_LONG_S)
        assert not self._thread.is_alive()

    def _serve(self):
        while not self._stop.is_set():
            terminal = _Terminal.create(track_disconnect=True)
            terminal.rom = self
            self._path = terminal.client_path
            self.idle.set()
            connection = server.BootloaderConnection(pty=terminal)
            with contextlib.suppress(OSError):
                server.handle_client(
                    connection, self._stop, self._chip, exit_on_disconnect=True, flash=self.flash
                )
            terminal.close()
