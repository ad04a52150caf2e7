"""What MicroPython runs first: decide what boots, before any file is looked at.

An error here would leave the chip idle for ever. A reset instead lets ESP-IDF go back from a new runtime,
and tries an old one again; the pause leaves time to interrupt it over a cable.
"""

import sys
import time

import machine

try:
    from ophion_boot import main

    main.start()
except Exception as e:
    sys.print_exception(e)
    time.sleep(5)
    machine.reset()
