"""What surprises people in the ESP32's links and notifications: order, loss, silence.

Every test names the source that it was taken from: MicroPython (v1.25 to v1.29), ESP-IDF or NimBLE.
"""

import asyncio

from bleak import BleakScanner
from bumble.device import Connection, Peer
from bumble.hci import Address
from ophion.sim import RadioOptions
from ophion.sim.bleak_bumble import backends
from ophion.sim.central import CentralRadio


async def test_a_handler_that_raises_is_off_for_good(rig):
    """invoke_irq_handler prints the exception and sets irq_handler to None
    (extmod/modbluetooth.c, sync events); writes are still acknowledged."""
    main = """
import gatt
def irq(event, data):
    print("event", event)
    if event == 3:
        raise ValueError("oops")
gatt.start(irq)
gatt.forever()
"""
    async with rig.device(main) as sim:
        await sim.wait_console("ready")
        async with rig.client(sim) as client:
            for _ in range(3):
                await client.write_gatt_char(rig.characteristic(client), b"1", response=True)
            await sim.wait_console("ValueError: oops")
        await asyncio.sleep(0.1)
        assert sim.console.count("event 3") == 1
        assert "event 2" not in sim.console


async def test_memory_lent_to_the_handler_is_gone_after_it(rig):
    """docs/library/bluetooth.rst: addr and data "are only valid during the callback" (a memoryview of
    the stack's own memory, extmod/modbluetooth.c)."""
    main = """
import gatt, time
kept = []
def irq(event, data):
    if event == 1:
        kept.append(data[2])
        print("inside", bytes(data[2]).hex())
gatt.start(irq)
print("ready")
while not kept:
    time.sleep_ms(5)
print("later", bytes(kept[0]).hex())
"""
    async with rig.device(main) as sim:
        await sim.wait_console("ready")
        async with rig.client(sim):
            inside = (await sim.wait_console("inside")).split()[1]
            assert int(inside[:2], 16) >> 6 == 3  # a random static address, big endian
            assert (await sim.wait_console("later")).split()[1] != inside


async def test_notify_runs_out_of_buffers_and_recovers(rig):
    """ble_hs_mbuf_from_flat returns NULL when msys is empty -> OSError(ENOMEM)
    (extmod/nimble/modbluetooth_nimble.c, mp_bluetooth_gatts_notify_indicate)."""
    main = """
import gatt, time
conn = None
def irq(event, data):
    global conn
    if event == 1:
        conn = data[0]
h = gatt.start(irq)
print("ready")
while conn is None:
    time.sleep_ms(5)
time.sleep_ms(300)
sent = 0
try:
    while True:
        gatt.ble.gatts_notify(conn, h, b"n%d" % sent)
        sent += 1
except OSError as e:
    print("errno", e.errno, "sent", sent)
time.sleep_ms(500)
gatt.ble.gatts_notify(conn, h, b"again")
gatt.forever()
"""
    async with rig.device(main, radio=RadioOptions(notify_gap=0.005)) as sim:
        await sim.wait_console("ready")
        async with rig.client(sim) as client:
            got = []
            await client.start_notify(rig.characteristic(client), lambda _, data: got.append(bytes(data)))
            line = await sim.wait_console("errno")
            assert line.startswith("errno 12 sent ")
            sent = int(line.split()[-1])
            assert 30 <= sent <= 40
            for _ in range(200):
                if b"again" in got:
                    break
                await asyncio.sleep(0.01)
            assert got == [b"n%d" % i for i in range(sent)] + [b"again"]


async def test_notify_is_cut_to_the_mtu_and_ignores_the_subscription(rig):
    """ble_att_clt_tx_notify truncates to MTU - 3 (ble_att_truncate_to_mtu); ble_gatts_notify_custom
    does not look at the CCCD (NimBLE host/src/ble_gattc.c), gatts_write(send_update=True) does."""
    main = """
import gatt, time
conn = None
def irq(event, data):
    global conn
    if event == 1:
        conn = data[0]
    if event == 3:
        gatt.ble.gatts_write(h, b"update", True)
        gatt.ble.gatts_notify(conn, h, b"z" * 100)
h = gatt.start(irq)
gatt.forever()
"""
    async with rig.device(main) as sim:
        await sim.wait_console("ready")
        radio = await CentralRadio.acquire(sim.transport)
        try:
            connection = await radio.device.connect_le(Address(sim.address), timeout=5)
            peer = Peer(connection)
            await peer.discover_all()
            value = next(c for s in peer.services for c in s.characteristics if "7A01" in str(c.uuid))
            got = asyncio.Queue()
            connection.gatt_client.notification_subscribers[value.handle] = {got.put_nowait}
            await peer.write_value(value, b"go", with_response=True)
            first = await asyncio.wait_for(got.get(), 3)
            assert first == b"z" * 20  # MTU 23: nobody exchanged it; "update" was not sent
            await peer.subscribe(value)
            await peer.write_value(value, b"go", with_response=True)
            assert await asyncio.wait_for(got.get(), 3) == b"update"
            await connection.disconnect()
        finally:
            await radio.release()


