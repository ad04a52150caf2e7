"""The power-cut campaign: every strategy, every action, cut at every flash operation, judged from outside.

`python tools/powercut --help`. What a case is: cases.py and, with a runtime beside the application,
cases_two.py; how it is cut: campaign.py; what has to hold afterwards: judge.py, judge_two.py; the mended
weaknesses, switched off one by one: mutations.py, mutations_two.py, mutations_enc.py; the share that runs on
MicroPython: on_micropython.py, whose other end is there.py. chip.py and targets.py run on both. Images are
made by images.py, encrypted ones with sealing.py.
"""

import sys

if sys.implementation.name == "cpython":
    from pathlib import Path

    ROOT = Path(__file__).parents[2]
    for _folder in (ROOT / "bootloader", ROOT / "host" / "ophion" / "sim" / "device"):
        # Appended: the simulator's stand-ins (time.py, select.py) must not hide the standard library.
        if str(_folder) not in sys.path:
            sys.path.append(str(_folder))
