"""Signing keys: make them, read them, sign with them.

public = generate("release.pem")                 # release.pem (0600) and release.pub
signer = open_signer("file:release.pem")
signature = signer.sign(b"...")
load_public("release.pub").verify(signature, b"...")
"""

from ophion.keys.public import PublicKey, load_public
from ophion.keys.sample import refuse_sample, sample_name
from ophion.keys.signer import FileSigner, Passphrase, Signer, generate, open_signer, public_path_of

__all__ = [
    "FileSigner",
    "Passphrase",
    "PublicKey",
    "Signer",
    "generate",
    "load_public",
    "open_signer",
    "public_path_of",
    "refuse_sample",
    "sample_name",
]
