"""The one place where MicroPython and CPython differ for the modules that run on both."""

try:
    from micropython import const
except ImportError:

    def const(value):  # type: ignore[misc, no-untyped-def]
        """On CPython a constant is its value; MicroPython's compiler folds `const(...)` itself."""
        return value
