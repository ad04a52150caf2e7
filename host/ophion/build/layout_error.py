"""What is wrong with a layout.toml."""

from __future__ import annotations

from ophion.errors import InputError


class LayoutError(InputError):
    """A layout that does not describe a device that works."""
