"""Frozen into the device by tests: pairs as it is told, keeps bonds in memory, prints events."""

import time

import bluetooth
import gatt

WRITE_ENCRYPTED, WRITE_AUTHENTICATED = 0x1000, 0x2000
READ_ENCRYPTED, READ_AUTHENTICATED = 0x0200, 0x0400
ble = gatt.ble
secrets = {}
passkey = 123456
keep = True
ended = []


def irq(event, data):
    if event == 1:
        print("CONNECT", data[0])
    elif event == 2:
        ended.append(data[0])
    elif event == 28:
        print("ENCRYPTION", *(int(item) for item in data))
    elif event == 29:
        kind, index, key = data
        print("GET", kind, index, None if key is None else len(key))
        return secrets.get((kind, bytes(key)))
    elif event == 30:
        kind, key, value = data
        print("SET", kind, len(key), None if value is None else len(value))
        if not keep:
            return False
        if value is None:
            return secrets.pop((kind, bytes(key)), None) is not None
        secrets[kind, bytes(key)] = bytes(value)
        return True
    elif event == 31:
        connection, action, number = data
        print("PASSKEY", action, number)
        ble.gap_passkey(connection, action, passkey)
    return None


def start(flags, **config):
    """Switch on with these characteristic flags and this security."""
    ble.irq(irq)
    ble.active(True)
    ble.config(**config)
    handle = gatt.register(bluetooth.FLAG_READ | bluetooth.FLAG_WRITE | flags)
    gatt.advertise()
    return handle


def forever():
    """Advertise again whenever a central has gone."""
    print("ready")
    while True:
        time.sleep_ms(20)
        if ended:
            ended.clear()
            gatt.advertise()
