"""SMP group 64, Ophion's own: what the device is and trusts, what happened to it, the way into recovery."""

from ophion_boot.compat import const
from ophion_boot.core.eventlog import EventLog
from ophion_boot.core.roots import TrustError
from ophion_boot.core.smp_session import SmpError, argument, not_supported
from ophion_boot.core.trust import Trust
from ophion_boot.fmt.smp import Request

GROUP = 64
_INFO = const(0)
_LOG = const(1)
_RECOVERY = const(2)
_TRUST = const(10)

_ON_TRIAL = const(2)
_REFUSED = const(3)
_TOO_OLD = const(4)
# What version 1 clients get for them.
_EINVAL = const(3)
_EBADSTATE = const(6)


class OphionGroup:
    """`info` is the map of command 0; `log` an EventLog; `reset` as for the OS group; `trust` takes
    statements, but not while `on_trial()`. `reads` are further commands that only read: {number: function
    that returns the answer}."""

    def __init__(  # type: ignore[no-untyped-def]
        self, info: dict, log: EventLog, reset, trust: Trust, on_trial, reads: dict | None = None
    ) -> None:
        self._info = info
        self._log = log
        self._reset = reset
        self._trust = trust
        self._on_trial = on_trial
        self._reads = reads or {}

    def handle(self, request: Request, args: dict) -> dict:
        """Answer one request of this group; raises SmpError."""
        if request.command == _INFO and not request.write:
            return self._info
        if request.command == _LOG and not request.write:
            return {"log": self._log.read()}
        if request.command == _RECOVERY and request.write:
            self._reset(1)
            return {}
        if request.command == _TRUST:
            return self._deliver(args) if request.write else self._trust.state()
        if request.command in self._reads and not request.write:
            return self._reads[request.command]()
        raise not_supported(request)

    def _deliver(self, args: dict) -> dict:
        """Take statements. On trial the way back must stay as good as it was, so they have to wait."""
        data = argument(args, "data", (bytes, bytearray, memoryview), required=True)
        if self._on_trial():
            raise SmpError(_ON_TRIAL, "an image is on trial: confirm it first", GROUP, _EBADSTATE)
        try:
            names = self._trust.deliver(data)
        except TrustError as e:
            raise SmpError(_TOO_OLD if e.old else _REFUSED, str(e), GROUP, _EINVAL)
        self._log.add("trusted", "", ", ".join(names))
        return {"statements": names}
