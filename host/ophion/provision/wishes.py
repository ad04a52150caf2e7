"""What a device is to become: the choices that a table leaves open, checked against what its chip can do."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from ophion.errors import InputError, UsageError
from ophion.provision.table import CHIPS, OFF, SECURE, Chip, Row

MADE_BY = ("chip", "host")
"""Who makes the flash-encryption key."""


@dataclass(frozen=True)
class Wishes:
    """digests    SHA-256 of the Secure Boot keys, in the order of their slots; 32 bytes each
    boot_type  their type, as `ophion keys` names it
    flash_key  "chip": the second-stage bootloader makes the key at its first start; "host": we do, in memory
    download   the ROM's download mode at the end: "off" or "secure"
    quiet      the ROM's log is switched off
    nvs_key    a key for NVS is burned
    """

    chip: str
    digests: tuple[bytes, ...]
    boot_type: str = "rsa-3072"
    flash_key: str = "chip"
    download: str = OFF
    quiet: bool = False
    nvs_key: bool = False

    @property
    def table(self) -> Chip:
        """The chip's table."""
        return CHIPS[self.chip]

    @property
    def rows(self) -> list[Row]:
        """The rows that these wishes ask for, in the order in which they are burned."""
        return [row for row in self.table.rows if self._asks(row.when)]

    def _asks(self, when: str) -> bool:
        if when.startswith("digest "):
            return int(when[-1]) < len(self.digests)
        if when.startswith("no digest "):
            return int(when[-1]) >= len(self.digests)
        flags = {"": True, "quiet": self.quiet, "nvs key": self.nvs_key}
        return flags.get(when, when == self.download)

    def as_json(self) -> dict[str, Any]:
        """For a record; `from_json` takes it."""
        return {**asdict(self), "digests": [digest.hex() for digest in self.digests]}


def from_json(value: dict[str, Any]) -> Wishes:
    """The Wishes that `as_json` gave. Raises InputError when they are none."""
    try:
        digests = tuple(bytes.fromhex(text) for text in value["digests"])
        wishes = Wishes(**{**value, "digests": digests})
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"the record's wishes cannot be read: {error}") from None
    check_wishes(wishes)
    return wishes


def check_wishes(wishes: Wishes) -> None:
    """Raise UsageError for what the chip cannot do."""
    if wishes.chip not in CHIPS:
        raise UsageError(f"no such chip: {wishes.chip!r}", f"one of {', '.join(CHIPS)}")
    chip = wishes.table
    if not wishes.digests:
        raise UsageError("no Secure Boot key is given", "give --boot-key PUB")
    if len(wishes.digests) > chip.digests:
        raise UsageError(
            f"{chip.title} has room for {chip.digests} Secure Boot keys, {len(wishes.digests)} are given"
        )
    if len(set(wishes.digests)) < len(wishes.digests):
        raise UsageError("the same Secure Boot key is given twice", "each slot is for another key")
    if any(len(digest) != 32 for digest in wishes.digests):
        raise UsageError("the digest of a Secure Boot key has 32 bytes")
    if wishes.boot_type not in chip.boot_keys:
        raise UsageError(
            f"{chip.title} takes {' or '.join(chip.boot_keys)} keys for Secure Boot, not {wishes.boot_type}"
        )
    if wishes.flash_key not in MADE_BY:
        raise UsageError(
            f"no such maker of the flash key: {wishes.flash_key!r}", f"one of {', '.join(MADE_BY)}"
        )
    if wishes.download not in (OFF, SECURE):
        raise UsageError(f"no such end of the download mode: {wishes.download!r}", f"{OFF} or {SECURE}")
    for value, when, what in (
        (wishes.download == SECURE, SECURE, "secure download mode"),
        (wishes.quiet, "quiet", "eFuse for the ROM's log"),
        (wishes.nvs_key, "nvs key", "HMAC engine, so no key for NVS"),
    ):
        if value and not any(row.when == when for row in chip.rows):
            raise UsageError(
                f"{chip.title} has no {what}", "see host/docs/howto/provision.md, what each chip cannot do"
            )
