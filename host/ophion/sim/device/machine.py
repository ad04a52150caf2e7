"""`machine` of the simulated chip, as the ESP32 port has it (ports/esp32/modmachine.c, machine_*.c).

Every reset is a new process; the RTC memory and the watchdog are the supervisor's.
"""

import binascii
import struct

import ophion_messages as m
import ophion_sim
import uselect
import utime
from ophion_messages import DEEP_SLEEP as DEEPSLEEP_RESET
from ophion_messages import HARD as HARD_RESET
from ophion_messages import POWER_ON as PWRON_RESET  # noqa: F401
from ophion_messages import SOFT as SOFT_RESET
from ophion_messages import WATCHDOG as WDT_RESET  # noqa: F401

_FREQ_HZ = 160_000_000


def _reset(kind, delay_ms=0):
    link = ophion_sim.link()
    link.send(m.RESET, struct.pack("<BI", kind, delay_ms))
    link.wait_for_death()


def reset():
    """Restart as the chip's software reset does: RAM is lost, RTC memory stays."""
    _reset(HARD_RESET)


def soft_reset():
    """Restart MicroPython only; the watchdog keeps running."""
    _reset(SOFT_RESET)


def deepsleep(time_ms=0):
    """Power down and start again after `time_ms`, with cause DEEPSLEEP_RESET; 0 sleeps for ever."""
    _reset(DEEPSLEEP_RESET, time_ms)


def lightsleep(time_ms=0):
    ophion_sim.link().wait(time_ms)


def reset_cause():
    return ophion_sim.config("cause")


def unique_id():
    """Six bytes: the base MAC address."""
    return binascii.unhexlify(ophion_sim.config("uid"))


def freq(hz=None):
    return _FREQ_HZ


def idle():
    ophion_sim.pump(1)


def disable_irq():
    """Stop radio callbacks; returns the state for enable_irq."""
    link = ophion_sim.link()
    state, link.busy = link.busy, True
    return state


def enable_irq(state):
    ophion_sim.link().busy = state


def _seconds(year, month, day, hour, minute, second):
    """Seconds from 1970 on to a date."""
    if month < 3:
        year, month = year - 1, month + 12
    days = 365 * year + year // 4 - year // 100 + year // 400 + (153 * month - 457) // 5 + day - 719469
    return 86400 * days + 3600 * hour + 60 * minute + second


class RTC:
    """RTC memory: at most 2048 bytes that survive every reset but power-on. The clock does so too, and begins
    with the year 2000."""

    _kept = None
    _ahead_us = None

    def __init__(self, id=0):
        if RTC._kept is None:
            RTC._kept = binascii.unhexlify(ophion_sim.config("rtc"))
            RTC._ahead_us = ophion_sim.config("clock")

    def memory(self, data=None):
        if data is None:
            return RTC._kept
        if len(data) > m.RTC_SIZE:
            raise ValueError("buffer too long")
        RTC._kept = bytes(data)
        ophion_sim.link().send(m.RTC, RTC._kept)
        return None

    def datetime(self, value=None):
        """(year, month, day, weekday, hour, minute, second, microsecond), read or set; Monday is 0."""
        host_us = utime.time_ns() // 1000
        if value is None:
            us = host_us + RTC._ahead_us
            t = utime.gmtime(us // 1000000)
            return t[0], t[1], t[2], t[6], t[3], t[4], t[5], us % 1000000
        seconds = _seconds(*(tuple(value[:3]) + tuple(value[4:7])))
        RTC._ahead_us = 1000000 * seconds + value[7] - host_us
        ophion_sim.link().send(m.CLOCK, struct.pack("<q", RTC._ahead_us))
        return None


class UART:
    """UART 1: the other end is a pseudo terminal of the supervisor. With nobody there, output is lost."""

    _piece = 256
    file = None

    def __init__(self, id, baudrate=115200, **options):
        if id != 1:
            raise ValueError("UART(%d) does not exist" % id)
        if UART.file is None:
            UART.file = open(ophion_sim.config("uart"), "r+b")
        self._in = uselect.poll()
        self._in.register(self.file, uselect.POLLIN)
        self._out = uselect.poll()
        self._out.register(self.file, uselect.POLLOUT)

    def any(self):
        return 1 if self._in.poll(0) else 0

    def readinto(self, buf):
        return self.file.readinto(buf) if self.any() else None

    def write(self, data):
        view = memoryview(data)
        sent = 0
        while sent < len(view) and self._out.poll(100):
            sent += self.file.write(view[sent : sent + self._piece])
        return sent


class WDT:
    """The task watchdog: cannot be stopped; a new WDT(timeout=) arms it again; survives a soft reset."""

    def __init__(self, id=0, timeout=5000):
        if id != 0:
            raise ValueError("invalid WDT id")
        if timeout <= 0:
            raise ValueError("WDT timeout too short")
        ophion_sim.link().send(m.WDT, struct.pack("<I", timeout))

    def feed(self):
        link = ophion_sim.link()
        link.send(m.FEED)
        link.pump_now_and_then()  # long work feeds; on the chip the radio would run beside it


class Pin:
    """An input reads the level that the supervisor was told, 1 (pulled up) by default; an output, 0 at first,
    tells it each change."""

    IN = 1
    OUT = 3
    OPEN_DRAIN = 7
    PULL_UP = 2
    PULL_DOWN = 1

    def __init__(self, id, mode=-1, pull=-1, value=None):
        self._id = id
        self._out = mode in (Pin.OUT, Pin.OPEN_DRAIN)
        self._value = 0 if self._out else ophion_sim.config("pins", {}).get(str(id), 1)
        if value is not None:
            self._set(1 if value else 0)

    def _set(self, level):
        if self._out and level != self._value:
            ophion_sim.link().send(m.PIN, struct.pack("<BB", self._id, level))
        self._value = level

    def value(self, x=None):
        if x is None:
            return self._value
        self._set(1 if x else 0)
        return None

    def __call__(self, x=None):
        return self.value(x)

    def on(self):
        self._set(1)

    def off(self):
        self._set(0)
