"""What MicroPython runs last: the application that `_boot.py` chose, or recovery."""

from ophion_boot import main

main.run()
