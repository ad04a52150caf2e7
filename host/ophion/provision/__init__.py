"""Lock a chip for good: Secure Boot v2, flash encryption, JTAG, download mode; and tell it apart.

    wishes = make_wishes(layout, [public])        # what the chip is to become
    chip = open_virtual("efuse.bin", "esp32c3")   # or open_port("/dev/ttyUSB0")
    record = begin(Path("provisioned"), chip.state().mac, layout.name, wishes, 3)
    for step in apply(chip, record, job.makers(record), close=False):
        ...                                       # burned
    check(wishes, chip.state()).missing           # []

`table` is data, `plan` and `report` decide over a State, `efuse` burns, `record` remembers. Nothing prints.
"""

from ophion.provision.burning import apply
from ophion.provision.efuse import EfuseChip, blank, open_port, open_virtual
from ophion.provision.job import Job, make_wishes
from ophion.provision.plan import START, Step, steps
from ophion.provision.record import Record, begin, load
from ophion.provision.report import Finding, Report, check
from ophion.provision.state import State
from ophion.provision.wishes import Wishes

__all__ = [
    "START",
    "EfuseChip",
    "Finding",
    "Job",
    "Record",
    "Report",
    "State",
    "Step",
    "Wishes",
    "apply",
    "begin",
    "blank",
    "check",
    "load",
    "make_wishes",
    "open_port",
    "open_virtual",
    "steps",
]
