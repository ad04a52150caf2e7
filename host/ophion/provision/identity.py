"""What tells one device from another: id, name, key for encrypted images; and the NVS that holds them.

The private key goes into an NVS partition that is encrypted with keys derived from the key HMAC_UP in eFuse
(ESP-IDF, "NVS Encryption", HMAC-based scheme), and nowhere else; a copy with a passphrase when asked for.
"""

from __future__ import annotations

import hashlib
import hmac
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ophion_boot.fmt import cbor

from ophion.errors import InputError, UsageError
from ophion.keys import DeviceKey

CELL = "identity"
"""The persistent cell of a device that holds its identity (bootloader/SPEC.md 9.4)."""

_SETTINGS = "settings"
_NAMESPACE = "ophion"
_PAGE = 0x1000
_ID_MAX = 64
_NAME_MAX = 29
# Seeds of the two keys, each repeated to 32 bytes (ESP-IDF, nvs_sec_provider).
_ENCRYPTION_SEED = bytes.fromhex("5a5abeae")
_TWEAK_SEED = bytes.fromhex("a5a5dece")


@dataclass(frozen=True)
class Identity:
    """`device_id` names it for people and servers; `name` is what it advertises, "" for its board's."""

    device_id: str
    name: str = ""
    key: DeviceKey | None = None

    def __post_init__(self) -> None:
        if not 0 < len(self.device_id) <= _ID_MAX or not self.device_id.isprintable():
            raise UsageError(f"a device id has 1 to {_ID_MAX} printable characters: {self.device_id!r}")
        if len(self.name.encode()) > _NAME_MAX or (self.name and not self.name.isprintable()):
            raise UsageError(f"a name has at most {_NAME_MAX} bytes, of printable characters: {self.name!r}")

    @property
    def public(self) -> dict[str, str]:
        """What a record says of it."""
        facts = {"id": self.device_id, "name": self.name}
        if self.key is not None:
            public = self.key.recipient
            facts |= {
                "key_type": public.kind,
                "public_key": public.der.hex(),
                "keyhash": public.keyhash.hex(),
            }
        return facts

    @property
    def cells(self) -> dict[str, bytes]:
        """The persistent cells that the device finds."""
        keys = [] if self.key is None else [list(self.key.entry)]
        cells = {CELL: bytes(cbor.encode({"id": self.device_id, "keys": keys}))}
        if self.name:
            cells[_SETTINGS] = bytes(cbor.encode({"ophion/name": self.name}))
        return cells


def nvs_keys(hmac_key: bytes) -> bytes:
    """The 64 bytes that encrypt NVS on a chip with this HMAC key: key and tweak key of XTS-AES."""
    return b"".join(
        hmac.new(hmac_key, seed * 8, hashlib.sha256).digest() for seed in (_ENCRYPTION_SEED, _TWEAK_SEED)
    )


def nvs_partition(cells: Mapping[str, bytes], size: int, key: bytes) -> bytes:
    """An NVS partition of `size` bytes with these cells, encrypted with `key` (64 bytes; b"": in the clear).

    Raises UsageError without esp-idf-nvs-partition-gen, InputError when the cells do not fit.
    """
    tool = _tool()
    from ophion.provision.efuse import quiet

    out = io.BytesIO()
    with quiet("making the NVS partition"):
        try:
            with tool.nvs_open(out, size - _PAGE, tool.Page.VERSION2, is_encrypt=bool(key), key=key) as nvs:
                tool.write_entry(nvs, _NAMESPACE, "namespace", "", "")
                for name, data in cells.items():
                    tool.write_entry(nvs, name, "data", "hex2bin", data.hex())
        except (tool.InsufficientSizeError, tool.PageFullError, tool.InputError) as error:
            raise InputError(f"the device's data do not fit into its NVS of {size} bytes: {error}") from None
    return out.getvalue()


def _tool() -> Any:
    try:
        from esp_idf_nvs_partition_gen import nvs_partition_gen
    except ImportError:
        raise UsageError(
            "an NVS partition needs esp-idf-nvs-partition-gen, which is not installed",
            "pip install 'ophion[provision]'",
        ) from None
    return nvs_partition_gen
