"""Tells the bootloader that this application can still be updated: the sanity flag.

`ophion_app.serve()` does it by itself, so most applications only add what else has to work:

    ophion_app.health.add(lambda: sensor.answers())

After every hard reset the bootloader asks for the flag; an application that did not set it is taken for
one that nobody can update any more, and recovery advertises in its place (bootloader/SPEC.md 10). An
application with a trigger of its own calls `report()` instead.
"""

import time

from ophion_boot import main as _boot

_EVERY_MS = 500
_RENEW_MS = 10_000

_checks: list = []


def add(check) -> None:  # type: ignore[no-untyped-def]
    """Let the flag wait for `check()` too: called about twice a second; false or an exception means ill."""
    _checks.append(check)


def remove(check) -> None:  # type: ignore[no-untyped-def]
    """Undo `add`; raises ValueError for a check that was not added."""
    _checks.remove(check)


def well() -> bool:
    """True when every check that was added says so."""
    for check in _checks:
        try:
            if not check():
                return False
        except Exception:
            return False
    return True


def report(reachable: bool = True, proven: bool = False) -> None:
    """Say that updates of this application can, or cannot, be triggered at the moment.

    Repeat it: the flag is set when it held for the layout's `settle_s`, at once when somebody has used the
    trigger (`proven`), and cleared when nothing was reported for `fresh_s`.
    """
    _boot.device.report(reachable and well(), proven)


def postpone(seconds: int) -> int:
    """Put the periodic reset off, as far as the layout's `postpone_s` goes; returns the seconds given."""
    return _boot.device.sanity.postpone(seconds)


class Watch:
    """Reports for a BleServer; call it often, it looks twice a second."""

    def __init__(self, server) -> None:  # type: ignore[no-untyped-def]
        self._server = server
        self._looked = self._renewed = time.ticks_ms()

    def __call__(self) -> None:
        """Report what there is to report by now."""
        now = time.ticks_ms()
        if time.ticks_diff(now, self._looked) < _EVERY_MS:
            return
        self._looked = now
        server = self._server
        if server.connected():
            _boot.device.sanity.busy()
        if time.ticks_diff(now, self._renewed) >= _RENEW_MS:
            self._renewed = now
            server.renew()
        report(server.present() and server.reachable(), server.connections > 0)
