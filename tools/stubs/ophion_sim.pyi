# What the simulator's module offers to the port (host/ophion/sim/device/ophion_sim.py).
from typing import Any

def flash() -> Any: ...
