"""A simulated device: real MicroPython, a NOR flash file and a Bluetooth LE radio that Bumble runs.

    async with await Simulator.create("dir", files={"main.py": b"print('hello')"}) as sim:
        await sim.wait_console("hello")

Centrals reach its radio at `sim.transport` with any Bumble host; `ophion.sim.bleak_bumble` makes
`bleak` one.
"""

import logging

from ophion.sim.errors import SimError
from ophion.sim.options import Cut, RadioOptions, Start
from ophion.sim.simulator import Simulator
from ophion.sim.state import radio_of

# Bumble warns of what is normal here (packets for a link that has just ended) and, by a call of
# logging.debug, makes the root logger print it: quiet unless somebody has asked for more.
if logging.getLogger("bumble").level == logging.NOTSET:
    logging.getLogger("bumble").setLevel(logging.ERROR)

__all__ = ["Cut", "RadioOptions", "SimError", "Simulator", "Start", "radio_of"]
