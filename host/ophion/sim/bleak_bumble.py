"""A backend for `bleak` on a Bumble host: bleak programs reach a simulated device, or any HCI.

    python -m ophion.sim.bleak_bumble TRANSPORT program.py arguments...

runs a program that knows nothing of it. TRANSPORT is one of Bumble's ("tcp-client:127.0.0.1:1234",
"usb:0", ...), or the directory of a running simulated device. In a program: `install(transport)`,
or `BleakClient(device, backend=backends(transport)[0])`.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import os
import runpy
import sys
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import bleak
from bleak.args import SizedBuffer
from bleak.assigned_numbers import gatt_char_props_to_strs
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.client import BaseBleakClient, NotifyCallback
from bleak.backends.descriptor import BleakGATTDescriptor
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementDataCallback, BaseBleakScanner
from bleak.backends.service import BleakGATTService, BleakGATTServiceCollection
from bleak.exc import BleakDeviceNotFoundError, BleakError, BleakGATTProtocolError
from bumble import att, hci
from bumble.core import BaseBumbleError
from bumble.device import Advertisement, Connection, Device, Peer
from bumble.gatt_client import ServiceProxy

from ophion.errors import OphionError
from ophion.sim.advertising import parse, uuid_text
from ophion.sim.bonds import CentralBonds
from ophion.sim.central import CentralRadio
from ophion.sim.pairing import Passkey, use_bond
from ophion.sim.pairing import pair as pair_with
from ophion.sim.state import radio_of

_MTU = 517  # the largest that ATT values need (512 + 5); what BlueZ asks for
_MAX_UNSENT = 16  # writes without response that may wait in the host before a writer has to wait
_HOOKS = ("get_platform_client_backend_type", "get_platform_scanner_backend_type")
_T = TypeVar("_T")


class BleakScannerBumble(BaseBleakScanner):
    """Scans with the radio on `transport`."""

    transport: ClassVar[str] = ""

    def __init__(
        self,
        detection_callback: AdvertisementDataCallback | None,
        service_uuids: list[str] | None,
        scanning_mode: str = "active",
        **kwargs: Any,
    ) -> None:
        super().__init__(detection_callback, service_uuids)
        self._active = scanning_mode != "passive"
        self._radio: CentralRadio | None = None

    async def start(self) -> None:
        self.seen_devices = {}
        self._radio = radio = await _acquire(self.transport)
        radio.device.on(Device.EVENT_ADVERTISEMENT, self._on_advertisement)
        try:
            await radio.device.start_scanning(active=self._active)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        radio, self._radio = self._radio, None
        if radio is None:
            return
        radio.off(Device.EVENT_ADVERTISEMENT, self._on_advertisement)
        try:
            if not radio.device.listeners(Device.EVENT_ADVERTISEMENT):
                await radio.device.stop_scanning()
        finally:
            await radio.release()

    def _on_advertisement(self, advertisement: Advertisement) -> None:
        data = parse(advertisement)
        if not self.is_allowed_uuid(data.service_uuids):
            return
        address = advertisement.address.to_string(False)
        device = self.create_or_update_device(address, address, data.local_name, advertisement.address, data)
        self.call_detection_callbacks(device, data)


class BleakClientBumble(BaseBleakClient):
    """A GATT client on the radio on `transport`."""

    transport: ClassVar[str] = ""
    mtu: ClassVar[int] = _MTU
    takes_passkey: ClassVar[bool] = True
    """`pair` has an argument `passkey`; operating systems ask for it themselves."""

    def __init__(
        self,
        address_or_ble_device: BLEDevice | str,
        *,
        services: set[str] | None = None,
        disconnected_callback: Callable[[], None] | None = None,
        timeout: float = 30,
        **kwargs: Any,
    ) -> None:
        super().__init__(address_or_ble_device, disconnected_callback=disconnected_callback, timeout=timeout)
        known = isinstance(address_or_ble_device, BLEDevice)
        self._peer_address = address_or_ble_device.details if known else None  # type: ignore[union-attr]
        self._name = address_or_ble_device.name if known else None  # type: ignore[union-attr]
        self._wanted = services
        self._radio: CentralRadio | None = None
        self._connection: Connection | None = None
        self._ended: asyncio.Future[None]  # of the link, made with it
        self._listeners: dict[int, Callable[[bytes], None]] = {}
        self._releasing: asyncio.Task[None] | None = None

    @property
    def name(self) -> str:
        return self._name or self.address.replace(":", "-")

    @property
    def mtu_size(self) -> int:
        return self._connection.att_mtu if self._connection else att.ATT_DEFAULT_MTU

    @property
    def is_connected(self) -> bool:
        return self._connection is not None

    async def connect(self, pair: bool, **kwargs: Any) -> None:
        if self._connection is not None:
            raise BleakError("already connected")
        if self._peer_address is None:
            self._peer_address = await self._find()
        radio = self._radio = await _acquire(self.transport)
        try:
            if radio.device.find_connection_by_bd_addr(self._peer_address) is not None:
                raise BleakError(f"{self.address} is connected already")
            async with radio.connecting:
                connection = await radio.device.connect_le(self._peer_address, timeout=self._timeout)
            self._connection = connection
            self._ended = asyncio.get_running_loop().create_future()
            connection.on(Connection.EVENT_DISCONNECTION, self._on_disconnection)
            peer = Peer(connection)
            if self.mtu > att.ATT_DEFAULT_MTU:
                await self._do(peer.request_mtu(self.mtu))
            await self._do(use_bond(connection, CentralBonds.of(self.transport)))
            if pair:
                await self.pair()
            await self._do(peer.discover_all())  # type: ignore[no-untyped-call]
            self.services = self._collect(peer.services)
        except BaseException as e:
            await self._give_up()
            if isinstance(e, BaseBumbleError):
                raise _converted(e, self.address) from e
            raise

    async def disconnect(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(BaseBumbleError):  # it may end by itself meanwhile
                await self._connection.disconnect()
        if self._releasing is not None:
            await self._releasing

    async def pair(self, *args: Any, passkey: Passkey | None = None, **kwargs: Any) -> None:
        """Pair, unless the bond that there is does; `passkey` is asked while the device shows one."""
        connection = self._require()
        bonds = CentralBonds.of(self.transport)
        if not connection.is_encrypted or (passkey and not bonds.authenticated(connection)):
            await self._do(pair_with(connection, passkey))

    async def unpair(self) -> None:
        await CentralBonds.of(self.transport).delete(str(self._require().peer_address))

    async def read_gatt_char(
        self, characteristic: BleakGATTCharacteristic, *, use_cached: bool = False, **kwargs: Any
    ) -> bytearray:
        client = self._require().gatt_client
        return bytearray(await self._do(client.read_value(characteristic.obj)))

    async def read_gatt_descriptor(
        self, descriptor: BleakGATTDescriptor, *, use_cached: bool = False, **kwargs: Any
    ) -> bytearray:
        client = self._require().gatt_client
        return bytearray(await self._do(client.read_value(descriptor.obj)))

    async def write_gatt_char(
        self, characteristic: BleakGATTCharacteristic, data: SizedBuffer, response: bool
    ) -> None:
        connection = self._require()
        write = connection.gatt_client.write_value(characteristic.obj, bytes(data), response)
        if response:
            await self._do(write)
            return
        await write
        queue = connection.data_packet_queue
        if queue is not None and queue.pending > _MAX_UNSENT:
            await self._do(queue.drain(connection.handle))

    async def write_gatt_descriptor(self, descriptor: BleakGATTDescriptor, data: SizedBuffer) -> None:
        client = self._require().gatt_client
        await self._do(client.write_value(descriptor.obj, bytes(data), True))

    async def start_notify(
        self, characteristic: BleakGATTCharacteristic, callback: NotifyCallback, **kwargs: Any
    ) -> None:
        def listener(value: bytes) -> None:
            callback(bytearray(value))

        await self._do(self._require().gatt_client.subscribe(characteristic.obj, listener))
        self._listeners[characteristic.handle] = listener

    async def stop_notify(self, characteristic: BleakGATTCharacteristic) -> None:
        listener = self._listeners.pop(characteristic.handle, None)
        await self._do(self._require().gatt_client.unsubscribe(characteristic.obj, listener))

    # Helpers

    async def _find(self) -> hci.Address:
        """A bare address does not tell its type: look for its advertisement."""
        found = asyncio.get_running_loop().create_future()

        def on_device(device: BLEDevice, _: Any) -> None:
            if device.address.upper() == self.address.upper() and not found.done():
                found.set_result(device.details)

        scanner = backends(self.transport)[1](on_device, None)
        await scanner.start()
        try:
            address: hci.Address = await asyncio.wait_for(found, self._timeout)
        except asyncio.TimeoutError:
            raise BleakDeviceNotFoundError(
                self.address, f"no advertisement of {self.address} was seen"
            ) from None
        finally:
            await scanner.stop()
        return address

    async def _do(self, operation: Coroutine[Any, Any, _T]) -> _T:
        """Run a Bumble operation; a link that ends meanwhile is a BleakError.

        Bumble cancels what waits for an answer when the link ends: without a task of its own the
        caller could not tell that from being cancelled itself. What is sent after the link has
        ended would wait for 30 s.
        """
        task = asyncio.ensure_future(operation)
        ends: set[asyncio.Future[Any]] = {task, self._ended}
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            task.cancel()
        if not task.done() or task.cancelled():
            raise BleakError("disconnected")
        error = task.exception()
        if isinstance(error, (att.ATT_Error, BaseBumbleError)):
            raise _converted(error, self.address) from error
        return task.result()

    def _require(self) -> Connection:
        if self._connection is None:
            raise BleakError("Not connected")
        return self._connection

    def _on_disconnection(self, reason: int) -> None:
        self._connection = None
        self._ended.set_result(None)
        self._listeners.clear()
        self._releasing = asyncio.get_running_loop().create_task(self._release())
        if self._disconnected_callback is not None:
            self._disconnected_callback()

    async def _release(self) -> None:
        radio, self._radio = self._radio, None
        if radio is not None:
            await radio.release()

    async def _give_up(self) -> None:
        self._disconnected_callback, callback = None, self._disconnected_callback
        await self.disconnect()
        await self._release()
        self._disconnected_callback = callback

    def _collect(self, services: list[ServiceProxy]) -> BleakGATTServiceCollection:
        collection = BleakGATTServiceCollection()
        for proxy in services:
            uuid = uuid_text(bytes(proxy.uuid))
            if self._wanted is not None and uuid not in self._wanted:
                continue
            service = BleakGATTService(proxy, proxy.handle, uuid)
            collection.add_service(service)
            for c in proxy.characteristics:
                characteristic = BleakGATTCharacteristic(
                    c,
                    c.handle,
                    uuid_text(bytes(c.uuid)),
                    list(gatt_char_props_to_strs(c.properties)),
                    lambda: self.mtu_size - 3,
                    service,
                )
                collection.add_characteristic(characteristic)
                for d in c.descriptors:
                    collection.add_descriptor(
                        BleakGATTDescriptor(d, d.handle, uuid_text(bytes(d.type)), characteristic)
                    )
        return collection


def _converted(error: BaseException, address: str) -> Exception:
    if isinstance(error, att.ATT_Error):
        return BleakGATTProtocolError(int(error.error_code))
    if isinstance(error, asyncio.TimeoutError | TimeoutError):
        return asyncio.TimeoutError(f"{address} did not answer")
    return BleakError(f"{address}: {error}")


async def _acquire(transport: str) -> CentralRadio:
    try:
        return await CentralRadio.acquire(transport)
    except (OSError, BaseBumbleError) as e:
        raise BleakError(f"no radio at {transport}: {e}") from e


def backends(transport: str, mtu: int = _MTU) -> tuple[type[BleakClientBumble], type[BleakScannerBumble]]:
    """Backend classes bound to one Bumble transport, for the `backend=` arguments of bleak.

    `mtu` is what a connection asks for; 23 asks for nothing, as the plainest centrals do.
    """
    client = type("BleakClientBumble", (BleakClientBumble,), {"transport": transport, "mtu": mtu})
    scanner = type("BleakScannerBumble", (BleakScannerBumble,), {"transport": transport})
    return client, scanner


def keep_bonds(transport: str, path: Path) -> None:
    """Keep what is paired over `transport` in the file `path`. Raises InputError for a wrong file."""
    CentralBonds.keep(transport, path)
    CentralBonds.of(transport)


def install(transport: str, mtu: int = _MTU) -> Callable[[], None]:
    """Make bleak use Bumble on `transport` wherever no backend is named; call the result to undo."""
    before = {name: getattr(bleak, name) for name in _HOOKS}
    for name, backend in zip(_HOOKS, backends(transport, mtu), strict=True):
        setattr(bleak, name, lambda backend=backend: (backend, "bumble"))

    def undo() -> None:
        for name, original in before.items():
            setattr(bleak, name, original)

    return undo


_here: contextvars.ContextVar[str | None] = contextvars.ContextVar("bumble transport", default=None)


@contextlib.contextmanager
def here(transport: str) -> Iterator[None]:
    """Make bleak use Bumble on `transport` in this task only, so that each task may have its own radio."""
    _choose_by_task()
    before = _here.set(transport)
    try:
        yield
    finally:
        _here.reset(before)


def _choose_by_task() -> None:
    """Have bleak ask which task it is; where no radio was chosen, what it used until now stays."""
    for index, name in enumerate(_HOOKS):
        original = getattr(bleak, name)
        if getattr(original, "by_task", False):
            continue

        def choose(index: int = index, original: Callable[[], Any] = original) -> Any:
            transport = _here.get()
            return original() if transport is None else (backends(transport)[index], "bumble")

        choose.by_task = True  # type: ignore[attr-defined]
        setattr(bleak, name, choose)


def main(arguments: list[str]) -> None:
    """Run a program with this backend; SystemExit with a usage line for bad arguments."""
    if len(arguments) < 2:
        sys.exit("usage: python -m ophion.sim.bleak_bumble TRANSPORT|DIRECTORY program.py arguments...")
    where, program = arguments[0], arguments[1]
    try:
        install(radio_of(Path(where)) if os.path.isdir(where) else where)
    except OphionError as e:
        sys.exit(f"error: {e}\nhint: {e.hint}")
    sys.argv = arguments[1:]
    sys.path.insert(0, str(Path(program).parent))
    runpy.run_path(program, run_name="__main__")


if __name__ == "__main__":
    main(sys.argv[1:])
