"""Delta patches: the bytes that turn one image into the next (SPEC.md 12).

`make_patch` and `apply_patch` take any bytes, `make_image_patch` two signed images. Patches of
encrypted images are sealed (`ophion.delta.sealed`).
"""

from ophion.delta.patch import apply_patch, describe_patch, is_patch, make_image_patch, make_patch

__all__ = ["apply_patch", "describe_patch", "is_patch", "make_image_patch", "make_patch"]
