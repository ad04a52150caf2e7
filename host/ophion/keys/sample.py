"""Keys whose private half is public. Whoever signs with one lets everybody update the device.

Each entry is the MCUboot key hash (SHA-256 over the DER public key) of an Ed25519 key that anyone
can download.
"""

from __future__ import annotations

import os

from ophion.errors import KeyFileError
from ophion.keys.public import PublicKey

ALLOW_VARIABLE = "OPHION_ALLOW_TEST_KEYS"

SAMPLE_KEYS = {
    "03b800039fd45c2672e600c8a5ad289160c32e638602793cf005a53f2b6cc2f7": "Ophion's test vectors",
    "c1907fa4eac7fae3840a78902b6f0710b037e9968e5c6274a12a28790c7d4e3c": "MCUboot root-ed25519.pem",
    "b1d87d60173352b9a4808979790fc699fb4c4f83b49cf1970edd96ff4adc36a6": ("MCUboot root-ed25519-unknown.pem"),
    "06e3fd8fda29bb60ab59557de61edb0aecdb231134be30e75b455f8e1b792fa9": "RFC 8032 test 1",
    "deb2ded39dc26fce0e6085b6fc34bf6b5941913bbfe2ea614113cff9e004c170": "RFC 8032 test 2",
    "8d39ba50abe50f77b6bb8ae7b6927aff7ffbeba35ad2837c0e51e82bcbcc60d5": "RFC 8032 test 3",
    "339e2ff917630507b6a423b5ce084e285d1fa65d93b3e27a6195d3bbebc9ae23": "the all-zero seed",
}


def sample_name(public: PublicKey) -> str:
    """Where the private half of `public` is published, or "" if it is not known to be."""
    return SAMPLE_KEYS.get(public.keyhash.hex(), "")


def refuse_sample(public: PublicKey, allow: bool | None = None) -> None:
    """Raise KeyFileError for a published key.

    `allow=None` asks the environment: `OPHION_ALLOW_TEST_KEYS=1`.
    """
    if allow is None:
        allow = os.environ.get(ALLOW_VARIABLE) == "1"
    name = sample_name(public)
    if name and not allow:
        raise KeyFileError(
            f"this key is public knowledge ({name}), anyone can sign with it",
            "make your own with `ophion keys new`",
        )
