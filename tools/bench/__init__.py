"""Benchmarks: what an update costs the flash (erases.py), what a boot costs (boot.py). See README.md."""

import powercut  # noqa: F401  puts the bootloader and the simulator's flash on the path
