"""What happens while an image is pushed, as values in the order they happen.

    Connected (Chosen? Resumed? Uploading* Uploaded Patched?)+ Marked+
    Resetting (Reconnecting | Connected)* Running+ Confirmed+

A lost link puts `Reconnecting`, `Connected` anywhere before `Resetting`; the upload begins again, mostly with
`Resumed`. A release of two images has the events marked + for each; `image` is its number (0 application,
1 runtime). Sizes and offsets are bytes, times seconds.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar


@dataclass(frozen=True)
class Event:
    """Base of all; `kind` names it in JSON."""

    kind: ClassVar[str] = "event"

    def to_json(self) -> dict[str, Any]:
        """Plain values, with the event's name under "event"."""
        return {"event": self.kind, **asdict(self)}


@dataclass(frozen=True)
class Connected(Event):
    """A connection stands; `mtu` is ATT's, `buf_size` the largest request the device takes."""

    kind: ClassVar[str] = "connected"
    device: str
    mtu: int
    buf_size: int


@dataclass(frozen=True)
class Chosen(Event):
    """The image is sent as `form` ("full", "delta", "compressed"), `size` bytes for an image of `total`.

    `possibilities` are all forms there were: {"form", "size" (None: not to be had), "reason"}; `reason` says
    why a full image is sent, or a compressed one though bases for a delta were given.
    """

    kind: ClassVar[str] = "chosen"
    form: str
    size: int
    total: int
    reason: str
    possibilities: list[dict[str, Any]]
    image: int = 0


@dataclass(frozen=True)
class Resumed(Event):
    """`offset` of `total` bytes were on the device already, from an upload that was interrupted."""

    kind: ClassVar[str] = "resumed"
    offset: int
    total: int
    image: int = 0


@dataclass(frozen=True)
class Uploading(Event):
    """`offset` of `total` bytes are on the device; `eta_s` is None until a rate is known."""

    kind: ClassVar[str] = "uploading"
    offset: int
    total: int
    rate: float
    eta_s: float | None
    image: int = 0


@dataclass(frozen=True)
class Uploaded(Event):
    """All of it is there; `sent` bytes went over the air in this push (0: the device had it already)."""

    kind: ClassVar[str] = "uploaded"
    total: int
    sent: int
    seconds: float
    image: int = 0


@dataclass(frozen=True)
class Patched(Event):
    """The device made the image `version` of a patch; `report` is what it logged of bytes and saving."""

    kind: ClassVar[str] = "patched"
    version: str
    report: str
    image: int = 0


@dataclass(frozen=True)
class Marked(Event):
    """The device verified the image and will try it at the next boot."""

    kind: ClassVar[str] = "marked"
    mode: str
    hash: str
    image: int = 0


@dataclass(frozen=True)
class Resetting(Event):
    """The device restarts."""

    kind: ClassVar[str] = "resetting"


@dataclass(frozen=True)
class Reconnecting(Event):
    """There is no connection, the next try begins; `reason` says why the last one ended."""

    kind: ClassVar[str] = "reconnecting"
    attempt: int
    reason: str


@dataclass(frozen=True)
class Running(Event):
    """The new image runs; `confirmed` tells whether it stays."""

    kind: ClassVar[str] = "running"
    version: str
    hash: str
    confirmed: bool
    image: int = 0


@dataclass(frozen=True)
class Confirmed(Event):
    """The new image stays; `by` is "application", "host", or "before" (it had been confirmed already)."""

    kind: ClassVar[str] = "confirmed"
    version: str
    by: str
    image: int = 0
