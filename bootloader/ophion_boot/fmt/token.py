"""What an operator signs to open a link: the device's challenge, and for which device (SPEC.md 11.3)."""

import hashlib

from ophion_boot.fmt import FormatError

CHALLENGE_BYTES = 32
_HEAD = b"OPHA\x01"
_TEXT_MAX = 255


def token_digest(name: str, uid: bytes, challenge: bytes | memoryview) -> bytes:
    """SHA-256 of the token for `challenge` (32 bytes) of the device `name` with the chip number `uid`.

    It begins with four bytes that neither images nor statements begin with, so no signature of one is a
    signature of another. Raises FormatError for parts that do not fit.
    """
    text = name.encode()
    if len(text) > _TEXT_MAX or len(uid) > _TEXT_MAX or len(challenge) != CHALLENGE_BYTES:
        raise FormatError("token: name, number or challenge is of the wrong length")
    parts = _HEAD + bytes((len(text),)) + text + bytes((len(uid),)) + bytes(uid) + bytes(challenge)
    return hashlib.sha256(parts).digest()
