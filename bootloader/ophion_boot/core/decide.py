"""What the next boot does, as a table (MCUboot's, bootutil swap tables, and our trials).

Flags have two values here, written and erased: a torn flag counts as written, because the step it
closes was complete before its write began. A torn magic counts as no magic.
"""

from ophion_boot.compat import const
from ophion_boot.fmt.trailer import GOOD, NONE, PERM, REVERT, TEST, UNSET

ANY = const(None)  # type: ignore[type-var]
YES = const(True)
NO = const(False)

# revert noted; secondary: magic, image_ok, copy_done; primary: magic, image_ok, copy_done;
# trials left -> swap type. The first row that fits counts. SPEC.md 3 has this table; a test compares.
TABLE = (
    ("a revert was begun", YES, ANY, ANY, ANY, ANY, ANY, ANY, ANY, REVERT),
    ("MCUboot began a revert", ANY, YES, NO, YES, ANY, ANY, ANY, ANY, REVERT),
    ("an update is to be tried", ANY, YES, NO, ANY, ANY, ANY, ANY, ANY, TEST),
    ("an update is to stay", ANY, YES, YES, ANY, ANY, ANY, ANY, ANY, PERM),
    ("the trial goes on", ANY, ANY, ANY, ANY, YES, NO, YES, YES, NONE),
    ("the trial is over", ANY, ANY, ANY, ANY, YES, NO, YES, NO, REVERT),
    ("nothing to do", ANY, ANY, ANY, ANY, ANY, ANY, ANY, ANY, NONE),
)

NAMES = {NONE: "none", TEST: "test", PERM: "permanent", REVERT: "revert"}


class Facts:
    """What the two trailers say; build it from `Slot`s or, in tests, from the seven values."""

    def __init__(
        self,
        revert_noted: bool,
        sec_magic: int,
        sec_ok: int,
        sec_done: int,
        pri_magic: int,
        pri_ok: int,
        pri_done: int,
        trials_left: bool,
    ) -> None:
        self.row = (
            revert_noted,
            sec_magic == GOOD,
            sec_ok != UNSET,
            sec_done != UNSET,
            pri_magic == GOOD,
            pri_ok != UNSET,
            pri_done != UNSET,
            trials_left,
        )

    @property
    def on_trial(self) -> bool:
        """The image in the primary slot was swapped in and nobody confirmed it yet."""
        return self.row[4:7] == (True, False, True)

    @property
    def pending(self) -> bool:
        """The secondary slot holds an update that the next boot is asked to install."""
        return decide(self)[0] in (TEST, PERM)


def decide(facts: Facts) -> tuple[int, str]:
    """The swap type for the next boot and the name of the row that says so."""
    for row in TABLE:
        if all(want is ANY or want == have for want, have in zip(row[1:9], facts.row)):
            return row[9], row[0]
    raise AssertionError("the last row fits everything")
