"""Keys whose private half is public. Whoever signs with one lets everybody update the device; whoever
encrypts to one lets everybody read the update.

`samples.txt` has one line a key: its MCUboot key hash (SHA-256 over the public key, see
`PublicKey.mcuboot`) and where anyone can download the private half. `tools/sample_keys.py` writes it.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from ophion.errors import KeyFileError
from ophion.keys.public import PublicKey

ALLOW_VARIABLE = "OPHION_ALLOW_TEST_KEYS"
SAMPLES_PATH = Path(__file__).with_name("samples.txt")


@cache
def sample_keys() -> dict[str, str]:
    """Key hash in hex -> where the private half of that key is published."""
    lines = SAMPLES_PATH.read_text(encoding="utf-8").splitlines()
    return {digest: name for digest, _, name in (line.partition(" ") for line in lines)}


def sample_name(public: PublicKey) -> str:
    """Where the private half of `public` is published, or "" if it is not known to be."""
    return sample_keys().get(public.keyhash.hex(), "")


def refuse_sample(public: PublicKey, allow: bool | None = None) -> None:
    """Raise KeyFileError for a published key.

    `allow=None` asks the environment: `OPHION_ALLOW_TEST_KEYS=1`.
    """
    refuse_hash(public.keyhash, "anyone can sign with it", "make your own with `ophion keys new`", allow)


def refuse_hash(keyhash: bytes, harm: str, hint: str, allow: bool | None = None) -> None:
    """The same for a key that may be no signing key: `harm` says what anyone can do with it."""
    if allow is None:
        allow = os.environ.get(ALLOW_VARIABLE) == "1"
    name = sample_keys().get(keyhash.hex(), "")
    if name and not allow:
        raise KeyFileError(f"this key is public knowledge ({name}), {harm}", hint)
