"""One connection to one device: smpclient's requests, with its and bleak's exceptions made ours."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing, contextmanager, suppress
from typing import Any

from bleak.exc import BleakBluetoothNotAvailableError, BleakDeviceNotFoundError, BleakError
from cbor2 import CBORError
from smp.error import MGMT_ERR, ErrorV1
from smp.exceptions import SMPException
from smp.image_management import ImageState
from smp.message import ResponseType
from smpclient import SMPClient
from smpclient.exceptions import SMPClientException, SMPUploadError
from smpclient.requests.image_management import ImageErase, ImageStatesRead, ImageStatesWrite
from smpclient.requests.os_management import EchoWrite, MCUMgrParametersRead, ResetWrite
from smpclient.requests.settings_management import (
    CommitSettings,
    DeleteSetting,
    ReadSetting,
    SaveSettings,
    WriteSetting,
)
from smpclient.transport import SMPTransportDisconnected
from smpclient.transport.ble import SMPBLETransportDeviceNotFound, SMPBLETransportNotSMPServer

from ophion.errors import DeviceNotFound, LinkLost, OphionError, RefusedError
from ophion.ports import PORT_ERRORS, ports
from ophion.push.access import OPERATOR, WIRES, Access, show_token
from ophion.push.group64 import GROUP as OPHION_GROUP
from ophion.push.group64 import (
    CountersRead,
    CountersResponse,
    DeltaBaseRead,
    DeltaBaseResponse,
    InfoRead,
    InfoResponse,
    LogEntry,
    LogRead,
    RecoveryWrite,
    StatementsWrite,
    TrustRead,
    TrustResponse,
)
from ophion.push.pipeline import SLOW_ANSWER_TIMEOUT_S, Limits, Uploader
from ophion.push.refusal import GENERIC, refusal
from ophion.push.settings import READABLE, setting, value_of
from ophion.push.slots import REQUEST as SLOTS
from ophion.push.slots import Slot, slots_told, with_sizes
from ophion.push.wire import transport_of_device

CONNECT_TIMEOUT_S = 15.0
ANSWER_TIMEOUT_S = 5.0
LIST_HINT = "see `ophion device list`"
"""The hint of a DeviceNotFound over Bluetooth: nobody has looked who else is there."""


class Link:
    """A connected device. Use as `async with Link("name") as link`; it is one connection and never
    reconnects.

    All methods raise LinkLost (connection broken, no answer in time), RefusedError (the device said no) and
    OphionError (it answered something else than SMP).
    """

    def __init__(
        self, device: str, connect_timeout_s: float = CONNECT_TIMEOUT_S, access: Access | None = None
    ) -> None:
        """`device` is a Bluetooth name or address, udp:HOST:PORT, serial:PATH, raw:PATH or sim:DIR.

        `access` is shown to it once it is connected.
        """
        self.device = device
        self._access = access or Access()
        self._let_in = False
        self._connect_timeout_s = connect_timeout_s
        self._transport, address = transport_of_device(device, self._access)
        first_answer_s = getattr(self._transport, "FIRST_ANSWER_S", ANSWER_TIMEOUT_S)
        self._client = SMPClient(self._transport, address, first_answer_s)

    async def __aenter__(self) -> Link:
        """Scan, connect, exchange buffer sizes, be let in. Raises DeviceNotFound, LinkLost, RefusedError."""
        try:
            with converted(self.device, "connecting"):
                await self._open()
        except LinkLost:
            if self._transport.found:
                raise
            raise not_found(self.device) from None
        try:
            await self._enter()
        except BaseException:
            await self.close()
            raise
        return self

    async def _enter(self) -> None:
        """Be somebody to the device, as far as it asks and `access` says."""
        if not self._transport.initialized:
            with converted(self.device, "connecting"):
                if await self._transport.wants_pairing():
                    raise RefusedError(
                        f"{self.device} talks only to those who have paired with it",
                        "pair: --pair (again, if it forgot this computer), --passkey if you know it",
                        group=GENERIC,
                        rc=int(MGMT_ERR.EACCESSDENIED),
                    )
        if self._access.operator is not None:
            self._let_in = await show_token(self, self._access.operator) == OPERATOR

    async def _open(self) -> None:
        """Connect; without Bluetooth the first answer shows that somebody is there, and requests get lost."""
        deadline = time.monotonic() + self._connect_timeout_s
        while True:
            await self._client.connect(self._connect_timeout_s)
            if self._transport.found:
                return
            await self.close()
            if time.monotonic() >= deadline:
                raise not_found(self.device)

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """End the connection; harmless when it is gone."""
        with suppress(BleakError, OSError, EOFError, asyncio.TimeoutError):
            await self._client.disconnect()

    @property
    def mtu(self) -> int:
        """ATT MTU in bytes; 0 without Bluetooth."""
        return int(self._transport.att_mtu)

    @property
    def buf_size(self) -> int:
        """The largest SMP request in bytes that the device takes."""
        return int(self._transport.max_unencoded_size)

    async def images(self) -> list[ImageState]:
        """The image list (SMP image state)."""
        answer = await self._request(ImageStatesRead(), "the image list")
        return list(answer.images)

    async def slots(self, images: Sequence[ImageState]) -> list[Slot]:
        """The slots that hold `images`, with their sizes; empty for a device that does not tell of them, and
        over raw:PATH, where smp would not read the answer.
        """
        if getattr(self._transport, "KNOWN_COMMANDS_ONLY", False):
            return []
        with converted(self.device, "its slots"):
            answer = await asyncio.wait_for(self._transport.send_and_receive(SLOTS), ANSWER_TIMEOUT_S)
        told = slots_told(answer)
        try:
            patches = await self.patches() if told else None
        except RefusedError:
            patches = None
        return with_sizes(told, images, patches.bases if patches else ())

    async def test(self, digest: bytes) -> list[ImageState]:
        """Ask that the image of this hash is tried at the next boot; the device verifies it first."""
        return await self._set_state(ImageStatesWrite(hash=digest, confirm=False), "to try the image")

    async def confirm(self, digest: bytes | None = None) -> list[ImageState]:
        """Make an image stay: the running one, or the one of this hash."""
        request = ImageStatesWrite(hash=digest, confirm=True)
        return await self._set_state(request, "to confirm the image")

    async def erase(self) -> None:
        """Erase the slot that does not run."""
        await self._request(ImageErase(), "the erase", SLOW_ANSWER_TIMEOUT_S)

    async def limits(self, window: int | None = None) -> Limits:
        """How an upload may be sent to this device: one request at once unless it tells of buffers."""
        try:
            answer: Any = await self._request(MCUMgrParametersRead(), "its buffers")
        except RefusedError:
            return Limits(self.buf_size, write=self._transport.mtu)
        try:
            await self.info()
            ours = True
        except RefusedError:
            ours = False
        size = min(answer.buf_size, self.buf_size)
        at_once = self._transport.at_once if window is None else min(window, self._transport.at_once)
        return Limits.of(size, answer.buf_count, self._transport.mtu, ours, at_once)

    async def upload(
        self, data: bytes, image: int = 0, digest: bytes = b"", window: int | None = None, makes: int = 0
    ) -> AsyncGenerator[int, None]:
        """Send `data` to the free slot of image number `image` (0 application, 1 runtime).

        `data` may be a patch (`ophion.delta`): `makes` is the size of the image that it makes, in bytes.

        Yields how many bytes the device has, which may begin above 0, and go back when something was lost.
        `digest` is what the image list will call it: that tells whether it is there when the last answer was
        lost. `window` is how many requests may be on their way, if the device has buffers for them.

        A device that holds a part of the same file from before goes on from there.
        """

        async def arrived() -> bool:
            return any(state.hash == digest for state in await self.images() if not state.active)

        limits = await self.limits(window)
        if makes:
            limits = limits.making(makes)
        steps = Uploader(self._client, data, image, limits, arrived if digest else None).run()
        try:
            async with aclosing(steps):
                with converted(self.device, "uploading"):
                    async for offset in steps:
                        yield offset
        except SMPUploadError as failure:
            raise await self._upload_refusal(failure) from None

    async def reset(self) -> None:
        """Restart the device; it answers, and the connection ends a moment later."""
        await self._request(ResetWrite(), "the reset")

    async def recover(self) -> None:
        """Restart the device into its recovery."""
        await self._request(RecoveryWrite(), "to enter recovery")

    async def echo(self, text: str) -> str:
        """What the device gives back for `text`."""
        answer = await self._request(EchoWrite(d=text), "the echo")
        return str(answer.r)

    async def info(self) -> InfoResponse:
        """What the device is (group 64); a device that is not Ophion's refuses."""
        answer: InfoResponse = await self._request(InfoRead(), "its description")
        return answer

    async def log(self) -> list[LogEntry]:
        """The events that the device keeps, oldest first; empty for a device that is not Ophion's."""
        try:
            answer = await self._request(LogRead(), "its log")
        except RefusedError as error:
            if error.group == GENERIC and error.rc == MGMT_ERR.EACCESSDENIED:
                raise
            return []
        return list(answer.log)

    async def counters(self) -> dict[str, dict[str, int]]:
        """What the device counts, by group: "events" for ever, "boot" and "link" since its last reset."""
        answer: CountersResponse = await self._request(CountersRead(), "its counters")
        return dict(answer.counters)

    async def patches(self) -> DeltaBaseResponse | None:
        """What patches can be made against; None for a device that takes none."""
        try:
            answer: DeltaBaseResponse = await self._request(DeltaBaseRead(), "what patches it takes")
        except RefusedError as error:
            if error.group == GENERIC and error.rc == MGMT_ERR.ENOTSUP:
                return None
            raise
        return answer

    async def settings(self) -> dict[str, str | int]:
        """The settings of the device by name: "name", "period_s" (seconds), "access" (read only)."""
        found = {}
        for name in READABLE:
            answer = await self._request(ReadSetting(name=f"ophion/{name}"), f"the setting {name}")
            found[name] = value_of(name, answer.val)
        return found

    async def set(self, name: str, value: str) -> None:
        """Change the setting "name" or "period_s" for good; an empty `value` is the layout's own.

        A name is heard at once, a period counts from the next reset on. Raises UsageError for a setting or
        value that cannot be.
        """
        key, data = setting(name, value)
        request = WriteSetting(name=key, val=data) if data else DeleteSetting(name=key)
        for step in (request, SaveSettings(), CommitSettings()):
            await self._request(step, f"the setting {name}")

    async def trust(self) -> TrustResponse:
        """What the device trusts, and what it asks of images at least (group 64)."""
        answer: TrustResponse = await self._request(TrustRead(), "what it trusts")
        return answer

    async def deliver(self, statements: bytes) -> list[str]:
        """Deliver the statements of a chain (`ophion.keys.chain`); returns what the device calls them."""
        request = StatementsWrite(data=statements)
        if len(request.BYTES) > self.buf_size:
            raise OphionError(
                f"the chain is {len(statements)} bytes, {self.device} takes requests of {self.buf_size}",
                "deliver its statements in two parts",
            )
        answer = await self._request(request, "the statements", SLOW_ANSWER_TIMEOUT_S)
        return list(answer.statements)

    async def wait_gone(self, timeout_s: float) -> bool:
        """Wait until the device ends the connection; False when it did not in time."""
        return bool(await self._transport.wait_disconnected(timeout_s))

    async def _set_state(self, request: ImageStatesWrite, action: str) -> list[ImageState]:
        answer = await self._request(request, action, SLOW_ANSWER_TIMEOUT_S)
        return list(answer.images)

    async def ask(self, request: Any, action: str) -> Any:
        """The answer to any request of smpclient's kind; `action` names it in errors."""
        return await self._request(request, action)

    async def _request(self, request: Any, action: str, timeout_s: float = ANSWER_TIMEOUT_S) -> Any:
        with converted(self.device, action):
            answer: Any = await self._client.request(request, timeout_s)
        if answer.RESPONSE_TYPE == ResponseType.SUCCESS:
            return answer
        raise await self._refusal(action, answer, request.header.group_id)

    async def _upload_refusal(self, failure: SMPUploadError) -> OphionError:
        answer: Any = failure.args[0] if failure.args else ""
        if isinstance(answer, str):
            return OphionError(
                "the device received other bytes than were sent (its SHA-256 of the upload differs)",
                "try again; if it happens again, the flash or the radio is faulty",
            )
        return await self._refusal("the upload", answer, 1)

    async def _refusal(self, action: str, answer: Any, group: int) -> OphionError:
        """The refusal in words; version 2 group errors carry none, so the device's log is asked.

        A device that knew us as an operator and does not any more has restarted, or is another one: a wire
        tells nobody. That is the end of this connection.
        """
        if isinstance(answer, ErrorV1):
            if self._let_in and int(answer.rc) == MGMT_ERR.EACCESSDENIED:
                return LinkLost(f"{self.device} does not know us any more ({action})")
            return refusal(action, GENERIC, int(answer.rc), answer.rsn or "")
        reason = ""
        if group in (1, OPHION_GROUP):
            try:
                refused = [entry for entry in await self.log() if entry.event == "refused"]
                reason = refused[-1].reason if refused else ""
            except OphionError:
                reason = ""
        return refusal(action, int(answer.err.group), int(answer.err.rc), reason)


