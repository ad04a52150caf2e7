"""Frozen into the device by tests: a service of one characteristic, and events printed as they come."""

import time

import bluetooth

ALL = (
    bluetooth.FLAG_READ
    | bluetooth.FLAG_WRITE
    | bluetooth.FLAG_WRITE_NO_RESPONSE
    | bluetooth.FLAG_NOTIFY
    | bluetooth.FLAG_INDICATE
)
NAMES = {1: "CONNECT", 2: "DISCONNECT", 3: "WRITE", 4: "READ", 20: "INDICATED", 21: "MTU"}
ble = bluetooth.BLE()


def show(event, data):
    print(NAMES[event], data[0])


def register(flags=ALL, more=()):
    """Register the service; returns the first value handle."""
    service = (bluetooth.UUID(0x7A00), ((bluetooth.UUID(0x7A01), flags),) + tuple(more))
    return ble.gatts_register_services((service,))[0][0]


def advertise():
    ble.gap_advertise(30_000, b"\x02\x01\x06\x05\x09gatt")


def start(irq=show, flags=ALL, more=()):
    ble.active(True)
    ble.irq(irq)
    handle = register(flags, more)
    advertise()
    return handle


def forever():
    print("ready")
    while True:
        time.sleep_ms(100)
