"""How large a device's slots are, and how full: SMP's slot info, and what the device says of its bases.

smp 4.2 has no such command, and refuses its number in a header: the bytes are made and read here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ophion_boot.fmt import FormatError, cbor
from ophion_boot.fmt.smp import HEADER_BYTES, pack_request
from smp.image_management import ImageState

from ophion.push.group64 import DeltaBase

_IMAGE_GROUP, _SLOT_INFO = 1, 6
_SEQ = 255  # smp counts to 254
REQUEST = pack_request(1, False, _IMAGE_GROUP, _SEQ, _SLOT_INFO, cbor.encode({}))
"""The whole request (Zephyr, "SMP Protocol Specification", group 1, slot info)."""


@dataclass(frozen=True)
class Slot:
    """A slot: the most bytes that an image in it may have, and how many it has; None: nobody says."""

    image: int
    slot: int
    size: int | None
    used: int | None = None


def slots_told(answer: bytes) -> list[Slot]:
    """The slots in the answer to REQUEST; none in a refusal, or in what is no such answer."""
    try:
        images = cbor.decode_map(answer[HEADER_BYTES:]).get("images")
    except FormatError:
        return []
    return [
        Slot(image.get("image", 0), slot["slot"], slot.get("size"))
        for image in _maps(images)
        for slot in _maps(image.get("slots"))
        if isinstance(slot.get("slot"), int) and isinstance(slot.get("size", 0), int)
    ]


def _maps(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def with_sizes(told: Iterable[Slot], images: Sequence[ImageState], bases: Iterable[DeltaBase]) -> list[Slot]:
    """`told`, with the sizes of the images that the device knows one of.

    A base is the image that runs, and the image list has it in the lowest slot with its hash.
    """
    used: dict[tuple[int, int], int] = {}
    for base in bases:
        held = [state.slot for state in images if (state.image or 0, state.hash) == (base.image, base.hash)]
        if held and base.size:
            used[base.image, min(held)] = base.size
    return [Slot(one.image, one.slot, one.size, used.get((one.image, one.slot))) for one in told]
