"""Advertising data as bleak shows it (Core Specification Supplement, Part A)."""

from __future__ import annotations

from bleak.backends.scanner import AdvertisementData
from bleak.uuids import normalize_uuid_16, normalize_uuid_32
from bumble.core import UUID
from bumble.device import Advertisement

_UUID_LISTS = {0x02: 2, 0x03: 2, 0x04: 4, 0x05: 4, 0x06: 16, 0x07: 16}
_SHORT_NAME, _COMPLETE_NAME, _TX_POWER = 0x08, 0x09, 0x0A
_SERVICE_DATA = {0x16: 2, 0x20: 4, 0x21: 16}
_MANUFACTURER = 0xFF


def uuid_text(raw: bytes) -> str:
    """A UUID in little endian as bleak writes it: 128 bit, lower case."""
    if len(raw) == 2:
        return normalize_uuid_16(int.from_bytes(raw, "little"))
    if len(raw) == 4:
        return normalize_uuid_32(int.from_bytes(raw, "little"))
    return str(UUID.from_bytes(raw)).lower()


def parse(advertisement: Advertisement) -> AdvertisementData:
    """What the advertising and scan response data of one report say."""
    name: str | None = None
    tx_power: int | None = None
    manufacturer: dict[int, bytes] = {}
    service_data: dict[str, bytes] = {}
    uuids: list[str] = []
    for kind, data in advertisement.data.ad_structures:
        if kind == _COMPLETE_NAME or (kind == _SHORT_NAME and name is None):
            name = data.decode("utf-8", "replace")
        elif kind in _UUID_LISTS:
            size = _UUID_LISTS[kind]
            uuids += [uuid_text(data[i : i + size]) for i in range(0, len(data) - size + 1, size)]
        elif kind in _SERVICE_DATA and len(data) >= _SERVICE_DATA[kind]:
            size = _SERVICE_DATA[kind]
            service_data[uuid_text(data[:size])] = data[size:]
        elif kind == _MANUFACTURER and len(data) >= 2:
            manufacturer[int.from_bytes(data[:2], "little")] = data[2:]
        elif kind == _TX_POWER and len(data) == 1:
            tx_power = int.from_bytes(data, "little", signed=True)
    return AdvertisementData(
        local_name=name,
        manufacturer_data=manufacturer,
        service_data=service_data,
        service_uuids=uuids,
        tx_power=tx_power,
        rssi=advertisement.rssi,
        platform_data=(advertisement,),
    )
