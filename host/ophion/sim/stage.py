"""What stands for the chip in a simulated device, and is frozen into it beside the product's own files."""

from __future__ import annotations

from pathlib import Path

_STAND_INS = Path(__file__).parent / "device"
STOCK = "stock"
"""The folder, among the frozen files, of those that MicroPython's own build has."""


def stand_ins() -> dict[str, bytes]:
    """The files that stand for the chip: machine, bluetooth, time, select, the link and start.py."""
    files = {path.name: path.read_bytes() for path in sorted(_STAND_INS.glob("*.py"))}
    del files["__init__.py"]  # only there so that the host can import the message numbers
    return files


def stock_files() -> dict[str, bytes]:
    """What stands for the files that MicroPython's own ESP32 build has frozen, in their folder."""
    return {f"{STOCK}/{path.name}": path.read_bytes() for path in sorted((_STAND_INS / STOCK).glob("*.py"))}
