"""A small SMP server over BLE: answers echo, refuses the rest with rc 8. Nothing of the product in it.

SMP over BLE: Zephyr doc services/device_mgmt/smp_transport.rst; the characteristic takes write
without response and answers by notification, a frame in as many notifications as it needs.
"""

import struct
import time

import bluetooth

SERVICE = bluetooth.UUID("8D53DC1D-1DB7-4CD3-868B-8A527460AA84")
CHARACTERISTIC = bluetooth.UUID("DA2E7828-FBCE-4E01-AE9E-261174997C48")
FLAGS = bluetooth.FLAG_WRITE_NO_RESPONSE | bluetooth.FLAG_NOTIFY
NOT_SUPPORTED = b"\xa1\x62rc\x08"

ble = bluetooth.BLE()
state = {"mtu": 23, "handle": 0, "frame": b""}


def answer(frame):
    op, _, _, group, seq, command = struct.unpack_from(">BBHHBB", frame)
    body = NOT_SUPPORTED
    if op & 7 == 2 and group == 0 and command == 0 and frame[8:11] == b"\xa1\x61d":
        body = b"\xa1\x61r" + frame[11:]  # {"d": text} -> {"r": text}
    return struct.pack(">BBHHBB", (op & 0xF8) | ((op & 7) + 1), 0, len(body), group, seq, command) + body


def send(conn, frame):
    step = state["mtu"] - 3
    for at in range(0, len(frame), step):
        while True:
            try:
                ble.gatts_notify(conn, state["handle"], frame[at : at + step])
                break
            except OSError as e:
                if e.errno != 12:
                    raise


def on_write(conn):
    state["frame"] += ble.gatts_read(state["handle"])
    frame = state["frame"]
    if len(frame) >= 8 and len(frame) >= 8 + struct.unpack_from(">H", frame, 2)[0]:
        state["frame"] = b""
        send(conn, answer(frame))


def advertise():
    name = b"smp-echo"
    data = b"\x02\x01\x06" + bytes([len(name) + 1, 9]) + name
    ble.gap_advertise(50_000, data, resp_data=b"\x11\x07" + bytes(SERVICE))


def irq(event, data):
    if event == 1:
        print("connected", data[0])
    elif event == 2:
        state["mtu"] = 23
        state["frame"] = b""
        print("disconnected")
        advertise()
    elif event == 3:
        on_write(data[0])
    elif event == 21:
        state["mtu"] = data[1]
        print("mtu", data[1])


def serve():
    ble.active(True)
    ble.config(mtu=512)
    ble.irq(irq)
    ((state["handle"],),) = ble.gatts_register_services(((SERVICE, ((CHARACTERISTIC, FLAGS),)),))
    ble.gatts_set_buffer(state["handle"], 512)
    advertise()
    print("serving")
    while True:
        time.sleep_ms(1000)


serve()
