"""What is cut: a case is strategy/action/pair/variant/history, `swap_offset/revert/larger/w4/used` say.

Images: `old` runs, `new` is the update, `past` ran before `old`, `gold` is the factory image, if there is
one; where images are encrypted, all but `past` are. A case has a preparation (never cut) and an action; both
are ordinary calls of the bootloader, as the device makes them.
"""

import functools
from collections import namedtuple

from ophion.delta import make_patch
from ophion.delta.sealed import seal_patch
from ophion.package import parse_image

from powercut.chip import content
from powercut.device import Device
from powercut.images import KEYS, Sealed, alike, sealed, signed
from powercut.sealing import DEVICE_KEYS
from powercut.targets import IMAGE_SECTORS, TARGETS

# Sectors of (old, new).
PAIRS = {"equal": (3, 3), "smaller": (4, 2), "larger": (2, 4), "one": (IMAGE_SECTORS, 1), "full": (5, 5)}
# Trials of an update. `new`: a factory-fresh flash. `used`: an earlier update is behind it, so that trailers
# hold an older journal and the secondary slot an older image.
HISTORIES = {"new": 1, "used": 3}
_PAST_SECTORS = 3
_GOLD_SECTORS = 2

Case = namedtuple("Case", "strategy action pair variant history")


def name_of(case: Case) -> str:
    return "/".join(case)


def sizes_of(pair: str, sector: int) -> dict[str, int]:
    """Bytes of the images of a case; their last sector is filled to different degrees."""
    old, new = PAIRS[pair]
    sizes = {"old": old * sector - 57, "new": new * sector - 130, "past": _PAST_SECTORS * sector - 8}
    sizes["gold"] = _GOLD_SECTORS * sector - 40
    for name, sectors in (("old", old), ("new", new)):
        if sectors == IMAGE_SECTORS:
            sizes[name] = sectors * sector
    return sizes


@functools.cache
def images_of(pair: str, sector: int) -> dict[str, bytes]:
    """The approved images of a case."""
    sizes = sizes_of(pair, sector)
    return {name: signed(number, size) for number, (name, size) in enumerate(sizes.items(), 1)}


@functools.cache
def delta_of(pair: str, sector: int) -> tuple[bytes, bytes]:
    """(an update that is like the old image, the patch that makes it of that)."""
    old = images_of(pair, sector)["old"]
    new = alike(2, sizes_of(pair, sector)["new"], old)
    return new, make_patch(old, new)


@functools.cache
def sealed_of(pair: str, sector: int) -> dict:
    """The encrypted images (images.Sealed) of a case."""
    sizes = sizes_of(pair, sector)
    return {name: sealed(number, sizes[name]) for number, name in enumerate(sizes, 1) if name != "past"}


@functools.cache
def sealed_delta_of(pair: str, sector: int) -> tuple[Sealed, bytes]:
    """(an encrypted update that is like the old image, the sealed patch that makes it of that)."""
    old = sealed_of(pair, sector)["old"]
    new = sealed(2, sizes_of(pair, sector)["new"], old.running)
    return new, seal_patch(parse_image(old.stored), parse_image(new.stored), DEVICE_KEYS)


def layout_of(case: Case, two: bool = False):
    """Flash of a case. Variants: w4 (write unit), w4-real (real verifier), w4-4k (sectors of 4096), w4-enc
    (encrypted images), w4-delta (the update comes as a patch), w4-enc-delta (both)."""
    width, _, extra = case.variant.partition("-")
    sector = 4096 if extra == "4k" else 512
    return TARGETS[case.strategy].on(sector, int(width[1:]), two, is_sealed(case))


def is_real(case: Case) -> bool:
    """The case has the real verifier."""
    return case.variant.endswith("-real")


def is_sealed(case: Case) -> bool:
    """The images of the case are encrypted."""
    return "-enc" in case.variant


def is_delta(case: Case) -> bool:
    """The update of the case comes as a patch."""
    return case.variant.endswith("-delta")


