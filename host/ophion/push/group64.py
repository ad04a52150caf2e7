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


class LogEntry(BaseModel):
    """One event: `n` counts up for ever, `event` is its kind, `reason` the device's words."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    n: int
    event: str
    version: str = ""
    reason: str = ""


class InfoResponse(message.ReadResponse):
    """What the device is."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    _GROUP_ID = GROUP
    _COMMAND_ID = 0

    name: str
    hw: str = ""
    strategy: str = ""
    boot: str = ""
    mode: str = ""
    runtime: str = ""
    access: str = "open"


class InfoRead(message.ReadRequest):
    """Ask what the device is."""

    _GROUP_ID = GROUP
    _COMMAND_ID = 0
    _Response: ClassVar[Any] = InfoResponse
    _ErrorV1: ClassVar[Any] = ErrorV1
    _ErrorV2: ClassVar[Any] = ErrorV2


class LogResponse(message.ReadResponse):
    """The last events, oldest first."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    _GROUP_ID = GROUP
    _COMMAND_ID = 1

    log: list[LogEntry]


class LogRead(message.ReadRequest):
    """Ask for the last events."""

    _GROUP_ID = GROUP
    _COMMAND_ID = 1
    _Response: ClassVar[Any] = LogResponse
    _ErrorV1: ClassVar[Any] = ErrorV1
    _ErrorV2: ClassVar[Any] = ErrorV2


class CountersResponse(message.ReadResponse):
    """Counters by group: "events" for ever, "boot" and "link" since the last reset."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    _GROUP_ID = GROUP
    _COMMAND_ID = 3

    counters: dict[str, dict[str, int]]


class CountersRead(message.ReadRequest):
    """Ask for all counters at once."""

    _GROUP_ID = GROUP
    _COMMAND_ID = 3
    _Response: ClassVar[Any] = CountersResponse
    _ErrorV1: ClassVar[Any] = ErrorV1
    _ErrorV2: ClassVar[Any] = ErrorV2


class BatteryResponse(message.ReadResponse):
    """What the application says of its battery; None where it has said nothing."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    _GROUP_ID = GROUP
    _COMMAND_ID = 4

    percent: int | None = None
    mv: int | None = None


class BatteryRead(message.ReadRequest):
    """Ask how full the battery is."""

    _GROUP_ID = GROUP
    _COMMAND_ID = 4
    _Response: ClassVar[Any] = BatteryResponse
    _ErrorV1: ClassVar[Any] = ErrorV1
    _ErrorV2: ClassVar[Any] = ErrorV2


class DeltaBase(BaseModel):
    """The active image of image number `image`."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    image: int
    version: str
    hash: bytes


class DeltaBaseResponse(message.ReadResponse):
    """What a delta can be made against."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    _GROUP_ID = GROUP
    _COMMAND_ID = 5

    bases: list[DeltaBase]


class DeltaBaseRead(message.ReadRequest):
    """Ask what a delta can be made against."""

    _GROUP_ID = GROUP
    _COMMAND_ID = 5
    _Response: ClassVar[Any] = DeltaBaseResponse
    _ErrorV1: ClassVar[Any] = ErrorV1
    _ErrorV2: ClassVar[Any] = ErrorV2


class RecoveryResponse(message.WriteResponse):
    """The device will restart into recovery."""

    _GROUP_ID = GROUP
    _COMMAND_ID = 2


class RecoveryWrite(message.WriteRequest):
    """Ask the device to restart into its recovery."""

    _GROUP_ID = GROUP
    _COMMAND_ID = 2
    _Response: ClassVar[Any] = RecoveryResponse
    _ErrorV1: ClassVar[Any] = ErrorV1
    _ErrorV2: ClassVar[Any] = ErrorV2


class ImageFloor(BaseModel):
    """The least security counter and intermediate statement version for one image number."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    counter: int
    intermediate: int


class IssuerFloor(BaseModel):
    """The least version of a signing key statement by `issuer` (hash of an intermediate key) for an image."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    issuer: bytes
    image: int
    signing: int


class TrustResponse(message.ReadResponse):
    """What the device trusts, and what it asks for at least.

    `roots` is the version of its root set (0: none), `rootkeys` the first 8 bytes of the hashes of its keys,
    `keys` how many keys may sign without a chain, `revoked` how many it refuses; `images` by image number.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)
    _GROUP_ID = GROUP
    _COMMAND_ID = 10

    roots: int
    threshold: int
    rootkeys: list[bytes]
    keys: int
    images: list[ImageFloor]
    issuers: list[IssuerFloor]
    revoked: int


class TrustRead(message.ReadRequest):
    """Ask what the device trusts."""

    _GROUP_ID = GROUP
    _COMMAND_ID = 10
    _Response: ClassVar[Any] = TrustResponse
    _ErrorV1: ClassVar[Any] = ErrorV1
    _ErrorV2: ClassVar[Any] = ErrorV2


class StatementsResponse(message.WriteResponse):
    """The device took the statements: their names."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    _GROUP_ID = GROUP
    _COMMAND_ID = 10

    statements: list[str]


class StatementsWrite(message.WriteRequest):
    """Deliver the statements of a chain."""

    _GROUP_ID = GROUP
    _COMMAND_ID = 10
    _Response: ClassVar[Any] = StatementsResponse
    _ErrorV1: ClassVar[Any] = ErrorV1
    _ErrorV2: ClassVar[Any] = ErrorV2

    data: bytes


class AccessResponse(message.ReadResponse):
    """Who may use the device, and who we are to it.

    `access` is its mode (open, paired, token), `who` nobody, paired or operator; `challenge` (32 bytes) is
    there when it knows operators; `name` and `id` are what a token is for.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)
    _GROUP_ID = GROUP
    _COMMAND_ID = 20

    access: str
    who: str
    name: str = ""
    id: bytes = b""
    challenge: bytes = b""


class AccessRead(message.ReadRequest):
    """Ask for a challenge."""

    _GROUP_ID = GROUP
    _COMMAND_ID = 20
    _Response: ClassVar[Any] = AccessResponse
    _ErrorV1: ClassVar[Any] = ErrorV1
    _ErrorV2: ClassVar[Any] = ErrorV2


class TokenResponse(message.WriteResponse):
    """The device took the token."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    _GROUP_ID = GROUP
    _COMMAND_ID = 20

    who: str


class TokenWrite(message.WriteRequest):
    """Answer a challenge: `key` is the first 8 bytes of the operator key's hash."""

    _GROUP_ID = GROUP
    _COMMAND_ID = 20
    _Response: ClassVar[Any] = TokenResponse
    _ErrorV1: ClassVar[Any] = ErrorV1
    _ErrorV2: ClassVar[Any] = ErrorV2

    challenge: bytes
    key: bytes
    sig: bytes
