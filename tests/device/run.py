"""Runs the test functions of one file on MicroPython: `micropython run.py ROOT FILE`.

Prints one line a test, `PASS name` or `FAIL name`, failures with their traceback.
"""

import sys

root, name = sys.argv[1:3]
sys.path[:0] = [
    root + "/bootloader",
    root + "/host/ophion/sim/device",
    root + "/tests/shared",
]
# Models of the flash and of ESP-IDF; the stand-ins for built-in modules are not wanted here.
import esp32  # noqa: E402, F401
import idf  # noqa: E402, F401
import nor  # noqa: E402, F401

sys.path.remove(root + "/host/ophion/sim/device")
module = __import__(name)
for key in sorted(dir(module)):
    if key.startswith("test_"):
        try:
            getattr(module, key)()
            print("PASS", key)
        except BaseException as e:
            print("FAIL", key)
            sys.print_exception(e)
