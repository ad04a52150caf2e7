"""Formats, pure and defined once: they run on MicroPython and on CPython alike."""


class FormatError(ValueError):
    """Bytes that do not follow their format; `str(error)` names what is wrong and where."""
