"""Ophion: build, sign and push updates for MicroPython devices.

The package is a library first. Each verb of the command line is a thin skin over one of these modules:

- `ophion.keys`     signing keys: make, read, name, and the `Signer` that uses one
- `ophion.build`    a folder with an application -> a ROMFS payload, the same bytes everywhere
- `ophion.sign`     a payload -> a signed MCUboot image
- `ophion.package`  an image file: what is in it, and does a device accept it
- `ophion.delta`    two images -> the patch from one to the other
- `ophion.push`     an image -> a running device, or several, over SMP
- `ophion.provision` a chip -> one that is locked for good, and its record
- `ophion.install`  MicroPython's own firmware -> the same with Ophion, as a file or on a board
- `ophion.sim`      a device made of real MicroPython and a simulated flash and radio
- `ophion.errors`   everything that these raise

They raise and return; none of them prints, exits or asks. What is public is in `__all__` of each; examples
are in `host/examples`. Importing `ophion` imports none of them, so that `ophion --help` stays fast.
"""

from ophion_boot import VERSION as __version__

__all__ = ["__version__"]
