"""Signing: a payload -> an MCUboot image that `imgtool verify` and the device accept.

```python
image = sign(payload, parse_version("1.0.0"), open_signer("release.pem"))
```

With a signer elsewhere: sign `image_digest(payload, version, options)` there, then
`assemble(payload, version, public, signature, options)`.
"""

from ophion.sign.formats import read_signature
from ophion.sign.options import Dependency, SignOptions
from ophion.sign.signing import assemble, image_digest, sign, write_image

__all__ = [
    "Dependency",
    "SignOptions",
    "assemble",
    "image_digest",
    "read_signature",
    "sign",
    "write_image",
]
