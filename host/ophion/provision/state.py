"""What is burned into a chip, as a value: read once, then decided over without the chip."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

UNUSED = "USER"
"""Purpose of a key block that has none (espefuse)."""


@dataclass(frozen=True)
class Field:
    """A field of eFuses: its bits as a number, and whether bits can still be set."""

    value: int
    writeable: bool = True


@dataclass(frozen=True)
class Block:
    """A key block: its bytes, zeros when it is read-protected; `faulty`: the chip reports errors in it."""

    data: bytes
    readable: bool
    writeable: bool
    purpose: str = UNUSED
    purpose_writeable: bool = True
    faulty: bool = False

    @property
    def empty(self) -> bool:
        """Nothing is burned into it, as far as can be seen."""
        return self.readable and not any(self.data)


@dataclass(frozen=True)
class State:
    """A chip's eFuses; `revision` is major * 100 + minor, `mac` the base MAC as aa:bb:cc:dd:ee:ff.

    A field or block that is not in here cannot be seen; `whole` is False then: the chip is in its secure
    download mode, and tells `purposes` at most. `coding` is the coding scheme of an ESP32, 0 elsewhere.
    """

    chip: str
    revision: int
    mac: str
    fields: Mapping[str, Field]
    blocks: Mapping[str, Block]
    coding: int = 0
    whole: bool = True
    purposes: tuple[str, ...] = ()

    def with_purpose(self, purpose: str) -> list[str]:
        """Names of the blocks that have this purpose."""
        return [name for name, block in self.blocks.items() if block.purpose == purpose]


def key_id(data: bytes) -> str:
    """A name for a key of 256 random bits that tells nothing of it: 8 bytes of a hash, in hex."""
    return hashlib.sha256(b"ophion key id" + data).hexdigest()[:16]
