"""SMP group 64, Ophion's own: what the device is, what happened to it, and the way into recovery."""

from ophion_boot.compat import const
from ophion_boot.core.eventlog import EventLog
from ophion_boot.core.smp_session import not_supported
from ophion_boot.fmt.smp import Request

GROUP = 64
_INFO = const(0)
_LOG = const(1)
_RECOVERY = const(2)


class OphionGroup:
    """`info` is the map of command 0; `log` an EventLog; `reset` as for the OS group."""

    def __init__(self, info: dict, log: EventLog, reset) -> None:  # type: ignore[no-untyped-def]
        self._info = info
        self._log = log
        self._reset = reset

    def handle(self, request: Request, args: dict) -> dict:
        """Answer one request of this group; raises SmpError."""
        if request.command == _INFO and not request.write:
            return self._info
        if request.command == _LOG and not request.write:
            return {"log": self._log.read()}
        if request.command == _RECOVERY and request.write:
            self._reset(1)
            return {}
        raise not_supported(request)
