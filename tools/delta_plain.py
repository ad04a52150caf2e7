"""Writes the delta decoder's symbols without viper, `core/delta_plain.py`, from those with it.

Run it from anywhere after a change of `core/delta_viper.py`; a test holds the file to what this makes.
"""

import re
from pathlib import Path

CORE = Path(__file__).parents[1] / "bootloader" / "ophion_boot" / "core"
TARGET = CORE / "delta_plain.py"
_HEAD = '''"""The symbols of a delta patch without viper; tools/delta_plain.py makes it of `delta_viper`."""
# ruff: noqa: E701, E702
# fmt: off
# mypy: ignore-errors

import array


def counters(size: int):
    """A table of `size` counters of 16 bits, with anything in it."""
    return array.array("H", range(size))
'''


def source() -> str:
    """What the file is to hold."""
    _, *functions = (CORE / "delta_viper.py").read_text().split("\n\n\n@micropython.viper\n")
    text = "".join("\n\n" + function.rstrip("\n") + "\n" for function in functions)
    return _HEAD + re.sub(r": ptr\d+", "", text)


if __name__ == "__main__":
    TARGET.write_text(source())
