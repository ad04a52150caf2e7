"""SMP group 64, Ophion's own: what the device is, what happened to it, and the way into recovery."""

from ophion_boot.compat import const
from ophion_boot.core.smp_session import not_supported

GROUP = 64
_INFO = const(0)
_LOG = const(1)
_RECOVERY = const(2)


class OphionGroup:
    """`info` is the map of command 0; `log` an EventLog; `reset` as for the OS group."""

    def __init__(self, info, log, reset):
        self._info = info
        self._log = log
        self._reset = reset

    def handle(self, request, args):
        """Answer one request of this group; raises SmpError."""
        if request.command == _INFO and not request.write:
            return self._info
        if request.command == _LOG and not request.write:
            return {"log": self._log.read()}
        if request.command == _RECOVERY and request.write:
            self._reset(1)
            return {}
        raise not_supported(request)
