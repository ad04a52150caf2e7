"""Power cuts: at once, and at a chosen flash operation, whole or torn; flash stays as it was left."""

import pytest
from ophion.sim import Cut, SimError

WRITER = """
import machine, ophion_sim
flash = ophion_sim.flash()
flash.writeblocks(0, b"\\x11" * 4096)
flash.writeblocks(1, b"\\x22" * 4096)
print("written", flash.ops)
"""


async def test_flash_survives_every_end_of_power(rig):
    async with rig.device(WRITER) as sim:
        assert await sim.wait_console("written") == "written 4"
        await sim.power_cut()
        assert not sim.powered
        assert sim.flash()[:8192] == b"\x11" * 4096 + b"\x22" * 4096
        assert sim.flash()[8192:] == b"\xff" * (len(sim.flash()) - 8192)


@pytest.mark.parametrize(
    ("op", "shape", "first", "second"),
    [
        (1, "before", b"\xff", b"\xff"),
        (2, "before", b"\xff", b"\xff"),
        (2, "after", b"\x11", b"\xff"),
        (4, "before", b"\x11", b"\xff"),
        (4, "after", b"\x11", b"\x22"),
    ],
)
async def test_power_ends_at_the_operation_asked_for(rig, op, shape, first, second):
    sim = await rig.create(WRITER)
    try:
        await sim.start(Cut(op, shape))
        await sim.wait_off()
        assert sim.cut_op == op
        assert sim.flash()[:8192] == first * 4096 + second * 4096
        assert "written 4" not in sim.console
        await sim.power_on()
        await sim.wait_console("written 4")
        assert sim.flash()[:8192] == b"\x11" * 4096 + b"\x22" * 4096
    finally:
        await sim.stop()


async def test_a_torn_operation_is_half_done_and_the_seed_says_how(rig):
    seen = []
    for seed in (1, 1, 2):
        sim = await rig.create(WRITER)
        async with sim:
            await sim.wait_console("written")
            await sim.power_cut()
            await sim.power_on(cut_at_op=3, cut_seed=seed)  # the erase of sector 1
            await sim.wait_off()
            seen.append(sim.flash()[4096:8192])
    assert seen[0] == seen[1] != seen[2]
    assert seen[0] not in (b"\x22" * 4096, b"\xff" * 4096)


async def test_a_cut_is_for_one_start_only_and_counts_from_it(rig):
    async with rig.device(WRITER) as sim:
        await sim.wait_console("written")
        await sim.power_cut()
        await sim.power_on(2, cut_shape="after")
        await sim.wait_off()
        await sim.power_on()
        await sim.reset()
        await sim.wait_halted()
        assert [start.reason for start in sim.resets] == ["power-on"] * 3 + ["hard"]


async def test_nor_rules_hold(rig):
    main = """
import ophion_sim
flash = ophion_sim.flash()
flash.writeblocks(0, b"\\x0f" * 16, 0)
try:
    flash.writeblocks(0, b"\\xf0" * 16, 0)
except OSError as e:
    print("violation", e.errno)
"""
    async with rig.device(main) as sim:
        await sim.wait_console("violation 5")
        assert sim.flash()[:17] == b"\x0f" * 16 + b"\xff"


async def test_wrong_use_is_an_error(rig):
    sim = await rig.create("print('x')")
    for wrong in ((0, "torn"), (1, "sideways")):
        with pytest.raises(SimError, match="no such power cut"):
            Cut(*wrong)
    with pytest.raises(SimError, match="not started"):
        await sim.power_cut()
    with pytest.raises(SimError, match="not started"):
        await sim.wait_console("x")
    async with sim:
        with pytest.raises(SimError, match="the power is on"):
            await sim.power_on()
        with pytest.raises(SimError, match=r"did not print 'never' within 0\.1 s"):
            await sim.wait_console("never", timeout=0.1)
        with pytest.raises(SimError, match=r"kept its power within 0\.1 s"):
            await sim.wait_off(timeout=0.1)
        await sim.power_cut()
        with pytest.raises(SimError, match="the power is off"):
            await sim.power_cut()
