"""The radio runs while the device's program sleeps, polls, runs asyncio or reads the clock."""

import asyncio

import pytest
import serial

WAITERS = {
    "sleep": "time.sleep(30)",
    "sleep_us": "time.sleep_us(30_000_000)",
    "idle": "while True:\n    machine.idle()",
    "ticks": "while time.ticks_ms() >= 0:\n    pass",
    "poll": "p = select.poll()\np.poll(30_000)",
    "lightsleep": "machine.lightsleep(30_000)",
    "asyncio": "asyncio.run(asyncio.sleep(30))",
}


@pytest.mark.parametrize("how", WAITERS)
async def test_events_are_handled_while_the_program_waits(rig, how):
    main = f"""
import asyncio, gatt, machine, select, time
gatt.start()
print("ready")
{WAITERS[how]}
"""
    async with rig.device(main) as sim:
        await sim.wait_console("ready")
        async with rig.client(sim) as client:
            await client.write_gatt_char(rig.characteristic(client), b"1", response=True)
        await sim.wait_console("CONNECT 0")
        await sim.wait_console("WRITE 0")
        await sim.wait_console("DISCONNECT 0")


async def test_a_handler_wakes_an_asyncio_task(rig):
    """asyncio.ThreadSafeFlag is the way from a callback to a task (docs/library/asyncio.rst)."""
    main = """
import asyncio, gatt, time
flag = asyncio.ThreadSafeFlag()
def irq(event, data):
    if event == 3:
        flag.set()
async def ticker():
    while True:
        await asyncio.sleep_ms(20)
        counts[0] += 1
async def main():
    asyncio.create_task(ticker())
    gatt.start(irq)
    print("ready")
    for i in range(3):
        await flag.wait()
        print("woken", i)
    print("ticked", counts[0] > 0)
counts = [0]
asyncio.run(main())
"""
    async with rig.device(main) as sim:
        await sim.wait_console("ready")
        async with rig.client(sim) as client:
            for i in range(3):
                await client.write_gatt_char(rig.characteristic(client), b"1", response=True)
                await sim.wait_console(f"woken {i}", timeout=2)
        await sim.wait_console("ticked True")


async def test_sleeps_last_as_long_as_asked(rig):
    main = """
import time
for ms in (0, 1, 50, 120):
    begun = time.ticks_us()
    time.sleep_ms(ms)
    took = time.ticks_diff(time.ticks_us(), begun)
    print("slept", ms, ms * 1000 - 1000 <= took < ms * 1000 + 60_000)
"""
    async with rig.device(main) as sim:
        await sim.wait_halted()
        assert [line for line in sim.console if "slept" in line] == [
            f"slept {ms} True" for ms in (0, 1, 50, 120)
        ]


async def test_disable_irq_holds_events_back(rig):
    main = """
import gatt, machine, time
gatt.start()
state = machine.disable_irq()
print("ready")
time.sleep_ms(400)
print("enabled")
machine.enable_irq(state)
gatt.forever()
"""
    async with rig.device(main) as sim:
        await sim.wait_console("ready")
        async with rig.client(sim):
            await sim.wait_console("CONNECT 0")
        assert sim.console.index("enabled") < sim.console.index("CONNECT 0")


async def test_the_clock_begins_with_2000_and_survives_every_reset_but_power_on(rig):
    main = """
import machine
clock = machine.RTC()
now = clock.datetime()
print("now", now)
if now[0] == 2000:
    clock.datetime((2026, 3, 1, 6, 12, 30, 45, 500000))
    print("set", clock.datetime())
"""
    async with rig.device(main) as sim:
        assert (await sim.wait_console("now")).startswith("now (2000, 1, 1, 5, 0, 0,")
        assert (await sim.wait_console("set")).startswith("set (2026, 3, 1, 6, 12, 30, 45, 5")
        for kind in ("hard", "soft", "watchdog"):
            await sim.reset(kind)
            assert (await sim.wait_console("now")).startswith("now (2026, 3, 1, 6, 12, 3")
        await sim.power_cut()
        await sim.power_on()
        assert (await sim.wait_console("now")).startswith("now (2000, 1, 1, 5, 0, 0,")


async def test_the_uart_is_a_terminal_on_both_sides_of_a_reset(rig):
    main = """
import machine
uart = machine.UART(1, 115200, timeout=0)
buf = bytearray(1)
line = b""
print("listens")
while line != b"hello":
    if uart.readinto(buf):
        line += buf
uart.write("hello " * 40)
print("heard", line)
"""
    async with rig.device(main) as sim:
        with serial.Serial(sim.port, timeout=20) as port:
            for _ in range(2):
                await sim.wait_console("listens")
                port.write(b"hello")
                assert await asyncio.to_thread(port.read, 240) == b"hello " * 40
                await sim.wait_console("heard b'hello'")
                await sim.reset("hard")
        assert (sim.directory / "uart").resolve().as_posix() == sim.port
    assert not (sim.directory / "uart").is_symlink()
