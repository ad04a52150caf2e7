"""A device's "no" in words: code names, and what one can do about the usual ones."""

from __future__ import annotations

from enum import IntEnum

from smp import error as smperror
from smp.image_management import IMG_MGMT_ERR
from smp.os_management import OS_MGMT_RET_RC

from ophion.errors import RefusedError
from ophion.push.group64 import GROUP as OPHION_GROUP
from ophion.push.group64 import OphionRc

GENERIC = -1
ACCESS_HINT = "it takes this from its operators only: --operator KEY, or, where it wants pairing, --pair"
_IMAGE_GROUP = 1
_GROUPS: dict[int, tuple[str, type[IntEnum]]] = {
    0: ("OS", OS_MGMT_RET_RC),
    _IMAGE_GROUP: ("image", IMG_MGMT_ERR),
    OPHION_GROUP: ("Ophion", OphionRc),
}
_HINTS: dict[tuple[int, int], str] = {
    (_IMAGE_GROUP, IMG_MGMT_ERR.NO_FREE_SLOT): (
        "an update waits or runs on trial: `ophion device reset`, or `ophion device confirm`, then try again"
    ),
    (_IMAGE_GROUP, IMG_MGMT_ERR.IMAGE_ALREADY_PENDING): "restart it first: `ophion device reset`",
    (_IMAGE_GROUP, IMG_MGMT_ERR.CURRENT_VERSION_IS_NEWER): (
        "sign with the current key and a security counter that is not lower: see `ophion device trust`"
    ),
    (OPHION_GROUP, OphionRc.IMAGE_ON_TRIAL): "confirm it (`ophion device confirm`), then deliver again",
    (OPHION_GROUP, OphionRc.STATEMENT_TOO_OLD): "see `ophion device trust` and `ophion keys chain show`",
    (_IMAGE_GROUP, IMG_MGMT_ERR.INVALID_IMAGE_TOO_LARGE): "`ophion size IMAGE` shows what takes the space",
    (_IMAGE_GROUP, IMG_MGMT_ERR.HASH_NOT_FOUND): "`ophion device images` shows what it holds, with hashes",
    (_IMAGE_GROUP, IMG_MGMT_ERR.INVALID_HASH): (
        "check the file with `ophion verify IMAGE --key PUB`, with the public key that the device has"
    ),
    (GENERIC, smperror.MGMT_ERR.ENOTSUP): "this device has no such command",
    (GENERIC, smperror.MGMT_ERR.EACCESSDENIED): ACCESS_HINT,
    (GENERIC, smperror.MGMT_ERR.EBUSY): "others sent it wrong tokens: try again in a few seconds",
}


# What a device says (bootloader/SPEC.md 8.2) -> a hint that fits better than that of the code.
_REASONS = {
    "image for hardware": "push it to that hardware, or sign it for this one too: `ophion sign --hardware`",
    "image needs MicroPython": "update the device's MicroPython first, or build and sign for the older one",
    "signed by an unknown key": "sign with a key that the device trusts: `ophion device trust` shows them",
}


def refusal(action: str, group: int, rc: int, reason: str = "") -> RefusedError:
    """The RefusedError for `rc` of `group` (GENERIC for SMP's own codes) to `action` ("the upload")."""
    name = _name(group, rc)
    said = f": {reason}" if reason else ""
    message = f"the device refused {action}{said} ({name})"
    hint = next((text for words, text in _REASONS.items() if words in reason), "")
    return RefusedError(message, hint or _HINTS.get((group, rc), ""), group=group, rc=rc, reason=reason)


def _name(group: int, rc: int) -> str:
    if group == GENERIC:
        return _code(smperror.MGMT_ERR, rc)
    if group not in _GROUPS:
        return f"group {group} error {rc}"
    title, codes = _GROUPS[group]
    return f"{title} {_code(codes, rc)}"


def _code(codes: type[IntEnum], rc: int) -> str:
    try:
        return f"{codes(rc).name}, {rc}"
    except ValueError:
        return f"error {rc}"
