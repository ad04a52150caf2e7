"""Hostile SMP, a bounded share of it (`make fuzz` runs it for as long as one likes)."""

from smp_cases import COMMANDS, Device, Fuzz, allocated
from support import raises

ROUNDS = 150
LEAK_MAX = 4096


def test_hostile_requests_are_answered_or_dropped():
    fuzz = Fuzz(20261121)
    fuzz.run(ROUNDS)
    assert fuzz.requests > ROUNDS and fuzz.answers > ROUNDS // 2


def test_memory_stays_what_it_was():
    fuzz = Fuzz(7)
    fuzz.run(60)
    before = allocated()
    for _ in range(3):
        fuzz.run(60)
    assert allocated() - before < LEAK_MAX


def test_every_command_is_reached_and_images_are_installed_on_the_way():
    fuzz = Fuzz(9)
    for _ in range(8):
        fuzz.run(ROUNDS)
    good = {key[:3] for key in fuzz.reached if key[3]}
    wanted = {
        (2 if write else 0, group, command) for write, group, command in COMMANDS if group not in (8, 63)
    }
    # Statements that are good are nothing that comes about by chance; nor is every read with a name.
    wanted -= {(0, 64, 20), (2, 64, 20)}  # nobody is asked who he is
    assert wanted - good <= {(2, 64, 10), (0, 2, 0)}, wanted - good
    assert fuzz.uploads > 3 and fuzz.installs > 0, (fuzz.uploads, fuzz.installs)


def test_patches_are_reached_and_handed_in_again():
    seed = patched = again = 0
    while not patched or again < 10:
        seed += 1
        assert seed < 40, (patched, again)
        fuzz = Fuzz(seed)
        for _ in range(4):
            fuzz.run(ROUNDS)
        patched += fuzz.device.rig.log.totals().get("patched", 0)
        again += fuzz.again


def test_strangers_change_nothing_on_a_guarded_device():
    device = Device(guarded=True)
    fuzz = Fuzz(17, device)
    ops = device.rig.flash.ops
    for _ in range(4):
        fuzz.run(ROUNDS)
    assert device.rig.flash.ops == ops and device.rig.cells.values == {}
    assert (0, 64, 20, True) in fuzz.reached, "a challenge was asked for"
    assert {key[1:3] for key in fuzz.reached if key[3]} <= {(0, 0), (0, 6), (0, 8), (64, 0), (64, 20)}
    assert fuzz.answers > ROUNDS


def test_a_handler_that_raises_is_found():
    device = Device()

    def broken(request, args):
        raise KeyError("d")

    device.session._groups[0].handle = broken
    raises(KeyError, Fuzz(1, device).run, ROUNDS)


def test_a_changed_running_image_is_found():
    device = Device()
    real = device.session.handle

    def handle(data, link):
        device.rig.flash.writeblocks(0, b"\0\0\0\0", 64)
        return real(data, link)

    device.session.handle = handle
    assert "running image" in raises(AssertionError, Fuzz(1, device).run, ROUNDS)
