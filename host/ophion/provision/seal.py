"""Flash contents for a chip whose flash key we make: checked, then encrypted with it before it is burned.

The key is in the memory of this process alone. What is written is ciphertext that only that chip reads.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

from ophion.build.layout import Layout
from ophion.build.partitions import BOOTLOADER_AT, partitions
from ophion.errors import InputError, UsageError
from ophion.provision.table import Row

_UNIT = 32  # the ESP32 encrypts in 32 bytes, the others in 16
_TABLE_MAGIC = b"\xaa\x50"
_SECTOR = 0x1000


def regions(layout: Layout) -> dict[str, tuple[int, int]]:
    """{name: (offset, size)} of the flash that is encrypted."""
    start = BOOTLOADER_AT[layout.chip]
    found = {
        "bootloader": (start, layout.table_at - start),
        "partition table": (layout.table_at, layout.sector),
    }
    kept = {
        row.offset: row.size
        for row in partitions(layout)
        if not (row.kind == 0 or row.subtype == 0 or row.encrypted)
    }
    for name, area in layout.areas.items():
        if area.offset not in kept:
            found[name] = (area.offset, area.size)
    return found


def check_flash(layout: Layout, files: Mapping[int, bytes], boot_keys: Sequence[bytes]) -> None:
    """Raise unless `files` ({address: content}) start a chip that is encrypted and verifies what it starts.

    `boot_keys` are public Secure Boot keys in PEM. Raises UsageError for an address, InputError for a file.
    """
    places = regions(layout)
    starts = {offset: (name, size) for name, (offset, size) in places.items()}
    for address, data in files.items():
        if address not in starts:
            known = ", ".join(f"{offset:#x} ({name})" for name, (offset, _) in places.items())
            raise UsageError(f"nothing that is encrypted begins at {address:#x}", f"known: {known}")
        name, size = starts[address]
        if not data or len(data) > size:
            raise InputError(f"the file for {name} has {len(data)} bytes, its place {size}")
    runtime = "factory" if "factory" in places else "ota_0"
    for name in ("bootloader", "partition table", runtime):
        if places[name][0] not in files:
            raise UsageError(
                f"the {name} is missing, for address {places[name][0]:#x}",
                "without it the chip would never start again: its flash key is burned, and nobody has it",
            )
    if not files[layout.table_at].startswith(_TABLE_MAGIC):
        raise InputError(f"the file for the partition table, {layout.table_at:#x}, is none")
    for name in ("bootloader", runtime):
        _check_signature(name, files[places[name][0]], boot_keys)


def _check_signature(name: str, data: bytes, boot_keys: Sequence[bytes]) -> None:
    import espsecure
    import esptool

    from ophion.provision.efuse import quiet

    for pem in boot_keys:
        try:
            with quiet(name, esptool.FatalError):
                espsecure.verify_signature_v2(False, None, io.BytesIO(pem), io.BytesIO(data))
            return
        except esptool.FatalError:
            continue
    raise InputError(
        f"the file for {name} is not signed with any of the Secure Boot keys",
        "sign it: `espsecure sign-data --version 2`",
    )


def encrypt(row: Row, key: bytes, files: Mapping[int, bytes]) -> dict[str, tuple[int, bytes]]:
    """{file name: (address, ciphertext)} for a chip that has `key` as the flash key of `row`."""
    import espsecure

    from ophion.provision.efuse import quiet

    sealed = {}
    for address, data in files.items():
        padded = data + b"\xff" * (-len(data) % _UNIT)
        out = io.BytesIO()
        with quiet(f"encrypting the file for {address:#x}"):
            espsecure.encrypt_flash_data(
                io.BytesIO(key), out, address, 0xF, row.target.startswith("XTS"), io.BytesIO(padded)
            )
        sealed[f"flash-{address:#08x}.bin"] = (address, out.getvalue())
    return sealed
