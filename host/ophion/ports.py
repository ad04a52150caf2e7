"""Serial ports: which there are, and what one raises when its cable is pulled.

A cable may be pulled at any time. pyserial's exceptions are OSErrors; on POSIX it lets `termios.error`
through, which is none.
"""

from __future__ import annotations

PORT_ERRORS: tuple[type[Exception], ...]

try:
    from termios import error as _termios_error
except ImportError:  # Windows has no termios
    PORT_ERRORS = (OSError,)
else:
    PORT_ERRORS = (OSError, _termios_error)


def ports() -> list[str]:
    """The serial ports that something is plugged into: those on USB."""
    from serial.tools.list_ports import comports

    return sorted(port.device for port in comports() if port.vid is not None)
