"""A simulated device by the folder that it lives in, over its own radio: `Link("sim:DIR")`.

Several of them, and a device on the computer's own radio, can be talked to at once: which radio bleak uses is
a matter of the task that connects.
"""

from __future__ import annotations

import json
from contextlib import AbstractAsyncContextManager, nullcontext
from pathlib import Path
from typing import Any

from ophion.errors import UsageError
from ophion.push.access import Access
from ophion.push.ble import BleTransport
from ophion.push.radio import BONDS_FILE, DEFAULT_SIM_DIR, simulator_transport

BOARD_FILE = "sim.json"


class SimTransport(BleTransport):
    """BLE to the device whose simulator runs in the folder that `connect` gets as address."""

    async def connect(self, address: str, timeout_s: float) -> None:
        """Connect. Raises UsageError when nothing runs there, and as BleTransport does."""
        from ophion.sim import bleak_bumble

        folder = Path(address or DEFAULT_SIM_DIR)
        transport = simulator_transport(folder)
        bleak_bumble.keep_bonds(transport, folder / BONDS_FILE)
        with bleak_bumble.here(transport):
            await super().connect(_address_of(folder), timeout_s)

    def _turn(self) -> AbstractAsyncContextManager[Any]:
        """Nobody else uses this radio."""
        return nullcontext()


def _address_of(folder: Path) -> str:
    """The address on the label of the device in `folder`: its name in the air may have been changed."""
    try:
        return str(json.loads((folder / BOARD_FILE).read_text())["address"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{folder / BOARD_FILE} cannot be read: {error}") from None


def sim_transport(access: Access) -> SimTransport:
    """The transport, or UsageError where the simulator is not installed."""
    try:
        import ophion.sim.bleak_bumble  # noqa: F401
    except ImportError as error:
        raise UsageError(
            f"no simulated radio here: {error}", "the simulator runs on Linux, with `pip install ophion`"
        ) from None
    return SimTransport(access)
