"""What MicroPython runs first: decide what boots, before any file is looked at."""

from ophion_boot import main

main.start()