def not_found(device: str) -> DeviceNotFound:
    """The error for a device that nobody saw."""
    if not device.startswith(WIRES):
        return DeviceNotFound(f"no device named {device} is in range", LIST_HINT)
    kind, _, place = device.partition(":")
    if kind != "udp" and os.name == "posix":
        if not os.path.exists(place):
            return DeviceNotFound(
                f"there is no serial port {place}", f"ports here: {', '.join(ports()) or 'none'}"
            )
        if not os.access(place, os.R_OK | os.W_OK):
            return DeviceNotFound(f"{place} may not be opened by this user", "join the group that owns it")
    return DeviceNotFound(f"nothing answers at {device}", "is it switched on, and is this its place?")


@contextmanager
def converted(device: str, action: str) -> Iterator[None]:
    """Turn what smpclient, smp and bleak raise into our exceptions; SMPUploadError passes."""
    try:
        yield
    except SMPUploadError:
        raise
    except (SMPBLETransportDeviceNotFound, BleakDeviceNotFoundError):
        raise not_found(device) from None
    except SMPBLETransportNotSMPServer:
        raise DeviceNotFound(f"{device} has no SMP service, it cannot be updated") from None
    except BleakBluetoothNotAvailableError as failure:
        raise OphionError(f"no usable Bluetooth here: {failure.args[0]}", _RADIO_HINT) from None
    except (TimeoutError, asyncio.TimeoutError):
        raise LinkLost(f"no answer from {device} in time ({action})") from None
    except SMPTransportDisconnected:
        raise LinkLost(f"{device} disconnected ({action})") from None
    except FileNotFoundError:
        raise OphionError("no Bluetooth service runs on this computer", _RADIO_HINT) from None
    except _LOST as failure:
        raise LinkLost(f"connection to {device} failed ({action}): {failure}") from None
    except (SMPClientException, SMPException, CBORError, ValueError, TypeError) as failure:
        line = (str(failure).strip().splitlines() or [type(failure).__name__])[0]
        raise OphionError(f"{device} answered with something that is not SMP ({action}): {line}") from None


_LOST: tuple[type[Exception], ...] = (BleakError, EOFError, *PORT_ERRORS)
_RADIO_HINT = "check the adapter, or name a simulated device with --sim DIR"
