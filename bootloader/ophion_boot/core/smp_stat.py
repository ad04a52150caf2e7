"""SMP group 2, statistics: named groups of counters (Zephyr, "Statistics management")."""

from ophion_boot.compat import const
from ophion_boot.core.smp_session import SmpError, argument, not_supported
from ophion_boot.fmt.smp import Request

GROUP = 2
_SHOW = const(0)
_LIST = const(1)
_INVALID_GROUP = const(2)
_ENOENT = const(5)


class StatGroup:
    """`counters` is {name: function that returns {field: number}}."""

    def __init__(self, counters: dict) -> None:
        self._counters = counters

    def handle(self, request: Request, args: dict) -> dict:
        """Answer one request of this group; raises SmpError."""
        if request.command == _LIST and not request.write:
            return {"stat_list": sorted(self._counters)}
        if request.command == _SHOW and not request.write:
            name = argument(args, "name", str, required=True)
            if name not in self._counters:
                raise SmpError(_INVALID_GROUP, "no counters are called %r" % name, GROUP, _ENOENT)
            return {"name": name, "fields": self._counters[name]()}
        raise not_supported(request)
