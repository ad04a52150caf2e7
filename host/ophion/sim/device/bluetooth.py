"""`bluetooth` of the simulated chip: MicroPython's API as the ESP32 port has it, over a real Bumble host.

The attribute values live here, as they live in the chip's heap (extmod/modbluetooth.c
mp_bluetooth_gatts_db_*); links, ATT and advertising are the supervisor's. What the ESP32 does that
surprises people is modelled on purpose and tested in tests/sim/test_traps_*.py. Central roles
and L2CAP channels raise OSError(EOPNOTSUPP).
"""

import binascii
import errno
import json
import os
import struct
import sys

import ophion_messages as m
import ophion_sim
from micropython import const

# The only flags that the module has names for (extmod/modbluetooth.c).
FLAG_READ = const(0x0002)
FLAG_WRITE_NO_RESPONSE = const(0x0004)
FLAG_WRITE = const(0x0008)
FLAG_NOTIFY = const(0x0010)
FLAG_INDICATE = const(0x0020)

_IRQ_CENTRAL_CONNECT = const(1)
_IRQ_CENTRAL_DISCONNECT = const(2)
_IRQ_GATTS_WRITE = const(3)
_IRQ_GATTS_READ_REQUEST = const(4)
_IRQ_GATTS_INDICATE_DONE = const(20)
_IRQ_MTU_EXCHANGED = const(21)
_IRQ_ENCRYPTION_UPDATE = const(28)
_IRQ_GET_SECRET = const(29)
_IRQ_SET_SECRET = const(30)
_IRQ_PASSKEY_ACTION = const(31)

_DEFAULT_BUFFER = const(20)  # MP_BLUETOOTH_DEFAULT_ATTR_LEN
_MAX_SERVICES = const(8)  # MP_BLUETOOTH_MAX_SERVICES
_MAX_ADV = const(31)
_MIN_MTU = const(23)
_MAX_MTU = const(527)  # BLE_ATT_MTU_MAX
_PREFERRED_MTU = const(256)
_E2BIG = const(7)
_ATT_NOT_FOUND = const(0x0A)
_OUR_IRK = const(10)  # SECRET_TYPE_OUR_IRK (modbluetooth_nimble.c)


class UUID:
    """A 16 bit (int) or 128 bit (text or 16 bytes, little endian) UUID."""

    def __init__(self, value):
        if isinstance(value, UUID):
            self._le = value._le
        elif isinstance(value, int):
            if not 0 <= value <= 0xFFFF:
                raise ValueError("invalid UUID")
            self._le = struct.pack("<H", value)
        elif isinstance(value, str):
            self._le = _parse_uuid(value)
        else:
            self._le = bytes(value)
            if len(self._le) not in (2, 16):
                raise ValueError("invalid UUID")

    def __iter__(self):
        return iter(self._le)

    def __len__(self):
        return len(self._le)

    def __eq__(self, other):
        return isinstance(other, UUID) and self._le == other._le

    def __lt__(self, other):
        return self._le < other._le

    def __hash__(self):
        return hash(self._le)

    def __repr__(self):
        h = bytes(reversed(self._le)).hex()
        if len(h) == 4:
            return "UUID(0x%s)" % h
        return "UUID('%s-%s-%s-%s-%s')" % (h[:8], h[8:12], h[12:16], h[16:20], h[20:])


def _parse_uuid(text):
    digits = text.replace("-", "")
    if len(digits) != 32:
        raise ValueError("invalid UUID")
    return bytes(reversed(binascii.unhexlify(digits)))


def _describe(characteristic):
    uuid, flags = characteristic[:2]
    descriptors = characteristic[2] if len(characteristic) > 2 else ()
    return [bytes(uuid).hex(), flags, [[bytes(u).hex(), f] for u, f in descriptors]]


