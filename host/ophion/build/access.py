"""The section [access] of a layout.toml: who may do what to the device (bootloader/SPEC.md 11)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ophion_boot.core.access import OPEN, PAIRED, TOKEN

from ophion.build.layout_error import LayoutError
from ophion.errors import OphionError
from ophion.keys import load_public, refuse_sample

MODES = (OPEN, PAIRED, TOKEN)
NO_PASSKEY, RANDOM_PASSKEY = "none", "random"
_ENTRIES = ("mode", "operators", "passkey")
_DIGITS = 6


@dataclass(frozen=True)
class AccessPolicy:
    """Who may do what.

    mode       "open": everybody everything; "paired": who has paired; "token": who has an operator's key
    operators  their public keys as MCUboot hashes them (`PublicKey.mcuboot`)
    passkey    how centrals pair: "none" (just works), "random" (printed on the console), or six digits
    """

    mode: str = OPEN
    operators: tuple[bytes, ...] = ()
    passkey: str = RANDOM_PASSKEY

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise LayoutError(f"access.mode {self.mode!r} is not one of {', '.join(MODES)}")
        if self.mode == TOKEN and not self.operators:
            raise LayoutError('access.operators is empty: with access.mode "token" nobody could do anything')
        if self.mode == OPEN and self.operators:
            raise LayoutError('access.operators has no use with access.mode "open"')
        digits = len(self.passkey) == _DIGITS and self.passkey.isascii() and self.passkey.isdigit()
        if self.passkey not in (NO_PASSKEY, RANDOM_PASSKEY) and not (digits and int(self.passkey)):
            raise LayoutError(
                f"access.passkey {self.passkey!r} is neither {NO_PASSKEY!r} nor {RANDOM_PASSKEY!r}"
                " nor six digits from 000001 up"
            )

    def check_port(self, port: str) -> None:
        """Raise LayoutError for a mode that a board with this `port` cannot have."""
        if port == "qemu" and self.mode == PAIRED and not self.operators:
            raise LayoutError('access.mode "paired": port qemu has no radio to pair over')
        if port == "qemu" and self.operators:
            raise LayoutError("access.operators: port qemu has no random numbers for challenges")

    def entry(self) -> dict[str, Any]:
        """As the device's layout holds it."""
        number = int(self.passkey) if self.passkey.isdigit() else self.passkey
        return {"mode": self.mode, "operators": list(self.operators), "passkey": number}


def read_access(table: Mapping[str, Any], folder: Path) -> AccessPolicy:
    """[access] of a layout in `folder`, which may be left out: open. Raises LayoutError."""
    section = table.get("access", {})
    if not isinstance(section, dict):
        raise LayoutError("access is not a section")
    for name in section:
        if name not in _ENTRIES:
            raise LayoutError(f"access.{name} is not one of {', '.join(_ENTRIES)}")
    for name in ("mode", "passkey"):
        if not isinstance(section.get(name, ""), str):
            raise LayoutError(f"access.{name} is not a text")
    files = section.get("operators", [])
    if not isinstance(files, list) or not all(isinstance(item, str) for item in files):
        raise LayoutError("access.operators is not a list of file names")
    return AccessPolicy(
        mode=section.get("mode", OPEN),
        operators=operator_keys([folder / item for item in files]),
        passkey=section.get("passkey", RANDOM_PASSKEY),
    )


def operator_keys(paths: Sequence[Path]) -> tuple[bytes, ...]:
    """The public keys in `paths`, as a device holds them. Raises LayoutError, also for sample keys."""
    keys = []
    for path in paths:
        try:
            public = load_public(path)
            refuse_sample(public)
        except OphionError as error:
            raise LayoutError(f"access.operators: {error}", error.hint) from error
        if public.mcuboot in keys:
            raise LayoutError(f"access.operators: {path} is there twice")
        keys.append(public.mcuboot)
    return tuple(keys)
