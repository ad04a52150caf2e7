"""What recovery shows to somebody who stands beside the device."""

from ophion_boot.compat import const

_PERIOD_MS = const(1000)
_FLASH_MS = const(100)


def led(ms: int, connected: bool) -> bool:
    """Whether the LED is on at the time `ms`: two short flashes a second, or, with a central, half of it."""
    at = ms % _PERIOD_MS
    if connected:
        return at < _PERIOD_MS // 2
    return at < _FLASH_MS or 2 * _FLASH_MS <= at < 3 * _FLASH_MS
