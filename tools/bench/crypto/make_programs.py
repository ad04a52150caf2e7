"""Writes the device's edwards_code.py and p256_code.py: the field machine's programs as constants in flash.

Put together on the device they would take heap for ever, and time at every boot.
"""

from pathlib import Path

import programs_edwards
import programs_p256
from as_module import as_module
from programs import assemble

FOLDER = Path(__file__).parents[3] / "bootloader/ophion_boot/crypto"
ABOUT = "Programs of the field machine for `%s`, written by tools/bench/crypto/make_programs.py."


def sources() -> dict[Path, str]:
    """The text of each module."""
    return {
        FOLDER / f"{name}_code.py": as_module(
            ABOUT % f"{name}_vm", {"CODE": assemble(source.PROGRAMS), **source.STEPS}
        )
        for name, source in (("edwards", programs_edwards), ("p256", programs_p256))
    }


if __name__ == "__main__":
    for path, text in sources().items():
        path.write_text(text)
