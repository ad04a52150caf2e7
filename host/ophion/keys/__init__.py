"""Signing keys: make them, read them, sign with them.

```python
public = generate("release.pem")                 # release.pem (0600) and release.pub
signer = open_signer("file:release.pem")         # or "pkcs11:token=release;object=ophion?module-path=..."
signature = signer.sign(b"...")
load_public("release.pub").verify(signature, b"...")
```
"""

from ophion.keys.algorithms import Algorithm, parse_algorithm
from ophion.keys.file_signer import FileSigner, generate, public_path_of
from ophion.keys.public import PublicKey, load_public
from ophion.keys.recipient import (
    DeviceKey,
    Recipient,
    generate_device_key,
    generate_recipient,
    load_device_key,
    load_recipient,
)
from ophion.keys.sample import refuse_sample, sample_name
from ophion.keys.signer import Passphrase, Signer, open_public, open_signer

__all__ = [
    "Algorithm",
    "DeviceKey",
    "FileSigner",
    "Passphrase",
    "PublicKey",
    "Recipient",
    "Signer",
    "generate",
    "generate_device_key",
    "generate_recipient",
    "load_device_key",
    "load_public",
    "load_recipient",
    "open_public",
    "open_signer",
    "parse_algorithm",
    "public_path_of",
    "refuse_sample",
    "sample_name",
]