def device_of(case: Case, kinds=None) -> Device:
    """The device of a case; `kinds` (chip.Kinds) may have mutants."""
    layout = layout_of(case)
    images = images_of(case.pair, layout.sector)
    trials = HISTORIES[case.history]
    patches = {}
    if is_delta(case) and not is_sealed(case):
        new, patch = delta_of(case.pair, layout.sector)
        images, patches = {**images, "new": new}, {new: patch}
    if not is_sealed(case):
        device = Device(layout, images, {}, trials, KEYS, is_real(case), kinds=kinds)
        device.patches = patches
        return device
    images, running = dict(images), dict(images)
    secrets: set[bytes] = set()
    plain: set[bytes] = set()
    made = sealed_of(case.pair, layout.sector)
    if is_delta(case):
        new, patch = sealed_delta_of(case.pair, layout.sector)
        made, patches = {**made, "new": new}, {new.stored: patch}
    for name, image in made.items():
        images[name], running[name] = image.stored, image.running
        secrets.update(image.secrets)
        plain |= image.plain
    device = Device(layout, images, {}, trials, KEYS, kinds=kinds, running=running, device_keys=DEVICE_KEYS)
    device.hides(secrets, plain)
    device.patches = patches
    return device


def prepare(case: Case) -> bytes:
    """Flash at the moment when the action begins, made by the bootloader as it is (no mutant)."""
    device = device_of(case._replace(variant=case.variant.removesuffix("-real")))
    state = _first_image(device, case.history == "used")
    if case.action == "upload":
        return state
    flash = device.flash(state)
    device.upload(device.strategy(flash), device.images["new"])
    if case.action in ("test", "permanent", "revert", "confirm", "erase"):
        device.strategy(flash).set_pending(case.action == "permanent")
    state = content(flash)
    if case.action == "repair":
        return _damaged(device, state)
    boots = {"revert": device.trials, "confirm": 1}.get(case.action, 0)
    for _ in range(boots):
        seen = device.boot(state)
        must(seen.runs == "new" and seen.trial, case, seen)
        state = seen.state
    return state


def _damaged(device: Device, state: bytes) -> bytes:
    """The first sector of the image that runs is lost."""
    flash = device.flash(state)
    sector = device.layout.sector
    flash.writeblocks(device.boot(state).place // sector, bytes(sector))
    return content(flash)


def _first_image(device: Device, used: bool) -> bytes:
    flash = factory(device, "past" if used else "old")
    if not used:
        return content(flash)
    device.request(device.parts(flash), "old")
    seen = device.boot(content(flash), confirms=True)
    must(seen.runs == "old", "history", seen)
    return seen.state


def factory(device: Device, name: str):
    """A flash with application `name`, and the factory image where there is one."""
    layout = device.layout
    flash = device.flash(b"\xff" * layout.size)
    flash_image(flash, 0, device.running[name])
    if layout.target.back == "gold":
        flash_image(flash, layout.third_at(), device.images["gold"])
    return flash


def flash_image(flash, at: int, image: bytes) -> None:
    """Write whole sectors, as a programmer would."""
    flash.writeblocks(at // flash.sector, image + b"\xff" * (-len(image) % flash.sector))


def must(fact: bool, case, seen) -> None:
    """Raise AssertionError when a preparation did not come to what it should."""
    if not fact:
        raise AssertionError(f"preparation of {case}: {seen.runs!r} {seen.runtime!r} runs, {seen.problem}")


def act(case: Case, device: Device, flash) -> None:
    """The action that is cut, on `flash`."""
    if case.action in ("test", "permanent", "revert", "repair"):
        device.run(flash)
    elif case.action == "confirm":
        device.strategy(flash).confirm()
    elif case.action in ("pending", "pending_permanent"):
        device.strategy(flash).set_pending(case.action == "pending_permanent")
    elif case.action == "upload":
        device.upload(device.strategy(flash), device.images["new"])
    elif case.action == "erase":
        device.strategy(flash).discard()
    else:
        raise ValueError(f"no action {case.action}")
