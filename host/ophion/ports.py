"""What a serial port raises when its cable is pulled.

pyserial's exceptions are OSErrors; on POSIX it lets `termios.error` through, which is none.
"""

from __future__ import annotations

PORT_ERRORS: tuple[type[Exception], ...]

try:
    from termios import error as _termios_error
except ImportError:  # Windows has no termios
    PORT_ERRORS = (OSError,)
else:
    PORT_ERRORS = (OSError, _termios_error)
