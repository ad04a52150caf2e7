"""What an image needs of the other images of its device: MCUboot's DEPENDENCY TLVs.

Value: u8 image number, 3 bytes of padding, then the least version as u8 major, u8 minor, u16 revision,
u32 build (MCUboot boot/bootutil/include/bootutil/image.h, `struct image_dependency`). Like MCUboot's,
this comparison leaves the build number out.
"""

import struct

from ophion_boot.compat import const

_DEPENDENCY = const(0x40)
_VALUE = "<BxxxBBHI"
_VALUE_BYTES = const(12)

APP, RUNTIME = 0, 1
"""Image numbers of this product."""


def unmet(protected: list | tuple, versions: dict) -> str:
    """Why the dependencies among `protected` ([(type, value)]) do not hold, or "".

    `versions` is {image number: (major, minor, revision, build)} of what would run beside the image.
    """
    for kind, value in protected:
        if kind != _DEPENDENCY:
            continue
        if len(value) != _VALUE_BYTES:
            return "a dependency TLV has %d bytes, not 12" % len(value)
        fields = struct.unpack(_VALUE, value)
        number, wanted = fields[0], tuple(fields[1:4])
        have = versions.get(number)
        if have is None:
            return "it needs image %d, which is not on this device" % number
        if tuple(have[:3]) < wanted:
            texts = tuple("%d.%d.%d" % tuple(version[:3]) for version in (wanted, have))
            return "it needs image %d from %s on, here is %s" % ((number,) + texts)
    return ""
