"""QEMU is killed at random while updates are installed, and started again on the same flash file.

A SIGKILL ends the chip between two instructions, or in the middle of a write to the file.
"""

import random
import re
import time

import pytest

SECTOR = 0x40000
KILLS = 100


def program(version):
    """An application that confirms itself, and tells when that is done."""
    return f"""
import ophion_app
print("app {version}")
ophion_app.confirm()
print("stays")
"""


def time_of_a_swap(device, update):
    """Seconds from the first write to the end of the swap, without any kill."""
    device.stage(update)
    device.start()
    device.wait_for_write()
    start = time.monotonic()
    while device.pending():
        time.sleep(0.001)
    span = time.monotonic() - start
    device.wait_for("stays")
    device.stop()
    return span


def kill_until_done(device, chance, span):
    """Kill at random after the first write of each boot, until no work is left; (kills, half swaps)."""
    kills = half = 0
    while device.pending():
        device.start()
        device.wait_for_write()
        time.sleep(chance.uniform(0, span / 2))
        device.stop()
        kills += 1
        half += device.interrupted()
    return kills, half


@pytest.mark.timeout(900)
def test_random_kills_during_installs_lose_no_image(bench):
    seed = random.randrange(1 << 32)
    print("seed", seed)
    chance = random.Random(seed)
    images = [bench.image(f"{n}.0.0", program(n), asset=n * SECTOR) for n in (0, 1, 2)]
    with bench.device(images[0]) as device:
        span = time_of_a_swap(device, images[1])
        active, kills, half, updates = 1, 0, 0, 0
        while kills < KILLS:
            update = (active + 1 + chance.randrange(2)) % 3
            device.stage(images[update], permanent=updates % 2 == 0)
            more = kill_until_done(device, chance, span)
            kills, half, updates = kills + more[0], half + more[1], updates + 1
            device.start()
            said = device.wait_for("stays")
            device.stop()
            # Few boots of a trial are killed: three are counted, and kills end with the swap.
            assert re.findall(r"^app (\d)", said, re.M) == [str(update)], f"update {updates}: {said}"
            assert device.reads("primary", len(images[update])) == images[update], f"update {updates}: {said}"
            active = update
    print(f"{kills} kills in {updates} updates, {half} left half a swap of {span:.3f} s")
    assert half >= KILLS // 4, "the kills missed the swaps"
