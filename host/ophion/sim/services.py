"""From the service tree that the device registers to Bumble's GATT attributes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from bumble import att, core, gatt, gatt_server
from bumble.device import Connection, Device

# Flags of MicroPython's `bluetooth` (extmod/modbluetooth.h); the low byte is the ATT properties.
_READ = 0x0002
_WRITES = 0x0004 | 0x0008
_P = att.Attribute.Permissions
# Encryption and authentication are asked of the link by sim/security.py.
_EXTRA = {0x0800: _P.READ_REQUIRES_AUTHORIZATION, 0x4000: _P.WRITE_REQUIRES_AUTHORIZATION}

Attribute = att.Attribute[bytes]
ValueMaker = Callable[[Callable[[], int], int], att.AttributeValue[bytes]]


class _Guarded(att.AttributeValue[bytes]):
    """An attribute value that refuses what the flags do not allow, as NimBLE's server does."""

    def __init__(self, inner: att.AttributeValue[bytes], flags: int) -> None:
        super().__init__()
        self._inner = inner
        self._flags = flags

    def read(self, connection: Connection) -> bytes | Awaitable[bytes]:
        if not self._flags & _READ:
            raise att.ATT_Error(att.ATT_READ_NOT_PERMITTED_ERROR)
        return self._inner.read(connection)

    def write(self, connection: Connection, value: bytes) -> Awaitable[None] | None:
        if not self._flags & _WRITES:
            raise att.ATT_Error(att.ATT_WRITE_NOT_PERMITTED_ERROR)
        return self._inner.write(connection, value)


def _permissions(flags: int) -> att.Attribute.Permissions:
    permissions = _P(0)
    if flags & _READ:
        permissions |= _P.READABLE
    if flags & _WRITES:
        permissions |= _P.WRITEABLE
    for flag, permission in _EXTRA.items():
        if flags & flag:
            permissions |= permission
    return permissions


def _uuid(text: str) -> core.UUID:
    return core.UUID.from_bytes(bytes.fromhex(text))


def install_services(
    device: Device, tree: list[Any], make_value: ValueMaker
) -> tuple[list[list[int]], dict[int, Attribute]]:
    """Replace the device's GATT server by one with `tree` (see ophion_messages.BLE_SERVICES).

    `make_value(handle_of, flags)` makes the value of one attribute, whose handle `handle_of()` knows later.
    Returns the value and descriptor handles of every service, and the attributes by handle.
    """
    server = gatt_server.Server(device)
    device.gatt_server = server
    device.add_default_services()
    handles: list[list[int]] = []
    by_handle: dict[int, Attribute] = {}
    for uuid, characteristics in tree:
        made = [_characteristic(c, make_value) for c in characteristics]
        server.add_service(gatt.Service(_uuid(uuid), made))
        own: list[Attribute] = []
        for characteristic, spec in zip(made, characteristics, strict=True):
            own.append(characteristic)
            own.extend(characteristic.descriptors[: len(spec[2])])
        handles.append([attribute.handle for attribute in own])
        by_handle.update({attribute.handle: attribute for attribute in own})
    return handles, by_handle


def _characteristic(spec: list[Any], make_value: ValueMaker) -> gatt.Characteristic[bytes]:
    uuid, flags, descriptors = spec
    characteristic: gatt.Characteristic[bytes] = gatt.Characteristic(
        _uuid(uuid),
        gatt.Characteristic.Properties(flags & 0xFF),
        _permissions(flags),
        descriptors=[_descriptor(d, make_value) for d in descriptors],
    )
    characteristic.value = _Guarded(make_value(lambda: characteristic.handle, flags), flags)
    return characteristic


def _descriptor(spec: list[Any], make_value: ValueMaker) -> gatt.Descriptor:
    uuid, flags = spec
    descriptor = gatt.Descriptor(_uuid(uuid), _permissions(flags))
    descriptor.value = _Guarded(make_value(lambda: descriptor.handle, 0), flags)
    return descriptor


def set_device_name(device: Device, name: bytes) -> None:
    """The GAP Device Name characteristic (0x2A00)."""
    for attribute in device.gatt_server.attributes:
        if attribute.type == gatt.GATT_DEVICE_NAME_CHARACTERISTIC:
            attribute.value = name
