"""Image files: what is in one, and would a device run it.

```python
image = load_image("heartbeat-1.0.0.bin")
verify_image(image, [load_public("release.pub")], max_size=512 * 1024)
describe(image)
```
"""

from ophion.package.content import Content, load_content
from ophion.package.description import describe, tlv_meaning
from ophion.package.differences import compare
from ophion.package.image import RUNTIME, ImageFile, Tlv, load_image, load_images, parse_image, verify_image
from ophion.package.mpy import mpy_parts
from ophion.package.romfs import RomFile, list_romfs
from ophion.package.space import sizes, slot_use

__all__ = [
    "RUNTIME",
    "Content",
    "ImageFile",
    "RomFile",
    "Tlv",
    "compare",
    "describe",
    "list_romfs",
    "load_content",
    "load_image",
    "load_images",
    "mpy_parts",
    "parse_image",
    "sizes",
    "slot_use",
    "tlv_meaning",
    "verify_image",
]
