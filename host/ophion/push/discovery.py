"""Which devices are in range and offer the SMP service."""

from __future__ import annotations

from dataclasses import dataclass

from bleak import BleakScanner
from smpclient.transport import SMP_SERVICE_UUID

from ophion.push.link import converted


@dataclass(frozen=True)
class Found:
    """A device in range; `rssi` in dBm."""

    name: str
    address: str
    rssi: int


async def scan(seconds: float = 4.0) -> list[Found]:
    """Listen for `seconds` and return the devices that advertise SMP, strongest first.

    Raises OphionError when there is no usable Bluetooth.
    """
    service = str(SMP_SERVICE_UUID)
    with converted("the radio", "scanning"):
        seen = await BleakScanner.discover(timeout=seconds, return_adv=True, service_uuids=[service])
    found = [
        Found(advertisement.local_name or device.name or "", device.address, advertisement.rssi)
        for device, advertisement in seen.values()
        if service in {uuid.lower() for uuid in advertisement.service_uuids}
    ]
    return sorted(found, key=lambda item: (-item.rssi, item.address))
