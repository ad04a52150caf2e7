"""In which form an image is sent: as it is, or as a patch (SPEC.md 12) of what runs, or of nothing.

The smallest form that the device says it can take is sent. A form is a function of (image, Known, what the
device told); it returns the bytes, or raises Unfit with the reason. The full image is not one of them: it
always can be sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ophion_boot.fmt.delta import TABLE_BITS, VERSION
from ophion_boot.fmt.sealed import VERSION as SEALED_VERSION

from ophion.delta import make_image_patch
from ophion.errors import PatchError
from ophion.package.image import ImageFile
from ophion.push.group64 import DeltaBaseResponse

FULL = "full"
DELTA = "delta"
COMPRESSED = "compressed"
_NO_BASES = "no image is given that the device may run (--base)"


class Unfit(Exception):
    """This form of the image cannot be made, or is of no use; the text says why."""


@dataclass(frozen=True)
class Possibility:
    """One form: its `size` in bytes, or None and the `reason` why it is not to be had."""

    form: str
    size: int | None
    reason: str = ""


@dataclass(frozen=True)
class Choice:
    """The `form` that is sent, its bytes, and all that there was to choose from."""

    form: str
    data: bytes
    possibilities: tuple[Possibility, ...]

    @property
    def reason(self) -> str:
        """Why it is not a smaller form: of a full image all reasons, else why it is no delta though one was
        asked for; "" for a delta."""
        told = [one for one in self.possibilities if one.reason and self.form != DELTA]
        if self.form == COMPRESSED:
            told = [one for one in told if one.reason != _NO_BASES]
        return "; ".join(f"{one.form}: {one.reason}" for one in told)


@dataclass(frozen=True)
class Known:
    """What is known beside the image: `bases` that the device may run, private keys that open images."""

    bases: Sequence[ImageFile] = ()
    enc_keys: Sequence[tuple[bytes, int, bytes]] = field(default=(), repr=False)


def delta(image: ImageFile, known: Known, device: DeltaBaseResponse) -> bytes:
    """A patch for the image that the device runs, which has to be among `known.bases`."""
    if not known.bases:
        raise Unfit(_NO_BASES)
    named = [*device.bases, *device.encrypted]
    runs = next((base for base in named if base.image == image.number), None)
    if runs is None:
        raise Unfit("the device names no image that a patch can be made against")
    old = next((base for base in known.bases if (base.hash, base.size) == (runs.hash, runs.size)), None)
    if old is None:
        raise Unfit(f"the device runs {runs.version} ({runs.hash.hex()[:16]}), which was not given")
    return _made(old, image, known, device)


def compressed(image: ImageFile, known: Known, device: DeltaBaseResponse) -> bytes:
    """A patch that needs no image: the whole one, made small."""
    return _made(None, image, known, device)


def _made(old: ImageFile | None, new: ImageFile, known: Known, device: DeltaBaseResponse) -> bytes:
    if new.aes_bits and device.sealed != SEALED_VERSION:
        there = f"of format {device.sealed}, this is {SEALED_VERSION}" if device.sealed else "not"
        raise Unfit(f"the image is encrypted, and patches of such images the device takes {there}")
    try:
        small = device.bits < TABLE_BITS[-1]
        return make_image_patch(old, new, small=small, enc_keys=known.enc_keys)
    except PatchError as error:
        raise Unfit(error.message) from None


_FORMS: dict[str, Callable[[ImageFile, Known, DeltaBaseResponse], bytes]] = {
    DELTA: delta,
    COMPRESSED: compressed,
}


class Chooser:
    """Chooses for one device; what it made once is not made again. `known` is what patches are made of; with
    `compress` the whole image is made small, too. That takes about a second for 1.5 MiB, and saves more."""

    def __init__(self, known: Known, compress: bool = True) -> None:
        self._known = known
        self._compress = compress
        self._made: dict[tuple[str, bytes, bytes], bytes | Unfit] = {}
        self._refused: dict[tuple[str, bytes], str] = {}

    def refused(self, form: str, digest: bytes, reason: str) -> None:
        """The device does not take this form of the image with this hash."""
        self._refused[form, digest] = f"refused by the device: {reason}"

    async def choose(self, image: ImageFile, device: DeltaBaseResponse | None) -> Choice:
        """The smallest form; `device` is what it told of patches, None when it takes none.

        Patches are made in a thread: the connection stands meanwhile.
        """
        possible = [Possibility(FULL, image.size)]
        best = Possibility(FULL, image.size), image.image
        for form in _FORMS:
            try:
                data = await self._form(form, image, device)
            except Unfit as why:
                possible.append(Possibility(form, None, str(why)))
                continue
            found = Possibility(form, len(data), "" if len(data) < image.size else "not smaller")
            possible.append(found)
            if len(data) < len(best[1]):
                best = found, data
        return Choice(best[0].form, best[1], tuple(possible))

    async def _form(self, form: str, image: ImageFile, device: DeltaBaseResponse | None) -> bytes:
        if (form, image.hash) in self._refused:
            raise Unfit(self._refused[form, image.hash])
        if form == COMPRESSED and not self._compress:
            raise Unfit("not wanted (--no-compress)")
        if device is None or not device.patch:
            raise Unfit("the device takes no patches")
        if device.patch != VERSION:
            raise Unfit(f"the device takes patches of format {device.patch}, this is format {VERSION}")
        key = form, image.hash, b"".join(base.hash for base in [*device.bases, *device.encrypted])
        if key not in self._made:
            try:
                self._made[key] = await asyncio.to_thread(_FORMS[form], image, self._known, device)
            except Unfit as why:
                self._made[key] = why
        made = self._made[key]
        if isinstance(made, Unfit):
            raise made
        return made
