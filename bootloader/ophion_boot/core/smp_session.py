"""An SMP server without I/O: a request comes in as bytes, a response goes out as bytes.

Groups are injected objects with `handle(request, args) -> dict`; they refuse by raising SmpError.
Every request gets an answer with its own version, sequence, group and command (Zephyr, "SMP Protocol
Specification"): v2 group errors as {"err": {"group", "rc"}}, everything else as {"rc", "rsn"}.
"""

from ophion_boot.compat import const
from ophion_boot.fmt import FormatError
from ophion_boot.fmt.cbor import decode_map, encode
from ophion_boot.fmt.chunk import Chunk, OffsetResponse
from ophion_boot.fmt.smp import HEADER_BYTES, Request

_IMAGE = const(1)
UPLOAD = _IMAGE << 8 | 1
"""What `Session.before` is after a chunk of an upload."""
_EUNKNOWN = const(1)
_EINVAL = const(3)
_EMSGSIZE = const(7)
_ENOTSUP = const(8)


class SmpError(Exception):
    """A refusal. `rc` is a code of `group`, or of SMP itself when `group` is None; `mgmt` is what
    a version 1 client is told instead (MCUmgr has only one set of codes there)."""

    def __init__(self, rc: int, reason: str, group: int | None = None, mgmt: int | None = None) -> None:
        super().__init__(reason)
        self.rc = rc
        self.reason = reason
        self.group = group
        self.mgmt = rc if mgmt is None else mgmt


def not_supported(request: Request) -> SmpError:
    """The refusal of a command that this server does not have."""
    return SmpError(_ENOTSUP, "group %d has no command %d for that op" % (request.group, request.command))


def argument(args: dict, name: str, kind: type | tuple, default: object = None, required: bool = False):  # type: ignore[no-untyped-def]
    """`args[name]`, checked to be a `kind`; `default` when absent and not required."""
    if name not in args:
        if required:
            raise SmpError(_EINVAL, "%s is missing" % name)
        return default
    value = args[name]
    if kind is int and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
        raise SmpError(_EINVAL, "%s is not an unsigned number" % name)
    if not isinstance(value, kind):
        raise SmpError(_EINVAL, "%s has the wrong type" % name)
    return value


class Session:
    """Dispatches requests to `groups` ({group number: handler}); responses fit in `buf_size` bytes.

    `on_refusal(reason)` is told of every refused write, so that the reason can be read later.
    `access` (core/access.py; None: everybody may do everything) is asked before anything is looked at.
    `requests` and `refused` count; `before` is group << 8 | command of the request before this one.
    """

    def __init__(self, groups: dict, buf_size: int, on_refusal=None, access=None) -> None:  # type: ignore[no-untyped-def]
        self._groups = groups
        self._buf_size = buf_size
        self._on_refusal = on_refusal
        self.access = access
        # One of each, so that a chunk of an upload allocates nothing.
        self._request = Request(bytes(HEADER_BYTES))
        self._chunk = Chunk()
        self._offset = OffsetResponse()
        self._idle = [groups[number].idle for number in groups if hasattr(groups[number], "idle")]
        self._last = self.before = 0
        self.requests = self.refused = 0

    def idle(self) -> None:
        """Nobody asks anything at the moment: groups do a piece of what can be done ahead, one flash
        operation at most."""
        for work in self._idle:
            if work():
                return

    def handle(self, data: bytes | memoryview, link: object = None) -> bytes | memoryview | None:
        """The response to the request `data` (memoryview of one whole packet), or None for bytes
        that are not a request and have no sender to answer. It is valid until the next call. Empty bytes:
        there is more to do; this request is handed in once more, before any other of this road, and what
        else the road has to do between.

        `link` is what the road calls its peer, by a name that no other road of the device uses. A road
        that has an end of its links tells `closed`.
        """
        if self._chunk.find(data) and self._chunk.offset and _IMAGE in self._groups:
            return self._take(data, link)
        return self._read(data, link)

    def _read(self, data: bytes | memoryview, link: object) -> bytes | None:
        """The response to a request of any kind."""
        request = self._request
        try:
            request.parse(data)
        except FormatError:
            return None
        if request.length != len(data) - HEADER_BYTES:
            return None
        self._count(request.group << 8 | request.command)
        answer = self._answer(request, data[HEADER_BYTES:], link)
        return self._again() if answer is None else self._encoded(request, answer)

    def _take(self, packet: bytes | memoryview, link: object) -> bytes | memoryview:
        """The response to the chunk that was found in `packet`, which is not the first of an upload."""
        self._count(UPLOAD)
        try:
            if self.access:
                self._request.parse(packet)
                self.access.check(self._request, link)
            answer = self._groups[_IMAGE].take(self._chunk.offset, self._chunk.data)
        except SmpError as e:
            return self._sorry(packet, e)
        except (OSError, ValueError) as e:
            return self._sorry(packet, self._groups[_IMAGE].refused(e))
        if answer is None:
            return self._again()
        if len(answer) == 1 and "off" in answer:
            return self._offset.fill(packet, answer["off"])
        self._request.parse(packet)
        return self._encoded(self._request, answer)

    def _sorry(self, packet: bytes | memoryview, error: Exception) -> bytes:
        self._request.parse(packet)
        return self._encoded(self._request, self._failed(self._request, error))

    def _again(self) -> bytes:
        self.requests -= 1
        return b""

    def _count(self, code: int) -> None:
        self.requests += 1
        self.before = self._last
        self._last = code

    def _encoded(self, request: Request, answer: dict) -> bytes:
        response = request.response(encode(answer))
        if len(response) > self._buf_size:
            response = request.response(encode({"rc": _EMSGSIZE}))
        return response

    def closed(self, link: object) -> None:
        """The peer on `link` has gone; may be called from a radio's handler."""
        if self.access:
            self.access.forget(link)

    def unwelcome(self, link: object) -> bool:
        """True when the road should end `link`."""
        return self.access is not None and self.access.unwelcome(link)

    def _answer(self, request: Request, payload: bytes | memoryview, link: object) -> dict | None:
        access = self.access
        try:
            if access:
                access.check(request, link)
            args = decode_map(payload)
            if access and access.takes(request):
                return access.handle(request, args, link)
            group = self._groups.get(request.group)
            if group is None:
                raise not_supported(request)
            answer: dict | None = group.handle(request, args)
            return answer
        except (SmpError, OSError, ValueError) as e:
            return self._failed(request, e)

    def _failed(self, request: Request, error: Exception) -> dict:
        if isinstance(error, FormatError):
            error = SmpError(_EINVAL, str(error))
        elif isinstance(error, OSError):
            error = SmpError(_EUNKNOWN, "flash error: %s" % error)
        elif not isinstance(error, SmpError):
            error = SmpError(_EUNKNOWN, str(error))
        return self._refuse(request, error)

    def _refuse(self, request: Request, error: SmpError) -> dict:
        self.refused += 1
        if request.write and self._on_refusal and error.group is not None:
            self._on_refusal(error.reason)
        if request.version == 0:
            return {"rc": error.mgmt, "rsn": error.reason}
        if error.group is None:
            return {"rc": error.rc, "rsn": error.reason}
        return {"err": {"group": error.group, "rc": error.rc}}
