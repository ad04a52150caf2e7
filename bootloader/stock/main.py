"""What MicroPython's own build runs last: `main.py` of the folder that `boot.py` went to."""

import os

os.chdir("/")
import ophion_run  # noqa: E402, F401
