"""What surprises people in the ESP32's GATT server: buffers that cut, overwrite and clear.

Every test names the source that it was taken from, in MicroPython (v1.25 to v1.29).
"""

import pytest
from bleak.exc import BleakGATTProtocolError


async def test_default_buffer_is_20_bytes_and_cuts_silently(rig):
    """MP_BLUETOOTH_DEFAULT_ATTR_LEN (extmod/modbluetooth.h); a longer write is cut to the allocated
    buffer and answered with success (extmod/nimble/modbluetooth_nimble.c, characteristic_access_cb)."""
    main = """
import gatt
def irq(event, data):
    if event == 3:
        print("got", len(gatt.ble.gatts_read(data[1])))
gatt.start(irq)
gatt.forever()
"""
    async with rig.device(main) as sim:
        await sim.wait_console("ready")
        async with rig.client(sim) as client:
            await client.write_gatt_char(rig.characteristic(client), b"x" * 50, response=True)
            await sim.wait_console("got 20")
            assert len(await client.read_gatt_char(rig.characteristic(client))) == 20


async def test_set_buffer_throws_the_value_away(rig):
    """mp_bluetooth_gatts_db_resize sets data_len = 0 (extmod/modbluetooth.c)."""
    main = """
import gatt
h = gatt.start()
gatt.ble.gatts_write(h, b"kept?")
print("before", gatt.ble.gatts_read(h))
gatt.ble.gatts_set_buffer(h, 100)
print("after", gatt.ble.gatts_read(h))
"""
    async with rig.device(main) as sim:
        assert (await sim.wait_console("before")).endswith("b'kept?'")
        assert (await sim.wait_console("after")).endswith("b''")


async def test_a_local_write_makes_the_buffer_larger(rig):
    """mp_bluetooth_gatts_db_write allocates when value_len > data_alloc (extmod/modbluetooth.c)."""
    main = """
import gatt
h = gatt.start()
gatt.ble.gatts_write(h, b"y" * 60)
print("length", len(gatt.ble.gatts_read(h)))
gatt.forever()
"""
    async with rig.device(main) as sim:
        await sim.wait_console("length 60")
        async with rig.client(sim) as client:
            assert await client.read_gatt_char(rig.characteristic(client)) == b"y" * 60


async def test_a_second_write_replaces_what_was_not_read(rig):
    """Without append, a remote write starts at offset 0 (modbluetooth_nimble.c): reading later,
    in the main loop, sees only the last of several writes."""
    main = """
import gatt, time
h = gatt.start(lambda event, data: None)
print("ready")
while not gatt.ble.gatts_read(h).endswith(b"3"):
    time.sleep_ms(5)
print("late", gatt.ble.gatts_read(h))
"""
    async with rig.device(main) as sim:
        await sim.wait_console("ready")
        async with rig.client(sim) as client:
            for text in (b"write 1", b"write 2", b"write 3"):
                await client.write_gatt_char(rig.characteristic(client), text, response=True)
            assert (await sim.wait_console("late")).endswith("b'write 3'")


async def test_append_collects_clears_on_read_and_drops_the_overflow(rig):
    """entry->append: offset = data_len, what exceeds data_alloc is not copied
    (modbluetooth_nimble.c); gatts_read sets data_len = 0 (modbluetooth.c mp_bluetooth_gatts_db_read)."""
    main = """
import gatt, time
h = gatt.start(lambda event, data: print("write") if event == 3 else None)
gatt.ble.gatts_set_buffer(h, 10, True)
print("ready")
while True:
    time.sleep_ms(20)
    if gatt.ble._values[h].length == 10:
        print("first", gatt.ble.gatts_read(h), "second", gatt.ble.gatts_read(h))
"""
    async with rig.device(main) as sim:
        await sim.wait_console("ready")
        async with rig.client(sim) as client:
            for text in (b"abcd", b"efgh", b"ijkl"):
                await client.write_gatt_char(rig.characteristic(client), text, response=True)
            line = await sim.wait_console("first")
            assert line == "first b'abcdefghij' second b''"


async def test_writes_without_a_handler_are_acknowledged_and_kept(rig):
    """characteristic_access_cb stores the value before mp_bluetooth_gatts_on_write asks for a handler."""
    main = """
import gatt
h = gatt.start(None)
gatt.forever()
"""
    async with rig.device(main) as sim:
        await sim.wait_console("ready")
        async with rig.client(sim) as client:
            await client.write_gatt_char(rig.characteristic(client), b"hello", response=True)
            assert await client.read_gatt_char(rig.characteristic(client)) == b"hello"