async def test_mtu_is_23_until_exchanged_and_256_is_preferred(rig):
    """MYNEWT_VAL_BLE_ATT_PREFERRED_MTU 256; config(mtu=) takes 23..527 (BLE_ATT_MTU_MAX) and raises
    EINVAL beyond (ble_att_set_preferred_mtu, NimBLE host/src/ble_att.c)."""
    main = """
import gatt
gatt.start(lambda event, data: print("mtu", data[1]) if event == 21 else None)
print("preferred", gatt.ble.config("mtu"))
for mtu in (22, 528):
    try:
        gatt.ble.config(mtu=mtu)
    except OSError as e:
        print("refused", e.errno)
gatt.forever()
"""
    async with rig.device(main) as sim:
        await sim.wait_console("preferred 256")
        await sim.wait_console("ready")
        assert sim.console.count("refused 22") == 2
        async with rig.client(sim) as client:
            assert client.mtu_size == 256
            assert rig.characteristic(client).max_write_without_response_size == 253
            await sim.wait_console("mtu 256")


async def test_mtu_event_may_come_before_the_connection_event(rig):
    """Since ESP-IDF 5.4.2, comment in MicroPython's tests/multi_bluetooth/ble_mtu.py."""
    main = "import gatt\ngatt.start()\ngatt.forever()\n"
    for early in (False, True):
        async with rig.device(main, radio=RadioOptions(mtu_before_connect=early)) as sim:
            await sim.wait_console("ready")
            async with rig.client(sim):
                pass
            await sim.wait_console("DISCONNECT 0")
            events = [line for line in sim.console if line.endswith(" 0")]
            wanted = ["CONNECT 0", "MTU 0", "DISCONNECT 0"]
            assert events == ([wanted[1], wanted[0], wanted[2]] if early else wanted)


async def test_advertising_stops_with_a_connection(rig):
    """Legacy connectable advertising ends when it is answered (Core Vol 6 Part B 4.4.2.4.1); the port
    does not start it again. gap_advertise without data reuses the last (docs/library/bluetooth.rst)."""
    main = """
import gatt
def irq(event, data):
    if event == 2:
        gatt.ble.gap_advertise(30_000)
        print("again")
gatt.start(irq)
gatt.forever()
"""
    async with rig.device(main) as sim:
        await sim.wait_console("ready")
        async with rig.client(sim):
            assert await rig.find(sim, timeout=0.3) is None
        await sim.wait_console("again")
        found = await rig.find(sim)
        assert found is not None
        assert found.name == "gatt"


async def test_disconnecting_twice_is_no_error_and_notifying_nobody_is(rig):
    """gap_disconnect returns False for MP_ENOTCONN (extmod/modbluetooth.c); gatts_notify raises it."""
    main = """
import gatt
h = gatt.start()
print("result", gatt.ble.gap_disconnect(7))
try:
    gatt.ble.gatts_notify(7, h, b"x")
except OSError as e:
    print("errno", e.errno)
def irq(event, data):
    if event == 1:
        print("hang up", gatt.ble.gap_disconnect(data[0]))
gatt.ble.irq(irq)
gatt.forever()
"""
    async with rig.device(main) as sim:
        await sim.wait_console("result False")
        await sim.wait_console("errno 107")
        await sim.wait_console("ready")
        radio = await CentralRadio.acquire(sim.transport)
        try:
            connection = await radio.device.connect_le(Address(sim.address), timeout=5)
            ended = asyncio.get_running_loop().create_future()
            connection.on(Connection.EVENT_DISCONNECTION, ended.set_result)
            assert await asyncio.wait_for(ended, 3) == 0x13  # remote user terminated
        finally:
            await radio.release()
        await sim.wait_console("hang up True")


async def test_everything_raises_enodev_while_inactive(rig):
    """ERRNO_BLUETOOTH_NOT_ACTIVE = MP_ENODEV (extmod/modbluetooth.h); rxbuf does not exist with sync
    events: ValueError("unknown config param")."""
    main = """
import bluetooth
ble = bluetooth.BLE()
print("active", ble.active())
for call in (
    lambda: ble.gap_advertise(100_000, b""),
    lambda: ble.gap_disconnect(0),
    lambda: ble.gatts_register_services(()),
    lambda: ble.gatts_read(1),
    lambda: ble.gatts_write(1, b""),
    lambda: ble.gatts_notify(0, 1, b""),
    lambda: ble.gatts_indicate(0, 1, b""),
    lambda: ble.gatts_set_buffer(1, 2),
    lambda: ble.gap_scan(1000),
    lambda: ble.config("mac"),
):
    try:
        call()
        print("no error")
    except OSError as e:
        print("errno", e.errno)
ble.active(True)
for name in ("rxbuf", "nonsense"):
    try:
        ble.config(**{name: 100})
    except ValueError as e:
        print("value", e)
try:
    ble.gap_scan(1000)
except OSError as e:
    print("central", e.errno)
print("done", bluetooth.BLE() is ble)
"""
    async with rig.device(main) as sim:
        await sim.wait_console("done True")
        assert sim.console.count("errno 19") == 10
        assert "no error" not in sim.console
        assert sim.console.count("value unknown config param") == 2
        assert "central 95" in sim.console


