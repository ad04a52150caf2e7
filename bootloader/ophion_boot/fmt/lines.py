"""Lines of a console, decoded in place.

In viper where the firmware has it, else in bytecode. Whoever calls these functions has checked the bounds.
"""

try:
    from ophion_boot.fmt.lines_viper import crc16, take_line, unbase64
except (ImportError, SyntaxError, ValueError, MemoryError):
    from ophion_boot.fmt.lines_plain import crc16, take_line, unbase64

__all__ = ("crc16", "take_line", "unbase64")
