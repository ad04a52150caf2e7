"""SMP in recovery: the image in the primary slot does not run, and somebody asks for it."""

from nor import PowerCut
from ophion_boot.core.receive import Upload
from ophion_boot.core.smp_image import Component, ImageGroup
from ophion_boot.core.smp_session import Session
from support import SECTOR, image
from test_smp_server import Server, err

READ, WRITE = False, True


def recovery(running="four"):
    return Server(running, recovery=True)


def flags(entry):
    return [name for name in ("active", "confirmed", "pending", "permanent") if entry[name]]


def damage(server, at=200):
    """Change a byte of the payload in the primary slot: header and TLVs stay as they are."""
    data = bytearray(server.rig.bytes_at(0, SECTOR))
    data[at] ^= 1
    server.rig.put(0, bytes(data))


def test_what_the_next_boot_runs_is_listed_as_pending():
    server = recovery()
    (entry,) = server.images()
    assert flags(entry) == ["confirmed", "pending"] and entry["slot"] == 0
    (entry,) = Server().images()
    assert flags(entry) == ["active", "confirmed"]


def test_a_test_of_the_image_in_the_primary_slot_changes_nothing_and_succeeds():
    server = recovery()
    ops = server.rig.flash.ops
    answer = server.ask(WRITE, 1, 0, {"hash": server.images()[0]["hash"], "confirm": False})
    assert flags(answer["images"][0]) == ["confirmed", "pending"]
    assert server.rig.flash.ops == ops
    server.recovery = False
    server.boot()
    assert flags(server.images()[0]) == ["active", "confirmed"]


def test_it_is_verified_first():
    server = recovery("four")
    digest = server.images()[0]["hash"]
    damage(server)
    server.boot()
    (entry,) = server.images()
    assert entry["hash"] == digest and flags(entry) == ["confirmed"], "it does not boot"
    for confirm in (False, True):
        assert err(server.ask(WRITE, 1, 0, {"hash": digest, "confirm": confirm})) == (1, 24)
    assert "SHA-256" in server.rig.log.read()[-1]["reason"]


def test_the_same_image_sent_again_repairs_the_damaged_one():
    server = recovery("four")
    digest = server.images()[0]["hash"]
    damage(server)
    server.boot()
    assert server.upload(image("four"))["match"]
    assert [entry["hash"] for entry in server.images()] == [digest, digest]
    answer = server.ask(WRITE, 1, 0, {"hash": digest, "confirm": False})
    assert [flags(entry) for entry in answer["images"]] == [["confirmed"], ["pending"]]
    server.recovery = False
    server.boot()
    assert flags(server.images()[0])[0] == "active" and server.rig.primary_is(image("four"))


def test_an_image_on_trial_can_be_confirmed_from_recovery():
    server = Server()
    server.upload(image("six"))
    digest = server.images()[1]["hash"]
    server.ask(WRITE, 1, 0, {"hash": digest, "confirm": False})
    server.recovery = True
    server.boot()
    assert flags(server.images()[0]) == ["pending"], "on trial, and not running"
    assert err(server.ask(WRITE, 1, 0, {"confirm": True})) == (1, 8), "nothing runs: it has to be named"
    answer = server.ask(WRITE, 1, 0, {"hash": digest, "confirm": True})
    assert flags(answer["images"][0]) == ["confirmed", "pending"]
    server.recovery = False
    server.boot()
    assert flags(server.images()[0]) == ["active", "confirmed"]


def test_another_pending_image_comes_first():
    server = recovery()
    old = server.images()[0]["hash"]
    server.upload(image("six"))
    answer = server.ask(WRITE, 1, 0, {"hash": server.images()[1]["hash"], "confirm": False})
    assert [flags(entry) for entry in answer["images"]] == [["confirmed"], ["pending"]]
    assert err(server.ask(WRITE, 1, 0, {"hash": old, "confirm": False})) == (1, 28)
    assert server.ask(WRITE, 1, 5, {}) == {}
    assert flags(server.images()[0]) == ["confirmed", "pending"]
    assert flags(server.ask(WRITE, 1, 0, {"hash": old, "confirm": False})["images"][0])


def test_a_running_image_is_refused_as_ever():
    server = Server()
    digest = server.images()[0]["hash"]
    assert err(server.ask(WRITE, 1, 0, {"hash": digest, "confirm": False})) == (1, 33)
    assert flags(server.ask(WRITE, 1, 0, {"hash": digest, "confirm": True})["images"][0]) == [
        "active",
        "confirmed",
    ]


def test_nothing_is_erased_while_a_swap_is_half_done():
    server = Server()
    server.upload(image("six"))
    server.ask(WRITE, 1, 0, {"hash": server.images()[1]["hash"], "confirm": False})
    rig = server.rig
    rig.flash.arm_cut(20, "before", 1)
    try:
        rig.boot()
        raise AssertionError("no cut")
    except PowerCut:
        rig.flash.disarm()
    rig.off_and_on()
    assert rig.strategy.interrupted()
    upload = Upload(rig.strategy, bytearray(SECTOR), rig.verifier)
    group = ImageGroup([Component(rig.strategy, upload, False)], rig.verifier, None)
    server.session = Session({1: group}, 2475)
    ops = rig.flash.ops
    assert err(server.ask(WRITE, 1, 5, {})) == (1, 9)
    for _ in range(5):
        server.session.idle()
    assert rig.flash.ops == ops
    server.boot()
    assert rig.primary_is(image("six"))