async def test_services_cannot_change_while_in_use(rig):
    """ble_gatts_reset fails with BLE_HS_EBUSY while advertising or connected (NimBLE ble_gatts_mutable)."""
    main = """
import gatt
gatt.start()
try:
    gatt.register()
except OSError as e:
    print("errno", e.errno)
gatt.ble.gap_advertise(None)
print("now", gatt.register() > 0)
gatt.forever()
"""
    async with rig.device(main) as sim:
        await sim.wait_console("errno 16")
        await sim.wait_console("now True")


async def test_packets_are_dropped_when_the_handler_cannot_run(rig):
    """ble_hci_rx_acl retries for 29 ticks, then drops (ESP-IDF >= 5.5.1 components/bt/host/nimble);
    24 ACL mbufs (CONFIG_BT_NIMBLE_TRANSPORT_ACL_FROM_LL_COUNT). The GIL is held by what does not
    return: here 700 ms without a pump, as long flash erases are."""
    main = """
import gatt, time, utime
seen = []
def irq(event, data):
    if event == 3:
        seen.append(gatt.ble.gatts_read(data[1])[0])
h = gatt.start(irq)
print("ready")
while not seen:
    time.sleep_ms(1)
utime.sleep_ms(700)
while seen[-1] != 255:
    time.sleep_ms(5)
print("seen", len(seen), seen == sorted(seen))
gatt.forever()
"""
    async with rig.device(main) as sim:
        await sim.wait_console("ready")
        async with rig.client(sim) as client:
            target = rig.characteristic(client)
            for i in range(40):
                await client.write_gatt_char(target, bytes([i]), response=False)
            await asyncio.sleep(1)
            dropped = sim.dropped_packets
            assert 1 <= dropped <= 3  # one for each 290 ms of standstill
            await client.write_gatt_char(target, b"\xff", response=False)
            assert await sim.wait_console("seen") == f"seen {41 - dropped} True"


async def test_one_indication_at_a_time_and_its_confirmation(rig):
    """BLE_HS_EALREADY while one is outstanding; _IRQ_GATTS_INDICATE_DONE carries the status
    (NimBLE host/src/ble_gattc.c, extmod/modbluetooth.c)."""
    main = """
import gatt
def irq(event, data):
    gatt.show(event, data)
    if event == 3:
        gatt.ble.gatts_indicate(data[0], h, b"first")
        try:
            gatt.ble.gatts_indicate(data[0], h, b"second")
        except OSError as e:
            print("errno", e.errno)
    if event == 20:
        print("status", data[2])
import bluetooth
h = gatt.start(irq, flags=bluetooth.FLAG_WRITE | bluetooth.FLAG_INDICATE)
gatt.forever()
"""
    async with rig.device(main) as sim:
        await sim.wait_console("ready")
        async with rig.client(sim) as client:
            got = []
            target = rig.characteristic(client)
            await client.start_notify(target, lambda _, data: got.append(bytes(data)))
            await client.write_gatt_char(target, b"go", response=True)
            await sim.wait_console("errno 114")
            await sim.wait_console("status 0")
            assert got == [b"first"]


async def test_scan_response_and_names_reach_the_scanner(rig):
    """Advertising and scan response data are 31 bytes each (legacy, extmod/modbluetooth.c)."""
    main = """
import bluetooth
ble = bluetooth.BLE()
ble.active(True)
uuid = bluetooth.UUID("8D53DC1D-1DB7-4CD3-868B-8A527460AA84")
ble.gap_advertise(30_000, b"\\x02\\x01\\x06\\x11\\x07" + bytes(uuid), resp_data=b"\\x06\\x09named")
try:
    ble.gap_advertise(30_000, bytes(32))
except OSError as e:
    print("errno", e.errno)
ble.gap_advertise(30_000)
import time
print("ready")
while True:
    time.sleep_ms(100)
"""
    async with rig.device(main) as sim:
        await sim.wait_console("errno 22")
        await sim.wait_console("ready")
        scanner = backends(sim.transport)[1]
        seen = await BleakScanner.discover(timeout=0.3, return_adv=True, backend=scanner)
        device, data = seen[sim.address]
        assert (device.name, data.local_name) == ("named", "named")
        assert data.service_uuids == ["8d53dc1d-1db7-4cd3-868b-8a527460aa84"]
