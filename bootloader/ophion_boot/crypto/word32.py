"""Importing this fails where there is no viper emitter, or where its words are not 32 bits."""
# ruff: noqa: F821
# mypy: ignore-errors

import micropython


@micropython.viper
def _keeps_signs(p: ptr32) -> int:
    p[0] = -1
    return int(p[0] < 0)


# On 64-bit firmware a loaded word loses its sign.
if not _keeps_signs(bytearray(4)):
    raise ImportError("viper is not 32 bits wide here")
