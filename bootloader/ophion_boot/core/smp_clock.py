"""SMP group 0, the commands that a board may leave out: date and time, what runs here.

Zephyr, "Default/OS Management Group": date and time string (4), OS/application info (7).
"""

import sys

from ophion_boot.compat import const
from ophion_boot.core.smp_session import SmpError, argument, not_supported
from ophion_boot.fmt.smp import Request

_GROUP = const(0)
_DATETIME = const(4)
_INFO = const(7)
_INVALID_FORMAT = const(2)
_RTC_NOT_SET = const(4)
_RTC_FAILED = const(5)
_EINVAL = const(3)
_ENOENT = const(5)
_EUNKNOWN = const(1)

FIELDS = "snrvbmpio"
"""Letters of the info command, in the order in which their values are answered; `a` is all of them."""
_DAYS = b"\x1f\x1c\x1f\x1e\x1f\x1e\x1f\x1f\x1e\x1f\x1e\x1f"
# Where the numbers stand in yyyy-MM-ddTHH:mm:ss, and the marks between them.
_PARTS = ((0, 4), (5, 7), (8, 10), (11, 13), (14, 16), (17, 19))
_MARKS = ((4, "-"), (7, "-"), (10, "T"), (13, ":"), (16, ":"))


class OsMore:
    """`clock(value=None)` reads or sets the board's clock as `machine.RTC().datetime` does: a tuple (year,
    month, day, weekday, hour, minute, second, microsecond); OSError when it cannot. `about()` gives a
    text for each letter of FIELDS that this device has one for."""

    def __init__(self, clock, about) -> None:  # type: ignore[no-untyped-def]
        self._clock = clock
        self._about = about

    def handle(self, request: Request, args: dict) -> dict:
        """Answer one request; raises SmpError."""
        if request.command == _DATETIME:
            return self._set(argument(args, "datetime", str, required=True)) if request.write else self._get()
        if request.command == _INFO and not request.write:
            return {"output": self._info(argument(args, "format", str, "s"))}
        raise not_supported(request)

    def _get(self) -> dict:
        try:
            now = self._clock()
        except OSError as e:
            raise SmpError(_RTC_FAILED, "the clock: %s" % e, _GROUP, _EUNKNOWN)
        # MicroPython's clocks begin at the year 2000 when nobody has set them.
        if now[0] <= 2000:
            raise SmpError(_RTC_NOT_SET, "the clock was not set", _GROUP, _ENOENT)
        return {"datetime": "%04d-%02d-%02dT%02d:%02d:%02d.%06d" % (now[:3] + now[4:8])}

    def _set(self, text: str) -> dict:
        value = parse_datetime(text)
        if value is None:
            reason = "datetime is not yyyy-MM-ddTHH:mm:ss.SSSSSS of a day from 2001 to 2099"
            raise SmpError(_INVALID_FORMAT, reason, _GROUP, _EINVAL)
        try:
            self._clock(value)
        except OSError as e:
            raise SmpError(_RTC_FAILED, "the clock: %s" % e, _GROUP, _EUNKNOWN)
        return {}

    def _info(self, wanted: str) -> str:
        about = self._about()
        for letter in wanted:
            if letter != "a" and letter not in about:
                raise SmpError(_INVALID_FORMAT, "format has an unknown %r" % letter, _GROUP, _EINVAL)
        everything = "a" in wanted
        return " ".join([about[x] for x in FIELDS if x in about and (everything or x in wanted)])


def about(name: str, hw: str, boot: str) -> dict:
    """The texts of the info command: `boot` is the version of the bootloader."""
    version = sys.version
    return {
        "s": sys.implementation.name,
        "n": name,
        "r": "%d.%d.%d" % tuple(sys.implementation.version[:3]),
        "v": version[version.find("; ") + 2 :] if "; " in version else version,
        "m": getattr(sys.implementation, "_machine", sys.platform),
        "p": sys.platform,
        "i": hw,
        "o": "Ophion " + boot,
    }


def parse_datetime(text: str) -> tuple | None:
    """The clock's tuple for `yyyy-MM-ddTHH:mm:ss`, with or without a fraction; None for anything else."""
    if len(text) < 19 or [text[at] for at, _ in _MARKS] != [mark for _, mark in _MARKS]:
        return None
    digits = [text[a:b] for a, b in _PARTS]
    fraction = text[20:]
    if len(text) > 19 and (text[19] != "." or not 1 <= len(fraction) <= 6):
        return None
    if not all([c in "0123456789" for c in "".join(digits) + fraction]):
        return None
    year, month, day, hour, minute, second = [int(part) for part in digits]
    if not 2001 <= year <= 2099 or not 1 <= month <= 12 or hour > 23 or minute > 59 or second > 59:
        return None
    leap = month == 2 and year % 4 == 0
    if not 1 <= day <= _DAYS[month - 1] + leap:
        return None
    return year, month, day, weekday(year, month, day), hour, minute, second, int((fraction + "000000")[:6])


def weekday(year: int, month: int, day: int) -> int:
    """0 for Monday to 6 for Sunday (Sakamoto's rule)."""
    if month < 3:
        year -= 1
    shift = b"\x00\x03\x02\x05\x00\x03\x05\x01\x04\x06\x02\x04"[month - 1]
    return (year + year // 4 - year // 100 + year // 400 + shift + day + 6) % 7
