"""MicroPython files that stand for the chip; the host imports `ophion_messages` of them, nothing else."""
