"""The simulated chip's UART: a pseudo terminal, one end for the chip, the other for whoever opens it."""

from __future__ import annotations

import os
import tty
from pathlib import Path

from ophion.sim.errors import SimError


class Uart:
    """`chip` is the chip's end (an open file); `port` the path of the other one, `link` leads to it."""

    def __init__(self, link: Path) -> None:
        self._link = link
        try:
            self.chip, self._other = os.openpty()
        except OSError as error:
            raise SimError(f"no pseudo terminal for the UART: {error}") from None
        # Kept open: a terminal that nobody has open is hung up.
        tty.setraw(self._other)
        self.port = os.ttyname(self._other)
        self._link.unlink(missing_ok=True)
        self._link.symlink_to(self.port)

    def close(self) -> None:
        """Hang up."""
        self._link.unlink(missing_ok=True)
        os.close(self.chip)
        os.close(self._other)
