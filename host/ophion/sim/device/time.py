"""`time` of the simulated chip: the built-in one, but sleeping lets the radio run.

On the ESP32 the NimBLE task runs beside the program and takes the GIL for its callbacks; here they
run while the program sleeps, and at most once a millisecond while it reads the tick counters.
"""

import ophion_sim
import utime
from utime import *


def sleep(seconds):
    ophion_sim.link().wait(int(seconds * 1000))


def sleep_ms(ms):
    ophion_sim.link().wait(ms)


def sleep_us(us):
    if us >= 1000:
        ophion_sim.link().wait(us // 1000)
        us %= 1000
    utime.sleep_us(us)


def ticks_ms():
    ophion_sim.link().pump_now_and_then()
    return utime.ticks_ms()


def ticks_us():
    ophion_sim.link().pump_now_and_then()
    return utime.ticks_us()
