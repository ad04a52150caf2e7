"""MicroPython on QEMU's RISC-V machine: built from Debian's source, run, measured. README.md says how."""
