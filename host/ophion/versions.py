"""Image versions: `major.minor.revision[+build]`, with the widths that the MCUboot header gives them."""

from __future__ import annotations

import re
from typing import NamedTuple

from ophion_boot import VERSION

from ophion.errors import UsageError

PRODUCT = VERSION
"""The version of Ophion itself: host and bootloader are released together."""

_PATTERN = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:\+(0|[1-9]\d*))?")
_LIMITS = (0xFF, 0xFF, 0xFFFF, 0xFFFFFFFF)


class Version(NamedTuple):
    """The `image_version` structure of the MCUboot header (u8, u8, u16, u32)."""

    major: int
    minor: int
    revision: int
    build: int = 0

    def __str__(self) -> str:
        text = f"{self.major}.{self.minor}.{self.revision}"
        return f"{text}+{self.build}" if self.build else text

    @property
    def security_counter(self) -> int:
        """The counter that imgtool's `auto` derives: major, minor and revision side by side."""
        return (self.major << 24) + (self.minor << 16) + self.revision


def parse_version(text: str) -> Version:
    """Read `1.2.3` or `1.2.3+45`.

    Raises UsageError for another form or a number that its field cannot hold.
    """
    match = _PATTERN.fullmatch(text)
    if match is None:
        raise UsageError(
            f"not a version: {text!r}", "write MAJOR.MINOR.REVISION or MAJOR.MINOR.REVISION+BUILD"
        )
    numbers = [int(group or 0) for group in match.groups()]
    for name, value, limit in zip(Version._fields, numbers, _LIMITS, strict=True):
        if value > limit:
            raise UsageError(f"version {text}: {name} {value} is above {limit}, the most an image holds")
    return Version(*numbers)
