"""Settings of a device as SMP carries them (bootloader/SPEC.md 6.7)."""

from __future__ import annotations

import struct

from ophion.errors import OphionError, UsageError

NAMES = ("name", "period_s")
"""Those that can be changed."""
READABLE = (*NAMES, "access")


def setting(name: str, value: str) -> tuple[str, bytes]:
    """(key, bytes) of a setting; no bytes for an empty value. Raises UsageError."""
    if name not in NAMES:
        raise UsageError(
            f"no setting is called {name!r}",
            f"one of {', '.join(NAMES)}; access is a matter of the firmware"
            if name in READABLE
            else f"one of {', '.join(NAMES)}",
        )
    if name == "name" or not value:
        return f"ophion/{name}", value.encode()
    if not value.isdecimal() or int(value) >= 1 << 32:
        raise UsageError(f"{name} {value!r} is not a number of seconds")
    return f"ophion/{name}", struct.pack("<I", int(value))


def value_of(name: str, data: bytes) -> str | int:
    """What the bytes of a setting mean: text, or a number of seconds. Raises OphionError."""
    try:
        return int(struct.unpack("<I", data)[0]) if name == "period_s" else data.decode()
    except (struct.error, UnicodeDecodeError):
        raise OphionError(f"the device's setting {name} is {data.hex()}, which means nothing") from None
