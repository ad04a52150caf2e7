"""Bytes of a packet on their way to flash: moved, compared, looked at in place; nothing allocates.

In viper where the firmware has it, else in bytecode. Whoever calls these functions has checked the bounds.
"""

try:
    from ophion_boot.fmt.quick_viper import blank, copy, fill_offset, find_chunk
except (ImportError, SyntaxError, ValueError, MemoryError):
    from ophion_boot.fmt.quick_plain import blank, copy, fill_offset, find_chunk

__all__ = ("blank", "copy", "fill_offset", "find_chunk")
