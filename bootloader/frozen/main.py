"""What MicroPython runs last: the application that `_boot.py` chose, or recovery."""

import sys
import time

import machine
from ophion_boot import main

try:
    main.run()
except Exception as e:
    sys.print_exception(e)
    time.sleep(5)
    machine.reset()
