"""Ophion's bootloader: what stays on the device. `DESIGN.md` says why, `SPEC.md` says every byte."""

VERSION = "0.1.0"
