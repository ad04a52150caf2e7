"""Image files: what is in one, and would a device run it.

image = load_image("heartbeat-1.0.0.bin")
verify_image(image, [load_public("release.pub")], max_size=512 * 1024)
describe(image)
"""

from ophion.package.describe import describe, tlv_meaning
from ophion.package.image import ImageFile, Tlv, load_image, load_images, parse_image, verify_image
from ophion.package.romfs import RomFile, list_romfs

__all__ = [
    "ImageFile",
    "RomFile",
    "Tlv",
    "describe",
    "list_romfs",
    "load_image",
    "load_images",
    "parse_image",
    "tlv_meaning",
    "verify_image",
]
