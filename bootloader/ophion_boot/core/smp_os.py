"""SMP group 0, OS management: echo, reset, buffer parameters, bootloader information."""

from ophion_boot.compat import const
from ophion_boot.core.inbox import Inbox
from ophion_boot.core.smp_session import SmpError, argument, not_supported
from ophion_boot.fmt.smp import Request

GROUP = 0
_ECHO = const(0)
_RESET = const(5)
_PARAMS = const(6)
_BOOTLOADER_INFO = const(8)
_QUERY_YIELDS_NO_ANSWER = const(3)
_ENOENT = const(5)
# MCUboot's modes, as clients know them: swap by scratch, overwrite, swap without scratch. They do not know
# its newer code for a swap by offset; and direct-XIP would have them choose an image for a slot, which
# nobody has to here: slot 0 is what runs, wherever it lies.
_MODES = {"swap_scratch": 1, "golden": 2}
_MODE_SWAP = const(3)


class OsGroup:
    """`inbox` tells the buffer parameters; `reset` is called with boot_mode (0 or 1) and returns
    at once: the shell resets after the response is out. `strategy` is the name of the layout's; `more`
    is a handler of the commands that a board may leave out, or None."""

    def __init__(self, inbox: Inbox, reset, strategy: str = "", more=None) -> None:  # type: ignore[no-untyped-def]
        self._inbox = inbox
        self._reset = reset
        self._strategy = strategy
        self._more = more

    def handle(self, request: Request, args: dict) -> dict:
        """Answer one request of this group; raises SmpError."""
        command = request.command
        if command == _ECHO:
            return {"r": argument(args, "d", str, required=True)}
        if command == _RESET and request.write:
            boot_mode = argument(args, "boot_mode", int, 0)
            if boot_mode > 1:
                raise SmpError(3, "boot_mode %d is not 0 or 1" % boot_mode)
            self._reset(boot_mode)
            return {}
        if command == _PARAMS and not request.write:
            return {"buf_size": self._inbox.size, "buf_count": self._inbox.slots}
        if command == _BOOTLOADER_INFO and not request.write:
            return self._bootloader_info(args)
        if self._more is not None:
            return self._more.handle(request, args)
        raise not_supported(request)

    def _bootloader_info(self, args: dict) -> dict:
        query = argument(args, "query", str)
        if query is None:
            return {"bootloader": "MCUboot"}
        if query == "mode":
            return {"mode": _MODES.get(self._strategy, _MODE_SWAP)}
        raise SmpError(_QUERY_YIELDS_NO_ANSWER, "no answer to the query %r" % query, GROUP, _ENOENT)
