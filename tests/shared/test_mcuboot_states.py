"""Flash states that real MCUboot (swap by offset) left behind mean the same thing here."""

from nor import NorFlash
from ophion_boot.fmt.trailer import NONE, REVERT
from rig import PRI, SEC, Rig
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


def rig_of(entry):
    data = bytearray(gunzip(read_file("swap/" + entry["file"])))[: (PRI + SEC) * SECTOR]
    return Rig(trials=1, flash=NorFlash(io.BytesIO(data), len(data), SECTOR, 4))


def test_decisions_equal_mcuboots():
    states = read_json("swap/swap.json")["offset"]
    assert states["layout"]["pri"] == [0, PRI * SECTOR] and states["layout"]["sec"] == [
        PRI * SECTOR,
        SEC * SECTOR,
    ]
    seen = set()
    for name in ENDS_WITH:
        action, _ = rig_of(states[name]).strategy.decide()
        assert action == states[name]["swap_type_next"], name
        seen.add(action)
    assert NONE in seen and REVERT in seen and len(seen) == 4


def test_booting_a_state_ends_with_the_image_that_mcuboot_ended_with():
    states = read_json("swap/swap.json")["offset"]
    for name, expected in ENDS_WITH.items():
        rig = rig_of(states[name])
        boot = rig.boot()
        assert boot.image is not None, name
        assert rig.primary_is(read_file("swap/%s.bin" % expected)), name


def test_our_trailers_read_like_mcuboots():
    # After a test swap MCUboot's tools read: swap_info 2, copy_done set, image_ok unset, good magic.
    states = read_json("swap/swap.json")["offset"]
    rig = rig_of(states["1-test-pending"])
    rig.boot()
    got = rig.bytes_at(PRI * SECTOR - 64, 64)
    theirs = bytes.fromhex(states["2-swapped-unconfirmed"]["pri_trailer"].replace(" ", ""))
    assert got[24:] == theirs[24:], "swap_info, copy_done, image_ok, magic"
    assert got[8:16] == theirs[8:16], "swap_size"
    rig.strategy.confirm()
    theirs = bytes.fromhex(states["4-confirmed"]["pri_trailer"].replace(" ", ""))
    assert rig.bytes_at(PRI * SECTOR - 40, 40) == theirs[24:]
