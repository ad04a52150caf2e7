"""What serial ports raise, and why nobody answers on one.

A cable may be pulled at any time. pyserial's exceptions are OSErrors; on POSIX it lets `termios.error`
through, which is none.
"""

from __future__ import annotations

import os

from ophion.errors import DeviceNotFound

PORT_ERRORS: tuple[type[Exception], ...]

try:
    from termios import error as _termios_error
except ImportError:  # Windows has no termios
    PORT_ERRORS = (OSError,)
else:
    PORT_ERRORS = (OSError, _termios_error)


def no_port(device: str, path: str) -> DeviceNotFound:
    """The error for a serial port on which nobody answered: it may not be there, or be somebody else's."""
    if not os.path.exists(path):
        return DeviceNotFound(
            f"there is no port {path}", "is the board plugged in? TAB after --serial lists ports"
        )
    if not os.access(path, os.R_OK | os.W_OK):
        return DeviceNotFound(
            f"{path} may not be opened by this user",
            "add yourself to its group (`ls -l` names it), log in again",
        )
    return DeviceNotFound(
        f"nothing answers at {device}", "is it switched on, and is no other program at the port?"
    )
