"""What the next boot does with an application that could, or could not, be reached: a table.

The sanity flag is set while the application's update trigger can be reached, and read and cleared after
every hard reset (core/sanity.py). SPEC.md 10 has this table; a test compares.
"""

from ophion_boot.compat import const

ANY = const(None)  # type: ignore[type-var]
YES = const(True)
NO = const(False)

# How the last run ended. LEFT: power came, or a reset that says nothing about the image that runs now;
# WARM: no hard reset (soft reset, deep sleep), and not too many of them; RESET: a hard reset; FAULT: the
# watchdog, or an exception.
LEFT = const(1)
WARM = const(2)
RESET = const(3)
FAULT = const(4)
# What to do: run the application (and forget its misses; and count one), recovery for a while (the same
# with a miss counted), go back to another image, recovery for good.
RUN = const(1)
WELL = const(2)
COUNT = const(3)
SERVE = const(4)
MISS = const(5)
BACK = const(6)
STAY = const(7)

# wish: recovery was asked for; button: it is held; ended; trial: the image is on trial; flag: the sanity
# flag; left: another miss is not the last one; way: as far as known there is an image to go back to. The
# first row that fits counts.
TABLE = (
    ("recovery was asked for", YES, ANY, ANY, ANY, ANY, ANY, ANY, SERVE),
    ("the button is held", ANY, YES, ANY, ANY, ANY, ANY, ANY, SERVE),
    ("nothing to judge", ANY, ANY, LEFT, ANY, ANY, ANY, ANY, RUN),
    ("a trial has its own count", ANY, ANY, ANY, YES, ANY, ANY, ANY, RUN),
    ("a start without a hard reset", ANY, ANY, WARM, ANY, ANY, ANY, ANY, RUN),
    ("it could be reached", ANY, ANY, RESET, ANY, YES, ANY, ANY, WELL),
    ("it failed, but could be reached", ANY, ANY, FAULT, ANY, YES, YES, ANY, COUNT),
    ("it could not be reached", ANY, ANY, ANY, ANY, NO, YES, ANY, MISS),
    ("too often in a row", ANY, ANY, ANY, ANY, ANY, NO, YES, BACK),
    ("it fails, and there is no way back", ANY, ANY, ANY, ANY, YES, ANY, ANY, SERVE),
    ("nothing is left", ANY, ANY, ANY, ANY, ANY, ANY, ANY, STAY),
)

RECOVERS = (SERVE, MISS, STAY)


def decide(facts: tuple) -> tuple[int, str]:
    """What to do for `facts` (wish, button, ended, trial, flag, left, way), and the name of the row."""
    for row in TABLE:
        if all(want is ANY or want == have for want, have in zip(row[1:8], facts)):
            return row[8], row[0]
    raise AssertionError("the last row fits everything")