class _Value:
    """One attribute value: a buffer of fixed size that remote writes are cut to."""

    def __init__(self, size=_DEFAULT_BUFFER, append=False):
        self.data = bytearray(size)
        self.length = 0
        self.append = append

    def get(self):
        return bytes(memoryview(self.data)[: self.length])

    def read(self):
        value = self.get()
        if self.append:
            self.length = 0
        return value

    def write(self, value):
        """A local write makes the buffer larger when it must."""
        if len(value) > len(self.data):
            self.data = bytearray(len(value))
        self.data[: len(value)] = value
        self.length = len(value)

    def remote_write(self, value):
        """What does not fit is lost and the client is told that all is well (modbluetooth_nimble.c)."""
        at = self.length if self.append else 0
        count = min(len(self.data) - at, len(value))
        self.data[at : at + count] = memoryview(value)[:count]
        self.length = at + count


class _Ble:
    def __init__(self):
        self._active = False
        self._irq = None
        self._values = {}
        self._connections = {}  # handle -> the address lent to the handler
        self._indicating = set()
        self._mtu = _PREFERRED_MTU
        self._name = b"MPY ESP32"
        self._security = {"bond": 0, "mitm": 0, "io": 3, "le_secure": 0}
        self._lent = bytearray(6)

    # Stack

    def active(self, on=None):
        if on is None or bool(on) == self._active:
            return self._active
        link = ophion_sim.link()
        if on:
            link.on_message = self._on_message
            link.credits = m.NOTIFY_BUFFERS
            link.call(m.BLE_ACTIVE, b"\x01")
            link.send(m.BLE_MTU, struct.pack("<H", self._mtu))
            link.send(m.BLE_NAME, self._name)
            self._send_security()
            self._load_irk()
        else:
            link.call(m.BLE_ACTIVE, b"\x00")
            link.forget_events()
            self._values.clear()
            self._connections.clear()
            self._indicating.clear()
        self._active = bool(on)
        return self._active

    def irq(self, handler):
        if handler is not None and not callable(handler):
            raise ValueError("invalid handler")
        self._irq = handler

    def config(self, *names, **values):
        self._check()
        if names:
            if values or len(names) != 1:
                raise TypeError("can't get and set, or get two")
            return self._get_config(names[0])
        for name, value in values.items():
            self._set_config(name, value)
        return None

    def _get_config(self, name):
        if name == "mac":
            return (1, binascii.unhexlify(ophion_sim.config("address")))
        if name == "gap_name":
            return self._name
        if name == "mtu":
            return self._mtu
        raise ValueError("unknown config param")

    def _set_config(self, name, value):
        link = ophion_sim.link()
        if name == "gap_name":
            self._name = value.encode() if isinstance(value, str) else bytes(value)
            link.send(m.BLE_NAME, self._name)
        elif name == "mtu":
            if not _MIN_MTU <= value <= _MAX_MTU:
                raise OSError(errno.EINVAL)
            self._mtu = value
            link.send(m.BLE_MTU, struct.pack("<H", value))
        elif name in self._security:
            self._security[name] = int(value)
            self._send_security()
        elif name != "addr_mode":
            raise ValueError("unknown config param")

    def _send_security(self):
        values = [self._security[name] for name in ("bond", "mitm", "io", "le_secure")]
        ophion_sim.link().send(m.BLE_SECURITY, bytes(values))

    def _load_irk(self):
        """The device's identity key, asked for when the radio is switched on (load_irk)."""
        if self._call(_IRQ_GET_SECRET, (_OUR_IRK, 0, memoryview(b"irk"))) is None:
            self._call(_IRQ_SET_SECRET, (_OUR_IRK, memoryview(b"irk"), memoryview(os.urandom(16))))

    # Advertising and connections

    def gap_advertise(self, interval_us, adv_data=None, *, resp_data=None, connectable=True):
        """Start, with the data of the last time where it is None; interval None stops."""
        self._check()
        if interval_us is None:
            ophion_sim.link().call(m.BLE_STOP)
            return
        parts = [b"" if p is None else bytes(p) for p in (adv_data, resp_data)]
        if max(len(p) for p in parts) > _MAX_ADV:
            raise OSError(errno.EINVAL)
        given = (m.ADV_DATA if adv_data is not None else 0) | (m.ADV_RESPONSE if resp_data is not None else 0)
        head = struct.pack("<IBBB", interval_us, bool(connectable), given, len(parts[0]))
        ophion_sim.link().call(m.BLE_ADVERTISE, head + parts[0] + parts[1])

    def gap_disconnect(self, conn_handle):
        self._check()
        if conn_handle not in self._connections:
            return False
        ophion_sim.link().send(m.BLE_DISCONNECT, struct.pack("<H", conn_handle))
        return True

    def gap_pair(self, conn_handle):
        """Ask the central to pair, or to encrypt with the bond that there is (a security request)."""
        self._check()
        if conn_handle not in self._connections:
            raise OSError(errno.ENOTCONN)
        ophion_sim.link().send(m.BLE_PAIR, struct.pack("<H", conn_handle))

    def gap_passkey(self, conn_handle, action, passkey):
        self._check()
        if conn_handle not in self._connections:
            raise OSError(errno.ENOTCONN)
        ophion_sim.link().send(m.BLE_PASSKEY, struct.pack("<HBI", conn_handle, action, passkey))

    # GATT server

    def gatts_register_services(self, services):
        """Replace all services; returns the value and descriptor handles, a tuple for each service."""
        self._check()
        if len(services) > _MAX_SERVICES:
            raise OSError(_E2BIG)
        wanted = [[bytes(uuid).hex(), [_describe(c) for c in chars]] for uuid, chars in services]
        answer = ophion_sim.link().call(m.BLE_SERVICES, json.dumps(wanted).encode())
        handles = tuple(tuple(group) for group in json.loads(answer))
        self._values = {h: _Value() for group in handles for h in group}
        return handles

    def gatts_read(self, value_handle):
        return self._value(value_handle).read()

    def gatts_write(self, value_handle, data, send_update=False):
        data = bytes(data)
        self._value(value_handle).write(data)
        if send_update:
            ophion_sim.link().send(m.BLE_UPDATE, struct.pack("<H", value_handle) + data)

    def gatts_set_buffer(self, value_handle, len, append=False):
        """A new buffer; the value that was there is gone."""
        self._value(value_handle)
        self._values[value_handle] = _Value(len, append)

    def gatts_notify(self, conn_handle, value_handle, data=None):
        self._send(m.BLE_NOTIFY, conn_handle, value_handle, data)

    def gatts_indicate(self, conn_handle, value_handle, data=None):
        if conn_handle in self._indicating:
            raise OSError(errno.EALREADY)
        self._send(m.BLE_INDICATE, conn_handle, value_handle, data)
        self._indicating.add(conn_handle)

    def _send(self, kind, conn_handle, value_handle, data):
        self._check()
        if conn_handle not in self._connections:
            raise OSError(errno.ENOTCONN)
        data = self._value(value_handle).get() if data is None else bytes(data)
        link = ophion_sim.link()
        if not link.take_credits(m.notify_cost(len(data))):
            raise OSError(errno.ENOMEM)
        link.send(kind, struct.pack("<HH", conn_handle, value_handle) + data)

    def _value(self, handle):
        self._check()
        if handle not in self._values:
            raise OSError(errno.EINVAL)
        return self._values[handle]

    def _check(self):
        if not self._active:
            raise OSError(errno.ENODEV)

    # Events

    def _on_message(self, kind, payload):
        if kind == m.WRITE:
            self._on_write(payload)
        elif kind == m.READ:
            self._on_read(payload)
        elif kind == m.CONNECTED or kind == m.DISCONNECTED:
            self._on_link(kind, payload)
        elif kind == m.MTU:
            self._call(_IRQ_MTU_EXCHANGED, struct.unpack("<HH", payload))
        elif kind == m.ENCRYPTED:
            conn, encrypted, authenticated, bonded, size = struct.unpack("<HBBBB", payload)
            state = (conn, bool(encrypted), bool(authenticated), bool(bonded), size)
            self._call(_IRQ_ENCRYPTION_UPDATE, state)
        elif kind == m.PASSKEY:
            self._call(_IRQ_PASSKEY_ACTION, struct.unpack("<HBI", payload))
        elif kind == m.GET_SECRET or kind == m.SET_SECRET:
            self._on_secret(kind, payload)
        elif kind == m.INDICATED:
            conn, handle, status = struct.unpack("<HHB", payload)
            self._indicating.discard(conn)
            self._call(_IRQ_GATTS_INDICATE_DONE, (conn, handle, status))

    def _on_write(self, payload):
        seq, conn, handle = struct.unpack_from("<IHH", payload)
        value = self._values.get(handle)
        if value is not None:
            value.remote_write(memoryview(payload)[8:])
            self._call(_IRQ_GATTS_WRITE, (conn, handle))
        ophion_sim.link().send(m.WRITE_DONE, struct.pack("<I", seq))

    def _on_read(self, payload):
        seq, conn, handle = struct.unpack("<IHH", payload)
        refused = self._call(_IRQ_GATTS_READ_REQUEST, (conn, handle))
        value = self._values.get(handle)
        error = int(refused or 0) if value is not None else _ATT_NOT_FOUND
        data = value.get() if value is not None and not error else b""
        ophion_sim.link().send(m.READ_DONE, struct.pack("<IB", seq, error) + data)

    def _on_secret(self, kind, payload):
        """The handler answers at once; no key is a search, no value deletes. Memory is lent for the call."""
        seq, secret, number = struct.unpack_from("<IBB", payload)
        rest = memoryview(payload)[6:]
        value = b""
        if kind == m.GET_SECRET:
            value = self._call(_IRQ_GET_SECRET, (secret, number, rest if len(rest) else None))
            done = value is not None
        else:
            given = rest[number:]
            done = self._call(_IRQ_SET_SECRET, (secret, rest[:number], given if len(given) else None))
        ophion_sim.link().send(m.SECRET_DONE, struct.pack("<IB", seq, bool(done)) + bytes(value or b""))

    def _on_link(self, kind, payload):
        conn, addr_type, addr = struct.unpack("<HB6s", payload)
        if kind == m.CONNECTED:
            self._connections[conn] = addr
            event = _IRQ_CENTRAL_CONNECT
        else:
            self._connections.pop(conn, None)
            self._indicating.discard(conn)
            event = _IRQ_CENTRAL_DISCONNECT
        self._lent[:] = addr
        self._call(event, (conn, addr_type, memoryview(self._lent)))
        self._lent[:] = b"\xa5" * 6  # the memory is somebody else's after the handler

    def _call(self, event, data):
        """Call the handler; if it raises, it is printed and never called again (modbluetooth.c)."""
        if self._irq is None:
            return None
        try:
            return self._irq(event, data)
        except BaseException as e:
            print("Unhandled exception in BLE event handler, which is now off:")
            sys.print_exception(e)
            self._irq = None
        return None

    # What this chip does not do

    def _unsupported(self, *args, **kwargs):
        self._check()
        raise OSError(errno.EOPNOTSUPP)

    gap_scan = gap_connect = _unsupported
    gattc_discover_services = gattc_discover_characteristics = gattc_discover_descriptors = _unsupported
    gattc_read = gattc_write = gattc_exchange_mtu = _unsupported
    l2cap_listen = l2cap_connect = l2cap_disconnect = l2cap_send = l2cap_recvinto = _unsupported


_ble = _Ble()


def BLE():
    """The one Bluetooth stack of the chip."""
    return _ble
