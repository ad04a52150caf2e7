"""Judges one boot: the table of core/health.py between the bootloader's choice and the application."""

from ophion_boot.core import health
from ophion_boot.core.boot import Boot, Bootloader
from ophion_boot.core.sanity import Sanity


def judge(sanity: Sanity, loader: Bootloader, boot: Boot, trial: bool, most: int) -> tuple[Boot, bool]:
    """(what boots, whether into recovery) after the table had its say; `most` misses in a row are allowed.

    A boot without an image is recovery whatever the table says. `boot.reason` tells why.
    """
    if boot.image is None:
        return boot, True
    digest = boot.image.hash
    action, row = sanity.judge(digest, trial)
    if action == health.BACK:
        why = "health: %s (%d)" % (row, most)
        other = loader.go_back(
            why, lambda found: found == digest or sanity.failed(found), lambda: sanity.give_up(digest)
        )
        if other is not None:
            return other, other.image is None
        action, row = sanity.judge(digest, trial, False)
    if action not in health.RECOVERS:
        return boot, False
    boot.retry = action != health.STAY
    boot.reason = "%s (%d of %d)" % (row, sanity.misses, most) if action == health.MISS else row
    return boot, True
