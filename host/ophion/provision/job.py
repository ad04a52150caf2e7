"""From a board and keys to what is wished for, and from options to the makers of keys."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ophion.build.layout import Layout
from ophion.errors import UsageError
from ophion.keys import DeviceKey, PublicKey, generate_device_key, refuse_sample
from ophion.provision.burning import NVS_FILE, Maker, flash_maker, nvs_maker
from ophion.provision.identity import Identity, nvs_partition
from ophion.provision.record import Record, store
from ophion.provision.seal import check_flash
from ophion.provision.wishes import Wishes, check_wishes

KEPT = "device.pem"
"""A copy of the device's private key, with a passphrase; there only when it was asked for."""


def make_wishes(
    layout: Layout,
    boot_keys: Sequence[PublicKey],
    *,
    flash_key: str = "chip",
    download: str = "off",
    quiet: bool = False,
) -> Wishes:
    """What a chip of this board is to become. Raises UsageError, or KeyFileError for a published key."""
    if layout.port != "esp32":
        raise UsageError(
            f"the board {layout.name} is no chip", "eFuses are those of boards of the port esp32"
        )
    for flag, what in (
        (layout.secure_boot, "board.secure_boot"),
        (layout.flash_encrypted, "flash.encrypted"),
    ):
        if not flag:
            raise UsageError(
                f"{what} of the board {layout.name} is not true: its firmware is not for a locked chip",
                "take a board like esp32c3-secure",
            )
    for key in boot_keys:
        refuse_sample(key)
    types = {key.algorithm.value for key in boot_keys}
    if len(types) > 1:
        raise UsageError(f"Secure Boot keys are of one type, not {' and '.join(sorted(types))}")
    kind = types.pop() if types else "rsa-3072"
    blank = Wishes(layout.chip, (b"\0" * 32,), kind, flash_key, download, quiet, layout.nvs_encrypted)
    check_wishes(blank)  # before the type matters to espsecure
    digests = tuple(digest(key) for key in boot_keys)
    wishes = Wishes(layout.chip, digests, kind, flash_key, download, quiet, layout.nvs_encrypted)
    check_wishes(wishes)
    return wishes


def digest(key: PublicKey) -> bytes:
    """What Secure Boot v2 burns of a public key: SHA-256 over its form in a signature block, 32 bytes."""
    try:
        import espsecure
    except ImportError:
        raise UsageError("provisioning needs esptool", "pip install 'ophion[provision]'") from None
    from ophion.provision.efuse import quiet

    with quiet("reading the Secure Boot key"):
        return bytes(espsecure._digest_sbv2_public_key(io.BytesIO(key.pem)))


@dataclass(frozen=True)
class Job:
    """What goes into one device beside the bits of its table.

    files      {address: content} of the flash: encrypted when the host makes the key, else looked at only
    boot_keys  the Secure Boot keys, in PEM, that sign them
    device_id  "" takes the MAC; `name` is what it advertises
    key_type   of the device's key for encrypted images, "" for none
    keep       the passphrase of a copy of that key, None keeps none
    """

    layout: Layout
    files: Mapping[int, bytes] = field(default_factory=dict)
    boot_keys: Sequence[bytes] = ()
    device_id: str = ""
    name: str = ""
    key_type: str = ""
    keep: bytes | None = field(default=None, repr=False)

    def check(self, wishes: Wishes) -> None:
        """Raise UsageError or InputError for what cannot be done, before anything is."""
        if self.files or wishes.flash_key == "host":
            check_flash(self.layout, self.files, self.boot_keys)
        if self.key_type and not wishes.nvs_key:
            raise UsageError(
                f"the board {self.layout.name} does not encrypt its NVS, so no private key goes there",
                "flash.nvs_encrypted = true in its layout, on a chip that can",
            )
        if self.key_type and not self.layout.encryption:
            raise UsageError(
                f"the board {self.layout.name} takes no encrypted images, so a device key is of no use",
                "update.encryption = true in its layout",
            )
        if self.keep is not None and not self.key_type:
            raise UsageError("there is no device key to keep", "add --device-key TYPE")
        if self.keep is not None and not self.keep:
            raise UsageError("the passphrase is empty")
        self.identity("00:00:00:00:00:00", None)

    def identity(self, mac: str, key: DeviceKey | None) -> Identity:
        """Who the device with this MAC is."""
        return Identity(self.device_id or mac.replace(":", ""), self.name, key)

    def makers(self, record: Record) -> dict[str, Maker]:
        """One for each key that the host makes."""
        table, made = record.wishes.table, {}
        if record.wishes.flash_key == "host":
            made[table.flash_key.target] = flash_maker(self.files)
        if record.wishes.nvs_key and table.nvs_key is not None:
            made[table.nvs_key.target] = nvs_maker(lambda: self._new_identity(record), self.layout)
        return made

    def plain_nvs(self, record: Record) -> None:
        """Where NVS is not encrypted: write a partition with id and name, and note them."""
        if record.wishes.nvs_key or record.device:
            return
        owner = self.identity(record.mac, None)
        store(record.folder / NVS_FILE, nvs_partition(owner.cells, self.layout.areas["nvs"].size, b""))
        record.device = owner.public
        record.save()

    def _new_identity(self, record: Record) -> Identity:
        if not self.key_type:
            return self.identity(record.mac, None)
        kept: Path | None = record.folder / KEPT if self.keep else None
        return self.identity(record.mac, generate_device_key(self.key_type, kept, self.keep))
