"""Flash states that real MCUboot left behind mean the same thing here, for each kind of swap."""

from nor import NorFlash
from ophion_boot.fmt.trailer import NONE, REVERT
from rig import PRI, SECONDARY, Rig, on_swaps
from support import SECTOR, gunzip, io, read_file, read_json

# What runs after the next boot, as MCUboot ended it: the images a (old) and b (new).
ENDS_WITH = {
    "0-staged": "a",
    "1-test-pending": "b",
    "2-swapped-unconfirmed": "a",
    "3-reverted": "a",
    "4-confirmed": "b",
    "5-confirmed-rebooted": "b",
    "6-perm-pending": "b",
    "7-perm-done": "b",
}
# Where swap_size lies, counted from the slot's end: with an offset, MCUboot keeps TLV sizes above it.
SWAP_SIZE_AT = {"swap_offset": -56, "swap_scratch": -48}


def states_of(kind):
    """The states of MCUboot's mode of that name; their flash is divided as the rig's is."""
    states = read_json("swap/swap.json")[kind.replace("swap_", "")]
    sec = SECONDARY[kind][0]
    layout = states["layout"]
    assert layout["pri"] == [0, PRI * SECTOR] and layout["sec"] == [PRI * SECTOR, sec * SECTOR]
    assert layout["scratch"] == [(PRI + sec) * SECTOR, SECTOR]
    return states


def rig_of(kind, entry):
    size = (PRI + SECONDARY[kind][0] + 1) * SECTOR
    data = bytearray(gunzip(read_file("swap/" + entry["file"])))[:size]
    return Rig(trials=1, flash=NorFlash(io.BytesIO(data), size, SECTOR, 4), kind=kind)


@on_swaps
def test_decisions_equal_mcuboots(kind):
    states = states_of(kind)
    seen = set()
    for name in ENDS_WITH:
        action, _ = rig_of(kind, states[name]).strategy.decide()
        assert action == states[name]["swap_type_next"], name
        seen.add(action)
    assert NONE in seen and REVERT in seen and len(seen) == 4


@on_swaps
def test_booting_a_state_ends_with_the_image_that_mcuboot_ended_with(kind):
    states = states_of(kind)
    for name, expected in ENDS_WITH.items():
        rig = rig_of(kind, states[name])
        boot = rig.boot()
        assert boot.image is not None, name
        assert rig.primary_is(read_file("swap/%s.bin" % expected)), name


@on_swaps
def test_our_trailers_read_like_mcuboots(kind):
    # After a test swap MCUboot's tools read: swap_info 2, copy_done set, image_ok unset, good magic.
    states = states_of(kind)
    rig = rig_of(kind, states["1-test-pending"])
    rig.boot()
    got = rig.bytes_at(PRI * SECTOR - 64, 64)
    theirs = bytes.fromhex(states["2-swapped-unconfirmed"]["pri_trailer"].replace(" ", ""))
    assert got[24:] == theirs[24:], "swap_info, copy_done, image_ok, magic"
    at = 64 + SWAP_SIZE_AT[kind]
    assert got[at : at + 8] == theirs[at : at + 8] != b"\xff" * 8, "swap_size"
    rig.strategy.confirm()
    theirs = bytes.fromhex(states["4-confirmed"]["pri_trailer"].replace(" ", ""))
    assert rig.bytes_at(PRI * SECTOR - 40, 40) == theirs[24:]