async def test_a_write_is_acknowledged_only_after_the_handler(rig):
    """ble_att_svr_rx_write -> access callback -> handler -> response (NimBLE host/src/ble_att_svr.c,
    with MICROPY_PY_BLUETOOTH_USE_SYNC_EVENTS)."""
    main = """
import gatt, time
def irq(event, data):
    if event == 3:
        time.sleep_ms(150)
        print("handled")
gatt.start(irq)
gatt.forever()
"""
    async with rig.device(main) as sim:
        await sim.wait_console("ready")
        async with rig.client(sim) as client:
            await client.write_gatt_char(rig.characteristic(client), b"1", response=True)
            assert "handled" in sim.console


async def test_a_read_can_be_answered_or_refused_by_the_handler(rig):
    """_IRQ_GATTS_READ_REQUEST works on ESP32 (sync events): gatts_write in the handler changes the
    answer, a non-zero result is the ATT error (modbluetooth_nimble.c, characteristic_access_cb)."""
    main = """
import gatt
count = 0
def irq(event, data):
    global count
    if event == 4:
        count += 1
        if count == 2:
            return 0x08
        gatt.ble.gatts_write(data[1], b"fresh")
gatt.start(irq)
gatt.forever()
"""
    async with rig.device(main) as sim:
        await sim.wait_console("ready")
        async with rig.client(sim) as client:
            assert await client.read_gatt_char(rig.characteristic(client)) == b"fresh"
            with pytest.raises(BleakGATTProtocolError) as refused:
                await client.read_gatt_char(rig.characteristic(client))
            assert refused.value.code == 8


async def test_flags_are_enforced_by_the_stack(rig):
    """A characteristic without FLAG_READ or FLAG_WRITE is refused by NimBLE's attribute server
    (ble_att_svr.c, BLE_ATT_ERR_READ_NOT_PERMITTED); the handler is not asked."""
    main = """
import gatt, bluetooth
gatt.start(flags=bluetooth.FLAG_WRITE, more=((bluetooth.UUID(0x7A02), bluetooth.FLAG_READ),))
gatt.forever()
"""
    async with rig.device(main) as sim:
        await sim.wait_console("ready")
        async with rig.client(sim) as client:
            with pytest.raises(BleakGATTProtocolError) as refused:
                await client.read_gatt_char(rig.characteristic(client))
            assert refused.value.code == 2
            with pytest.raises(BleakGATTProtocolError) as refused:
                await client.write_gatt_char(rig.characteristic(client, 1), b"1", response=True)
            assert refused.value.code == 3
        assert "READ 0" not in sim.console
        assert "WRITE 0" not in sim.console


async def test_handles_come_as_tuples_with_the_descriptors(rig):
    """bluetooth_ble_gatts_register_services returns a tuple for each service: value handles, each
    followed by its descriptors' (extmod/modbluetooth.c)."""
    main = """
import bluetooth
ble = bluetooth.BLE()
ble.active(True)
U, R = bluetooth.UUID, bluetooth.FLAG_READ
handles = ble.gatts_register_services((
    (U(0x7A00), ((U(0x7A01), R, ((U(0x2901), R),)), (U(0x7A02), R))),
    (U("6E400001-B5A3-F393-E0A9-E50E24DCCA9E"), ((U(0x7A03), R),)),
))
print("shape", [len(s) for s in handles], type(handles), type(handles[0]))
flat = [h for s in handles for h in s]
print("rising", flat == sorted(set(flat)), U("6E400001-B5A3-F393-E0A9-E50E24DCCA9E"))
ble.gatts_write(handles[0][1], b"text")
print("descriptor", ble.gatts_read(handles[0][1]))
"""
    async with rig.device(main) as sim:
        assert (await sim.wait_console("shape")) == "shape [3, 1] <class 'tuple'> <class 'tuple'>"
        line = await sim.wait_console("rising")
        assert line == "rising True UUID('6e400001-b5a3-f393-e0a9-e50e24dcca9e')"
        await sim.wait_console("descriptor b'text'")


async def test_unknown_handles_and_too_many_services_raise(rig):
    """MP_EINVAL from mp_bluetooth_gatts_db_*; MP_E2BIG above MP_BLUETOOTH_MAX_SERVICES (modbluetooth.c)."""
    main = """
import gatt, bluetooth
gatt.ble.active(True)
for what in (
    lambda: gatt.ble.gatts_read(999),
    lambda: gatt.ble.gatts_write(999, b""),
    lambda: gatt.ble.gatts_set_buffer(999, 10),
    lambda: gatt.ble.gatts_register_services([(bluetooth.UUID(i), ()) for i in range(9)]),
):
    try:
        what()
        print("no error")
    except OSError as e:
        print("errno", e.errno)
print("done")
"""
    async with rig.device(main) as sim:
        await sim.wait_console("done")
        assert [line for line in sim.console if "err" in line] == ["errno 22"] * 3 + ["errno 7"]
