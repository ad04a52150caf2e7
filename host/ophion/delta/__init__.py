"""Delta patches: the bytes that turn one image into the next (SPEC.md 12)."""

from ophion.delta.patch import apply_patch, make_patch

__all__ = ["apply_patch", "make_patch"]
