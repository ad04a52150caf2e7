"""Resets of the simulated chip: each a real process restart, with what survives it on an ESP32."""

import asyncio

import pytest
from ophion.sim import SimError

CAUSES = """
import machine
cause, kept = machine.reset_cause(), machine.RTC().memory()
print("cause", cause, kept)
machine.RTC().memory(kept + b"x")
"""


async def test_each_kind_of_reset_has_its_cause_and_rtc_memory_lasts(rig):
    """machine.reset_cause (ports/esp32/modmachine.c); RTC memory survives all but power-on
    (machine_rtc.c, RTC_NOINIT)."""
    main = (
        CAUSES
        + """
if cause == machine.PWRON_RESET:
    machine.reset()
if cause == machine.HARD_RESET:
    machine.soft_reset()
if cause == machine.SOFT_RESET:
    machine.WDT(timeout=100)
    while True:
        pass
if cause == machine.WDT_RESET:
    machine.deepsleep(50)
"""
    )
    async with rig.device(main) as sim:
        await sim.wait_halted()
        assert [start.cause for start in sim.resets] == [1, 2, 5, 3, 4]
        assert [start.reason for start in sim.resets][-1] == "deep-sleep"
        lines = [line for line in sim.console if line.startswith("cause")]
        assert lines == [
            "cause %d b'%s'" % (cause, "x" * count) for count, cause in enumerate([1, 2, 5, 3, 4])
        ]
        await sim.power_cut()
        await sim.power_on()
        assert (await sim.wait_console("cause 1")) == "cause 1 b''"


async def test_resets_from_outside(rig):
    async with rig.device(CAUSES) as sim:
        for kind, cause in (("hard", 2), ("watchdog", 3), ("soft", 5), ("power-on", 1)):
            await sim.reset(kind)
            await sim.wait_console(f"cause {cause}")
        with pytest.raises(SimError, match="no reset is called 'warm'"):
            await sim.reset("warm")


async def test_rtc_memory_is_bounded(rig):
    """MICROPY_HW_RTC_USER_MEM_MAX 2048 (machine_rtc.c)."""
    main = """
import machine
machine.RTC().memory(bytes(2048))
try:
    machine.RTC().memory(bytes(2049))
except ValueError as e:
    print("refused", e)
if machine.reset_cause() == 1:
    machine.reset()
print("size", len(machine.RTC().memory()))
"""
    async with rig.device(main) as sim:
        await sim.wait_console("refused")
        await sim.wait_console("size 2048")


async def test_a_fed_watchdog_keeps_quiet_and_survives_a_soft_reset(rig):
    """The task watchdog cannot be stopped and keeps running over a soft reset (machine_wdt.c)."""
    main = """
import machine, time
if machine.reset_cause() == 1:
    dog = machine.WDT(timeout=150)
    for _ in range(10):
        time.sleep_ms(50)
        dog.feed()
    print("alive")
    machine.soft_reset()
print("cause", machine.reset_cause())
if machine.reset_cause() == 5:
    while True:
        time.sleep_ms(10)
"""
    async with rig.device(main) as sim:
        await sim.wait_console("alive")
        await sim.wait_console("cause 5")
        await sim.wait_console("cause 3")
        assert len(sim.resets) == 3


async def test_start_order_is_that_of_the_esp32_port(rig):
    """ports/esp32/main.c mp_task: _boot.py, whose exceptions are printed and ignored; boot.py;
    main.py; then the REPL."""
    async with rig.device(
        "print('main')\n1 / 0\n",
        files={"_boot.py": "print('_boot')\nraise ValueError('ignored')\n", "boot.py": "print('boot')\n"},
    ) as sim:
        await sim.wait_halted()
        shown = [line for line in sim.console if line in ("_boot", "boot", "main")]
        assert shown == ["_boot", "boot", "main"]
        assert "ValueError: ignored" in sim.console
        assert "ZeroDivisionError: divide by zero" in sim.console


async def test_a_failing_boot_py_keeps_main_py_from_running(rig):
    """pyexec_file_if_exists("main.py") only if boot.py did not fail (ports/esp32/main.c)."""
    async with rig.device("print('main')\n", files={"boot.py": "raise OSError(5)\n"}) as sim:
        await sim.wait_halted()
        assert "main" not in sim.console


async def test_system_exit_is_a_soft_reset(rig):
    """PYEXEC_FORCED_EXIT -> soft_reset_exit (ports/esp32/main.c)."""
    main = "import machine, sys\nif machine.reset_cause() == 1:\n    sys.exit()\nprint('again')\n"
    async with rig.device(main) as sim:
        await sim.wait_console("again")
        assert sim.resets[-1].reason == "soft"


async def test_frozen_files_win_and_nothing_of_the_host_is_there(rig):
    main = """
import sys, os
print("path", sys.path)
print("root", os.listdir("/"))
try:
    open("/etc/passwd")
except OSError as e:
    print("errno", e.errno)
"""
    async with rig.device(main) as sim:
        assert await sim.wait_console("path") == "path ['', '/frozen', '.frozen', '/lib']"
        assert await sim.wait_console("root") == "root ['frozen']"
        await sim.wait_console("errno 19")  # ENODEV: no file system is mounted there


async def test_a_crash_of_the_runtime_is_a_reset_with_growing_pauses(rig):
    """A panic resets the chip; reset_cause is HARD_RESET (ESP_RST_PANIC, ports/esp32/modmachine.c)."""
    main = """
import machine, os
print("cause", machine.reset_cause())
os.system("kill -SEGV $PPID")
"""
    async with rig.device(main) as sim:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        await sim.wait_resets(5)
        assert loop.time() - begun >= 0.05 + 0.1 + 0.2 + 0.4 - 0.05
        assert {start.reason for start in sim.resets[1:]} == {"crash"}
        await sim.wait_console("crashed (signal 11)")
        await sim.wait_console("cause 2")
        await sim.power_cut()  # also in the pause
        assert not sim.powered


async def test_deep_sleep_without_an_alarm_is_off(rig):
    async with rig.device("import machine\nprint('zzz')\nmachine.deepsleep()\n") as sim:
        await sim.wait_off()
        with pytest.raises(SimError, match="the power is off"):
            await sim.reset()
        await sim.power_on()
        await sim.wait_console("zzz")


async def test_pins_and_identity(rig):
    main = """
import machine
print("pins", machine.Pin(9, machine.Pin.IN, machine.Pin.PULL_UP).value(), machine.Pin(4)())
print("id", machine.unique_id().hex(), machine.freq())
"""
    async with rig.device(main, pins={9: 0}) as sim:
        await sim.wait_console("pins 0 1")
        line = await sim.wait_console("id")
        assert len(line.split()[1]) == 12
        await sim.reset()
        assert await sim.wait_console("id") == line
