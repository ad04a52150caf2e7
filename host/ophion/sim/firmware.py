"""The runtime of a simulated board as an image: what a board build makes for a chip.

An ESP-IDF application image with one segment, a ROMFS of the frozen Python files: the simulated chip's
second-stage bootloader checks the one and mounts the other, so another runtime really runs other code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ophion.build.espimage import app_image
from ophion.build.frozen import frozen_files
from ophion.build.layout import Layout
from ophion.build.romfs import pack_romfs

_DROM = 0x3C000020
"""Where an ESP32-C3 sees its flash as data; only a number here."""


def runtime_image(
    layout: Layout,
    name: str,
    keys: Sequence[bytes],
    version: Sequence[int],
    files: Mapping[str, bytes] | None = None,
    roots: bytes = b"",
    enc_keys: Sequence[tuple[bytes, int, bytes]] = (),
) -> bytes:
    """The application image for `layout`; `keys` are public keys and `roots` a chain file with the root set
    that it trusts, `version` four numbers, `enc_keys` its private keys for encrypted images.

    `files` ({name: content}) are frozen too and win over the product's own.
    """
    frozen = {**frozen_files(layout, name, keys, version, roots, enc_keys, simulated=True), **(files or {})}
    return app_image([(_DROM, pack_romfs(frozen))])
