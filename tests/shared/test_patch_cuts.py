"""Patches that are interrupted: lost links, resets and power cuts, by chance and at every flash operation."""

import sys

from cuts import CUTS, LAST, STEP
from nor import PowerCut, _rng
from rig_patches import INTERRUPTED, PatchDevice, SealedDevice, device_of
from rig_sealed_patches import check_hidden
from rig_uploads import BUF, Client
from support import SECTOR
from test_uploads import Interrupter

SMALL = sys.implementation.name == "micropython"
UPLOADS = 200
STEPS = (0, 30, 45, 70, 110, 300)
# Bytes of a chunk, where cuts fall: the patches are not equally long.
STEP_OF = {"encrypted": 600}
CUT_MORE = [("swap_offset", 16), ("runtime", 32), ("ab", 1), ("encrypted", 32)]


def test_patches_that_are_interrupted_go_on_and_end_well():
    total = {"link": 0, "reset": 0, "power": 0}
    uploads = seed = 0
    while uploads < UPLOADS:
        seed += 1
        kind = INTERRUPTED[seed % len(INTERRUPTED)]
        device = device_of(kind, (4, 4, 16, 32)[seed // 6 % 4])
        client = Client(device, device.data, STEPS[(seed + seed // 6) % len(STEPS)])
        interrupter = Interrupter(client, _rng(seed))
        for _ in range(5):
            if interrupter.attempt():
                break
        else:
            assert client.finish()["match"] is True
        seen = interrupter.seen
        where = kind, seed, seen
        assert device.staged(len(device.new)) == device.new, where
        # After a lost link no more than the chunk that asks, and the one that was on its way.
        most = min(BUF, len(device.data)) if not seen["reset"] + seen["power"] else len(device.data)
        assert client.most <= most, (where, client.most)
        uploads += sum(seen.values()) > 0
        for name in seen:
            total[name] += seen[name]
    assert min(total.values()) >= UPLOADS // 5, total


def check(device):
    if isinstance(device, SealedDevice):
        check_hidden(device)


def cut_once(kind, write_size, op, shape, seed):
    """Upload with a cut at operation `op` and another on the way on; (was it reached, the device).

    What an encrypted image holds is looked for in flash after each cut.
    """
    device = device_of(kind, write_size)
    client = Client(device, device.data, STEP_OF.get(kind, 110))
    device.flash.arm_cut(op, shape, seed)
    try:
        client.finish()
        device.flash.disarm()
        reached = False
    except PowerCut:
        reached = True
        check(device)
        device.boot_through_cuts()
        assert not device.booted.trial and device.booted.image.version == "1.0.0"
        device.flash.arm_cut(1 + (op + seed) % 5, "torn", seed + op)
        try:
            assert client.finish()["match"] is True
        except PowerCut:
            check(device)
            device.boot_through_cuts()
            assert client.finish()["match"] is True
        device.flash.disarm()
    where = kind, write_size, op, shape, seed
    assert device.staged(len(device.new)) == device.new, where
    assert client.most <= len(device.data), (where, client.most)
    return reached, device


def test_power_fails_at_every_operation_of_a_patch_and_again_while_it_goes_on():
    total = 0
    for kind, write_size in [(kind, 4) for kind in INTERRUPTED] + CUT_MORE:
        op, reached = 1, True
        while reached:
            for shape, seed in (LAST if op % 7 == 0 else CUTS)[op % 4 :: 1 if SMALL else 4]:
                reached, device = cut_once(kind, write_size, op, shape, seed)
                total += reached
            op += STEP
        if kind != "runtime":
            device.target.set_pending(False)
            device.boot()
            assert device.booted.image.version == ("4.0.0" if kind == "encrypted" else "3.0.0"), kind
    assert total > 300 // STEP, total


def test_flash_goes_on_at_every_kilobyte_whatever_the_patch_begins_with():
    """The patch is sent again from its segment on; what it made before is not written again."""
    device = PatchDevice("ab")
    again = 0
    client = Client(device, device.data, 30)
    answer = client.send(0)
    while answer["off"] < len(device.data):
        reached = device.cells.mark()
        device.boot()
        erased = []
        device.flash.on_op = lambda kind, at, length, found=erased: found.append((kind, at))
        at = client.send(0)["off"]
        while at <= answer["off"] and at < len(device.data):
            at = client.send(at)["off"]
        staged = [place - device.rig.free_at() for _, place in erased]
        rewritten = [place for place in staged if 0 <= place < reached - SECTOR]
        again += bool(rewritten)
        answer = {"off": at}
    assert not again and device.staged(len(device.new)) == device.new
