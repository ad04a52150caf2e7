"""What an upload over BLE takes, in virtual time: see __main__.py."""

import powercut  # noqa: F401  puts the bootloader and the simulator's flash on the path
