"""Signing: a payload -> an MCUboot image that `imgtool verify` and the device accept.

image = sign(payload, parse_version("1.0.0"), open_signer("release.pem"))
"""

from ophion.sign.signing import Dependency, SignOptions, sign, write_image

__all__ = ["Dependency", "SignOptions", "sign", "write_image"]
