"""What the simulator raises."""

from __future__ import annotations

from ophion.errors import OphionError


class SimError(OphionError):
    """The simulator cannot do what was asked: no MicroPython, a bad state directory, a time-out."""
