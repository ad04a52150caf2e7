"""What a new simulated device comes with: its flash, its partition table and its frozen files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ophion.sim.errors import SimError
from ophion.sim.stage import stand_ins, stock_files
from ophion.sim.state import Board

if TYPE_CHECKING:
    from ophion.build.access import AccessPolicy
    from ophion.build.layout import Layout


@dataclass(frozen=True)
class Goods:
    """What is put into a new device; see `Simulator.create` for each."""

    name: str
    image: bytes | None = None
    golden: bytes | None = None
    keys: Sequence[bytes] = ()
    roots: bytes = b""
    enc_keys: Sequence[tuple[bytes, int, bytes]] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)
    runtime: Sequence[int] = (1, 0, 0, 0)
    access: AccessPolicy | None = None
    udp: str = ""
    serial: str = ""
    flash: bytes = b""
    table_at: int = 0x8000


Made = tuple[Board, bytes, Mapping[str, bytes]]
"""(board, flash, frozen files)"""


def bare(goods: Goods, flash_size: int) -> Made:
    """A chip without a bootloader: the image at the start of its flash. Raises SimError."""
    flash = _filled(flash_size, [("the primary area", 0, flash_size, goods.image)])
    return Board.fresh(goods.name, flash_size, 4096, 4, ()), flash, {**stand_ins(), **goods.files}


def from_flash(goods: Goods, flash_size: int) -> Made:
    """A chip with all that its flash holds, and MicroPython's own build. Raises SimError, InputError.

    The second-stage bootloader checks the application image, and the Unix port stands in for it.
    """
    from ophion.build.partitions import parse_table

    rows = parse_table(goods.flash[goods.table_at :])
    table = tuple((row.label, row.kind, row.subtype, row.offset, row.size) for row in rows)
    flash = _filled(flash_size, [("the flash", 0, flash_size, goods.flash)])
    frozen = {**stand_ins(), **stock_files(), **goods.files}
    return Board.fresh(goods.name, flash_size, 4096, 4, table), flash, frozen


def from_layout(goods: Goods, path: Path) -> Made:
    """A board with bootloader and firmware library, by its layout.toml. Raises SimError, LayoutError."""
    from ophion.build.layout import load_layout

    layout = load_layout(path)
    if goods.enc_keys:
        layout = layout.with_encryption()
    if goods.access is not None:
        layout = layout.with_access(goods.access)
    layout = layout.with_roads(goods.udp, goods.serial)
    if layout.port == "esp32" and not layout.has_runtime:
        raise SimError(
            f"{layout.name} has one app partition: a simulated ESP32 boots from ota_0 and ota_1",
            "take a board with 8 MB of flash, such as esp32s3",
        )
    contents = {"primary": goods.image, "golden": goods.golden or goods.image}
    table: tuple[tuple[str, int, int, int, int], ...] = ()
    if layout.has_runtime:
        contents["ota_0"] = _runtime(goods, layout)
        frozen: Mapping[str, bytes] = stand_ins()
        table = _partitions(layout)
    else:
        frozen = _frozen(goods, layout)
    areas = layout.areas
    places = [
        (f"areas.{key}", areas[key].offset, areas[key].size, data)
        for key, data in contents.items()
        if key in areas
    ]
    board = Board.fresh(goods.name, layout.flash_size, layout.sector, layout.write_size, table)
    return board, _filled(layout.flash_size, places), frozen


def _runtime(goods: Goods, layout: Layout) -> bytes:
    from ophion.sim.firmware import runtime_image

    return runtime_image(
        layout, goods.name, goods.keys, goods.runtime, goods.files, goods.roots, goods.enc_keys
    )


def _frozen(goods: Goods, layout: Layout) -> dict[str, bytes]:
    from ophion.build.frozen import frozen_files

    made = frozen_files(
        layout, goods.name, goods.keys, goods.runtime, goods.roots, goods.enc_keys, simulated=True
    )
    return {**stand_ins(), **made, **goods.files}


def _partitions(layout: Layout) -> tuple[tuple[str, int, int, int, int], ...]:
    """The partition table of a board whose runtime is a component (label, type, subtype, offset, size)."""
    if layout.port == "esp32":
        from ophion.build.partitions import partitions

        return tuple((row.label, row.kind, row.subtype, row.offset, row.size) for row in partitions(layout))
    kinds = {"otadata": (1, 0x00), "ota_0": (0, 0x10), "ota_1": (0, 0x11)}
    return tuple(
        (name, *kind, layout.areas[name].offset, layout.areas[name].size) for name, kind in kinds.items()
    )


def _filled(size: int, places: Sequence[tuple[str, int, int, bytes | None]]) -> bytes:
    """Erased flash of `size` bytes with data in its places (name, offset, room, data)."""
    flash = bytearray(b"\xff" * size)
    for place, at, room, data in places:
        if len(data or b"") > room:
            raise SimError(f"an image of {len(data or b'')} bytes does not fit {place} of {room}")
        flash[at : at + len(data or b"")] = data or b""
    return bytes(flash)
