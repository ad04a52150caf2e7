"""SMP group 64, Ophion's own, as requests and responses for smpclient (SPEC.md, "SMP group 64")."""

from __future__ import annotations

from enum import IntEnum, unique
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict
from smp import error, message

GROUP = 64


@unique
class OphionRc(IntEnum):
    """Error codes of the group."""

    OK = 0
    UNKNOWN = 1
    IMAGE_ON_TRIAL = 2
    STATEMENT_REFUSED = 3
    STATEMENT_TOO_OLD = 4


class ErrorV1(error.ErrorV1):
    """A refusal in SMP version 1."""

    _GROUP_ID = GROUP


class ErrorV2(error.ErrorV2[OphionRc]):
    """A refusal in SMP version 2."""

    _GROUP_ID = GROUP


class _Part(BaseModel):
    """A map in an answer; what a later device adds is passed over."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class _ReadResponse(message.ReadResponse):
    model_config = ConfigDict(extra="ignore", frozen=True)
    _GROUP_ID = GROUP


class _WriteResponse(message.WriteResponse):
    model_config = ConfigDict(extra="ignore", frozen=True)
    _GROUP_ID = GROUP


class _ReadRequest(message.ReadRequest):
    _GROUP_ID = GROUP
    _ErrorV1: ClassVar[Any] = ErrorV1
    _ErrorV2: ClassVar[Any] = ErrorV2


class _WriteRequest(message.WriteRequest):
    _GROUP_ID = GROUP
    _ErrorV1: ClassVar[Any] = ErrorV1
    _ErrorV2: ClassVar[Any] = ErrorV2


class LogEntry(_Part):
    """One event: `n` counts up for ever, `event` is its kind, `reason` the device's words."""

    n: int
    event: str
    version: str = ""
    reason: str = ""


class InfoResponse(_ReadResponse):
    """What the device is."""

    _COMMAND_ID = 0

    name: str
    hw: str = ""
    strategy: str = ""
    boot: str = ""
    mode: str = ""
    runtime: str = ""
    access: str = "open"


class InfoRead(_ReadRequest):
    """Ask what the device is."""

    _COMMAND_ID = 0
    _Response: ClassVar[Any] = InfoResponse


class LogResponse(_ReadResponse):
    """The last events, oldest first."""

    _COMMAND_ID = 1

    log: list[LogEntry]


class LogRead(_ReadRequest):
    """Ask for the last events."""

    _COMMAND_ID = 1
    _Response: ClassVar[Any] = LogResponse


class CountersResponse(_ReadResponse):
    """Counters by group: "events" for ever, "boot" and "link" since the last reset."""

    _COMMAND_ID = 3

    counters: dict[str, dict[str, int]]


class CountersRead(_ReadRequest):
    """Ask for all counters at once."""

    _COMMAND_ID = 3
    _Response: ClassVar[Any] = CountersResponse


class BatteryResponse(_ReadResponse):
    """What the application says of its battery; None where it has said nothing."""

    # Nothing has to be in it: a refusal must not pass for it.
    model_config = ConfigDict(extra="forbid", frozen=True)
    _COMMAND_ID = 4

    percent: int | None = None
    mv: int | None = None


class BatteryRead(_ReadRequest):
    """Ask how full the battery is."""

    _COMMAND_ID = 4
    _Response: ClassVar[Any] = BatteryResponse


class DeltaBase(_Part):
    """The active image of image number `image`; `size` in bytes, TLVs too."""

    image: int
    version: str
    hash: bytes
    size: int = 0


class DeltaBaseResponse(_ReadResponse):
    """What patches can be made against, the format of those that are taken (0: none), and the largest table
    of their decoder (2^bits entries). `sealed` is the format of sealed patches that are taken, `encrypted`
    what only those can be made against."""

    _COMMAND_ID = 5

    bases: list[DeltaBase]
    patch: int = 0
    bits: int = 0
    sealed: int = 0
    encrypted: tuple[DeltaBase, ...] = ()


class DeltaBaseRead(_ReadRequest):
    """Ask what a delta can be made against."""

    _COMMAND_ID = 5
    _Response: ClassVar[Any] = DeltaBaseResponse


class RecoveryResponse(_WriteResponse):
    """The device will restart into recovery."""

    # Nothing is in it: a refusal must not pass for it.
    model_config = ConfigDict(extra="forbid", frozen=True)
    _COMMAND_ID = 2


class RecoveryWrite(_WriteRequest):
    """Ask the device to restart into its recovery."""

    _COMMAND_ID = 2
    _Response: ClassVar[Any] = RecoveryResponse


class ImageFloor(_Part):
    """The least security counter and intermediate statement version for one image number."""

    counter: int
    intermediate: int


class IssuerFloor(_Part):
    """The least version of a signing key statement by `issuer` (hash of an intermediate key) for an image."""

    issuer: bytes
    image: int
    signing: int


class TrustResponse(_ReadResponse):
    """What the device trusts, and what it asks for at least.

    `roots` is the version of its root set (0: none), `rootkeys` the first 8 bytes of the hashes of its keys,
    `keys` how many keys may sign without a chain, `revoked` how many it refuses; `images` by image number.
    """

    _COMMAND_ID = 10

    roots: int
    threshold: int
    rootkeys: list[bytes]
    keys: int
    images: list[ImageFloor]
    issuers: list[IssuerFloor]
    revoked: int


class TrustRead(_ReadRequest):
    """Ask what the device trusts."""

    _COMMAND_ID = 10
    _Response: ClassVar[Any] = TrustResponse


class StatementsResponse(_WriteResponse):
    """The device took the statements: their names."""

    _COMMAND_ID = 10

    statements: list[str]


class StatementsWrite(_WriteRequest):
    """Deliver the statements of a chain."""

    _COMMAND_ID = 10
    _Response: ClassVar[Any] = StatementsResponse

    data: bytes


class AccessResponse(_ReadResponse):
    """Who may use the device, and who we are to it.

    `access` is its mode (open, paired, token), `who` nobody, paired or operator; `challenge` (32 bytes) is
    there when it knows operators; `name` and `id` are what a token is for.
    """

    _COMMAND_ID = 20

    access: str
    who: str
    name: str = ""
    id: bytes = b""
    challenge: bytes = b""


class AccessRead(_ReadRequest):
    """Ask for a challenge."""

    _COMMAND_ID = 20
    _Response: ClassVar[Any] = AccessResponse


class TokenResponse(_WriteResponse):
    """The device took the token."""

    _COMMAND_ID = 20

    who: str


class TokenWrite(_WriteRequest):
    """Answer a challenge: `key` is the first 8 bytes of the operator key's hash."""

    _COMMAND_ID = 20
    _Response: ClassVar[Any] = TokenResponse

    challenge: bytes
    key: bytes
    sig: bytes
