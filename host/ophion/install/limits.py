"""What Ophion on MicroPython's own build does not protect: `ophion install` says it, and howto/stock.md."""

LIMITS = (
    "Nothing verifies MicroPython and the bootloader's files at a start: who has the cable can change both.",
    "An application that writes to esp32.Partition('vfs'), or with esp.flash_write, can destroy the "
    "bootloader: only a cable helps then.",
    "When the bootloader's file system does not mount, MicroPython stops before anything of Ophion runs.",
    "MicroPython and the bootloader are not updated over the air: only the application is.",
    "Ctrl-C on the console ends the bootloader, and the application.",
    "Bootloader and application are loaded into RAM: a board build runs both where they lie.",
)
"""One sentence each. (User files cannot harm the bootloader: they lie in a partition of their own.)"""
