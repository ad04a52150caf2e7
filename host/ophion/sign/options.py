"""What can be asked of an image beside payload, version and signature."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from ophion.errors import UsageError
from ophion.keys import Recipient
from ophion.versions import Version

HEADER_BYTES = 0x20
HEADER_MAX_BYTES = 0xFFFF
COUNTER_MAX = 0xFFFFFFFF
PROTECTED_MAX_BYTES = 0xFFFF
CUSTOM_TLV_MIN = 0xA0
CUSTOM_TLV_MAX = 0xFFFE
AES_BITS = (128, 256)


@dataclass(frozen=True)
class Dependency:
    """Image number `image` must be at least `version` (MCUboot DEPENDENCY TLV)."""

    image: int
    version: Version


@dataclass(frozen=True)
class SignOptions:
    """What goes into an image beside payload, version and signature.

    header_size       bytes before the payload, at least 32; the part above 32 is 0xff, but for the claims
                      that are repeated there (`ophion.sign.claims`)
    security_counter  value of the SEC_CNT TLV, None for no such TLV
    dependencies      DEPENDENCY TLVs
    custom_tlvs       vendor TLVs, type (low byte 0xa0..0xfe) -> value, signed like the payload
    max_size          refuse to make an image of more bytes than this (what the slot takes), None for any
    recipients        encrypt the payload to these keys (MCUboot ECIES; several: SPEC.md 9.3), if any
    aes_bits          size of the AES key of an encrypted payload: 128 or 256
    key_hash          hash of the signing key, for the claims that a header repeats; `sign` knows it, a digest
                      that is signed elsewhere is made without
    """

    header_size: int = HEADER_BYTES
    security_counter: int | None = None
    dependencies: Sequence[Dependency] = ()
    custom_tlvs: Mapping[int, bytes] = field(default_factory=dict)
    max_size: int | None = None
    recipients: Sequence[Recipient] = ()
    aes_bits: int = AES_BITS[0]
    key_hash: bytes = b""

    def with_counter(self, counter: int) -> SignOptions:
        """The same with this security counter."""
        return replace(self, security_counter=counter)

    def check(self) -> None:
        """Raise UsageError for a value that the image has no room for."""
        if not HEADER_BYTES <= self.header_size <= HEADER_MAX_BYTES:
            raise UsageError(f"header size {self.header_size} is not {HEADER_BYTES}..{HEADER_MAX_BYTES}")
        counter = self.security_counter
        if counter is not None and not 0 <= counter <= COUNTER_MAX:
            raise UsageError(f"security counter {counter} is not 0..{COUNTER_MAX}")
        for dependency in self.dependencies:
            if not 0 <= dependency.image <= 0xFF:
                raise UsageError(f"dependency on image {dependency.image}: not 0..255")
        for kind in self.custom_tlvs:
            if not CUSTOM_TLV_MIN <= kind <= CUSTOM_TLV_MAX or not 0xA0 <= kind & 0xFF <= 0xFE:
                raise UsageError(f"custom TLV {kind:#06x}: vendor types have a low byte of 0xa0 to 0xfe")
        total = sum(4 + len(value) for value in self.custom_tlvs.values())
        if total + 16 * len(self.dependencies) + 12 > PROTECTED_MAX_BYTES:
            raise UsageError(f"the protected TLVs take {total} bytes, more than a header can say")
        if self.aes_bits not in AES_BITS:
            raise UsageError(f"AES with {self.aes_bits} bits: not 128 or 256")
