"""A chip's flash over a cable: what is needed of it, and esptool, which does it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, Protocol

from ophion.errors import DeviceNotFound, LinkLost, RefusedError, UsageError
from ophion.ports import PORT_ERRORS

BAUD = 460800
# Read in pieces: each is checked by its MD5.
_PIECE = 0x40000
_ATTEMPTS = 3


class Cable(Protocol):
    """A chip in its ROM's download mode: `chip` as layouts call it, `mac` in hex, sizes in bytes."""

    chip: str
    mac: str
    flash_size: int

    def read(self, offset: int, size: int) -> bytes:
        """What the flash holds. Raises LinkLost."""

    def md5(self, offset: int, size: int) -> str:
        """The MD5 of what the flash holds, in hex, counted by the chip."""

    def write(self, offset: int, data: bytes) -> None:
        """Erase and write whole sectors."""

    def restart(self) -> None:
        """Let the chip start what its flash holds."""

    def close(self) -> None:
        """Give the port free."""


class Esptool:
    """A chip on a serial port, by esptool's library. Raises DeviceNotFound, LinkLost, RefusedError."""

    def __init__(self, port: str, baud: int = BAUD) -> None:
        self._cmds = _library()
        with _converted(f"{port}: no chip answers", DeviceNotFound):
            esp = self._cmds.detect_chip(port, connect_attempts=_ATTEMPTS)
        self._port = esp._port
        try:
            with _converted(f"{port}: the chip does not take esptool's program", LinkLost):
                self._start(esp, baud)
        except BaseException:
            self.close()
            raise

    def _start(self, esp: Any, baud: int) -> None:
        if esp.secure_download_mode or esp.get_secure_boot_enabled() or esp.get_flash_encryption_enabled():
            raise RefusedError(
                "this chip has Secure Boot or flash encryption switched on",
                "its firmware is built, signed and written as its board says",
            )
        self.chip = esp.CHIP_NAME.lower().replace("-", "")
        self.mac = bytes(esp.read_mac()).hex()
        self._esp = self._cmds.run_stub(esp)
        if baud != self._esp.ESP_ROM_BAUD:
            self._esp.change_baud(baud)
        self._cmds.attach_flash(self._esp)
        size = self._cmds.detect_flash_size(self._esp)
        if size is None:
            raise RefusedError("esptool does not know the size of this chip's flash")
        self.flash_size = int(size.removesuffix("MB")) << 20 if size.endswith("MB") else 0

    def read(self, offset: int, size: int) -> bytes:
        data = b""
        with _converted("reading the flash", LinkLost):
            while len(data) < size:
                piece = min(_PIECE, size - len(data))
                data += self._cmds.read_flash(self._esp, offset + len(data), piece, no_progress=True)
        return data

    def md5(self, offset: int, size: int) -> str:
        with _converted("reading the flash", LinkLost):
            return str(self._esp.flash_md5sum(offset, size))

    def write(self, offset: int, data: bytes) -> None:
        with _converted(f"writing the flash at {offset:#x}", LinkLost):
            self._cmds.write_flash(self._esp, [(offset, data)], no_progress=True)

    def restart(self) -> None:
        with _converted("restarting the chip", LinkLost):
            self._cmds.reset_chip(self._esp, "hard-reset")

    def close(self) -> None:
        with contextlib.suppress(Exception):  # the port may be gone: there is nothing to save
            self._port.close()


@contextlib.contextmanager
def _converted(what: str, kind: type[DeviceNotFound] | type[LinkLost]) -> Iterator[None]:
    """Errors of esptool and of the serial port become `kind`, in one line."""
    from esptool.util import FatalError

    try:
        yield
    except (FatalError, *PORT_ERRORS) as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise kind(f"{what}: {first.rstrip('.')}", "check the cable and the port, then do it again") from None


def _library() -> Any:
    try:
        from esptool import cmds
        from esptool.logger import log
    except ImportError:
        raise UsageError("esptool is not installed", "pip install 'ophion[install]'") from None
    log.set_verbosity("silent")
    return cmds
