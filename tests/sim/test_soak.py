"""Resets and power cuts at random times under load: nothing hangs, nothing is left, the device comes back."""

import asyncio
import random

from bleak import BleakClient
from bleak.exc import BleakError
from ophion.sim.bleak_bumble import backends

MAIN = """
import gatt, time
def irq(event, data):
    if event == 3:
        gatt.ble.gatts_notify(data[0], data[1], b"n" * 200)
while True:
    h = gatt.start(irq)
    gatt.ble.gatts_set_buffer(h, 512)
    for _ in range(20):
        time.sleep_ms(10)
        gatt.advertise()
    gatt.ble.active(False)
"""
SECONDS = 4.0


async def central(rig, sim, host, counts, stop):
    """Connect and write, over and over; a link that ends is expected, a hang is not."""
    while not stop.is_set():
        try:
            found = await rig.find(sim, timeout=1, central=host)
            if found is None:
                continue
            backend = backends(sim.transport.replace("127.0.0.1", host))[0]
            async with BleakClient(found, backend=backend, timeout=2) as client:
                target = rig.characteristic(client)
                await client.start_notify(target, lambda *_: None)
                for i in range(50):
                    await client.write_gatt_char(target, b"x" * 200, response=i % 5 == 0)
            counts["done"] += 1
        except (BleakError, StopIteration, asyncio.TimeoutError):
            counts["broken"] += 1


async def test_links_and_resets_at_random(rig):
    chance = random.Random(7)
    counts = {"done": 0, "broken": 0}
    stop = asyncio.Event()
    async with rig.device(MAIN) as sim:
        work = [
            asyncio.create_task(central(rig, sim, host, counts, stop)) for host in ("127.0.0.1", "localhost")
        ]
        loop = asyncio.get_running_loop()
        end = loop.time() + SECONDS
        while loop.time() < end:
            await asyncio.sleep(chance.random() * 0.6)
            if chance.random() < 0.3:
                await sim.power_cut()
                await asyncio.sleep(chance.random() * 0.3)
                await sim.power_on()
            else:
                await sim.reset(chance.choice(["hard", "soft", "watchdog", "power-on"]))
        stop.set()
        await asyncio.wait_for(asyncio.gather(*work), 10)
        assert len(sim.resets) > 5
        assert counts["done"] > 0
        assert counts["broken"] > 0
        assert "crash" not in {start.reason for start in sim.resets}
