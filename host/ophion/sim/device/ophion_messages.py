"""Messages between the simulated chip's MicroPython and the hardware around it (the supervisor).

One definition for both sides: this file runs on MicroPython and on CPython. A message is a header
`<HB` (payload length, kind) and the payload; both ways over one socket pair, in order.
Sizes are in bytes, times in milliseconds unless the name says otherwise.
"""

import struct

HEADER = "<HB"
HEADER_SIZE = 3
MAX_PAYLOAD = 0xFFFF

# From the chip.
RESET = 1  # <BI reset kind, delay ms (deep sleep)
CUT = 2  # <I number of the flash operation that power was cut in
HALTED = 3  # the program ended; the chip idles in the REPL
RTC = 4  # the whole RTC memory, at most RTC_SIZE bytes
WDT = 5  # <I timeout ms: arm the watchdog (again)
FEED = 6
STARTED = 7  # MicroPython runs and the link works
PIN = 8  # <BB pin, level: an output was switched
CLOCK = 9  # <q us between the supervisor's clock and the chip's: the time was set
BLE_ACTIVE = 16  # <B on/off -> REPLY
BLE_MTU = 17  # <H preferred MTU
BLE_NAME = 18  # GAP device name, UTF-8
BLE_SERVICES = 19  # JSON [[uuid, [[uuid, flags, [[uuid, flags], ...]], ...]], ...] -> REPLY with JSON handles
BLE_ADVERTISE = 20  # <IBBB interval us, connectable, flags ADV_*, length of the first part; data -> REPLY
BLE_STOP = 21  # stop advertising -> REPLY
BLE_NOTIFY = 22  # <HH connection, value handle; data
BLE_INDICATE = 23  # as BLE_NOTIFY
BLE_UPDATE = 24  # <H value handle; data: to every subscriber
BLE_DISCONNECT = 25  # <H connection
WRITE_DONE = 26  # <I sequence number of the WRITE
READ_DONE = 27  # <IB sequence number, ATT error or 0; value
BLE_SECURITY = 28  # <BBBB bond, mitm, io, le_secure
BLE_PAIR = 29  # <H connection: ask the central to pair
BLE_PASSKEY = 30  # <HBI connection, action, number
SECRET_DONE = 31  # <IB sequence number, found or done; value

# To the chip. The first message is CONFIG: JSON about the board and this start.
CONFIG = 63
REPLY = 64  # <H errno or 0; result
CONNECTED = 65  # <HB6s connection, address type, address (big endian)
DISCONNECTED = 66  # as CONNECTED
MTU = 67  # <HH connection, MTU
WRITE = 68  # <IHH sequence number, connection, value handle; data
READ = 69  # <IHH sequence number, connection, value handle
CREDIT = 70  # <H notification buffers that are free again
INDICATED = 71  # <HHB connection, value handle, status
ENCRYPTED = 72  # <HBBBB connection, encrypted, authenticated, bonded, key size
PASSKEY = 73  # <HBI connection, action, number
GET_SECRET = 74  # <IBB sequence number, type, index; key, or nothing
SET_SECRET = 75  # <IBB sequence number, type, length of the key; key; value, or nothing

# machine.reset_cause() values (ports/esp32/modmachine.c); also the kind in RESET.
POWER_ON = 1
HARD = 2
WATCHDOG = 3
DEEP_SLEEP = 4
SOFT = 5

# Flags of BLE_ADVERTISE: which parts are given; a part that is not given stays as it was.
ADV_DATA = 1
ADV_RESPONSE = 2

RTC_SIZE = 2048  # MICROPY_HW_RTC_USER_MEM_MAX

# Buffers for outgoing notifications: NimBLE's msys pools on ESP32/C3/S3, 12 small and 24 large blocks.
NOTIFY_BUFFERS = 36
_NOTIFY_OVERHEAD = 32
_NOTIFY_BLOCK = 320


def notify_cost(length: int) -> int:
    """How many of the NOTIFY_BUFFERS a notification of `length` bytes takes."""
    return (length + _NOTIFY_OVERHEAD + _NOTIFY_BLOCK - 1) // _NOTIFY_BLOCK


def frame(kind: int, payload: bytes = b"") -> bytes:
    """One message as bytes."""
    return struct.pack(HEADER, len(payload), kind) + payload
