"""The module `ophion_layout` that a device has frozen in: its layout, and what it trusts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from ophion_boot.crypto import CryptoError
from ophion_boot.fmt import FormatError
from ophion_boot.fmt.key import from_raw, key_hash
from ophion_boot.fmt.statement import ROOTS, parse_chain

from ophion.build.layout import Layout
from ophion.build.layout_error import LayoutError
from ophion.build.tables import key_tables, steady_keys


def device_module(
    layout: Layout,
    name: str,
    keys: Sequence[bytes],
    runtime: Sequence[int] = (0, 0, 0, 0),
    roots: bytes = b"",
    enc_keys: Sequence[tuple[bytes, int, bytes]] = (),
) -> str:
    """Source of the device's module `ophion_layout`.

    `keys` are public keys that sign images without a chain, raw Ed25519 or as MCUboot hashes them; `roots`
    is a chain file whose last root set the firmware holds, empty for none (its other statements are looked at
    on a board with `key_tables` only: their keys may get a table); `runtime` is the version of the
    runtime that the module is frozen into; `enc_keys` are private keys that open encrypted images
    (`ophion.keys.DeviceKey.entry`), on a board with `encryption`. Raises LayoutError.
    """
    if enc_keys and not layout.encryption:
        raise LayoutError(
            "update.encryption is not true: this board has no use for a key of encrypted images"
        )
    pairs = [(key_hash(from_raw(key)), key) for key in keys]
    values = {
        "name": name,
        "hw": layout.hw,
        "port": layout.port,
        "runtime": tuple(runtime),
        "strategy": layout.strategy,
        "sector": layout.sector,
        "write_size": layout.write_size,
        "trials": layout.trials,
        "watchdog_ms": layout.watchdog_ms,
        "recovery_s": layout.recovery_s,
        "health": asdict(layout.health),
        "access": layout.access.entry(),
        "button": layout.button,
        "led": layout.led,
        "smp": layout.smp,
        "udp": layout.udp,
        "serial": asdict(layout.serial) if layout.serial else None,
        "areas": {key: (area.offset, area.size) for key, area in layout.areas.items()},
        "keys": pairs,
        "roots": root_set(roots) if roots else None,
        "trust_cache": layout.trust_cache,
        "tables": _tables(layout, keys, roots),
        "encryption": layout.encryption,
        "delta": layout.delta,
        "enc_keys": list(enc_keys),
    }
    lines = "".join(f"    {key!r}: {value!r},\n" for key, value in values.items())
    return f'"""Made by ophion from layout.toml: do not edit."""\n\nLAYOUT = {{\n{lines}}}\n'


def _tables(layout: Layout, keys: Sequence[bytes], roots: bytes) -> dict[bytes, tuple[bytes, bytes]]:
    if not layout.key_tables:
        return {}
    held = root_set(roots)["keys"] if roots else []
    chain = parse_chain(roots) if roots else []
    try:
        return key_tables(steady_keys(keys, held, chain, layout.trust_cache))
    except CryptoError as error:
        raise LayoutError(f"update.key_tables: {error}") from error


def root_set(data: bytes) -> dict[str, Any]:
    """The last root set of a chain file, as the device's layout holds it. Raises LayoutError."""
    try:
        found = [statement for statement in parse_chain(data) if statement.role == ROOTS]
    except FormatError as error:
        raise LayoutError(f"root set: {error}") from error
    if not found:
        raise LayoutError("root set: the chain holds none")
    return {"version": found[-1].version, "threshold": found[-1].threshold, "keys": found[-1].keys}
