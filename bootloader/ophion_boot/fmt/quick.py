"""Bytes of a packet on their way to flash: moved, compared, summed up, looked at in place; nothing allocates.

In viper where the firmware has it, else in bytecode. Whoever calls these functions has checked the bounds.
"""

try:
    from ophion_boot.fmt.quick_viper import blank, copy, crc16, fill_offset, find_chunk, take_line, unbase64
except (ImportError, SyntaxError, ValueError, MemoryError):
    from ophion_boot.fmt.quick_plain import blank, copy, crc16, fill_offset, find_chunk, take_line, unbase64

__all__ = ("blank", "copy", "crc16", "fill_offset", "find_chunk", "take_line", "unbase64")
