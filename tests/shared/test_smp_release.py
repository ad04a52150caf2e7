"""SMP on a device with two images: which one a request means, and what is refused while one is on trial."""

import hashlib

from ophion_boot.core.receive import Upload
from ophion_boot.core.smp_image import Component, ImageGroup
from ophion_boot.core.smp_session import Session
from ophion_boot.fmt.cbor import decode_map, encode
from ophion_boot.fmt.smp import pack_request
from rig_release import ReleaseRig
from support import SECTOR, image

APP_MAGIC = image("needs11")[32:33]
READ, WRITE = False, True
STATE, UPLOAD, ERASE, SLOTS = 0, 1, 5, 6


class Server:
    """The image group of a ReleaseRig; `ask` sends a request of version 1, whose refusals carry words."""

    def __init__(self):
        self.rig = ReleaseRig()
        self.boot()

    def boot(self):
        rig = self.rig
        boot = rig.boot()
        buf = bytearray(SECTOR)
        uploads = [
            Upload(strategy, buf, None, number, None, magic)
            for number, (strategy, magic) in enumerate(((rig.strategy, APP_MAGIC), (rig.runtime, b"\xe9")))
        ]
        self.runtime = Component(rig.runtime, uploads[1], True, "1.0.0")
        app = Component(rig.strategy, uploads[0], boot.image is not None)
        group = ImageGroup([app, self.runtime], rig.verifier, lambda reason: rig.confirm())
        self.session = Session({1: group}, 2475)
        return boot

    def ask(self, write, command, args):
        request = pack_request(0, write, 1, 7, command, encode(args))
        return decode_map(self.session.handle(memoryview(request))[8:])

    def upload(self, name, number):
        """Only the first chunk names the image, as clients do."""
        data = image(name)
        answer = self.ask(
            WRITE,
            UPLOAD,
            {
                "off": 0,
                "image": number,
                "len": len(data),
                "sha": hashlib.sha256(data).digest(),
                "data": data[:400],
            },
        )
        while answer.get("off", len(data)) < len(data):
            at = answer["off"]
            answer = self.ask(WRITE, UPLOAD, {"off": at, "data": data[at : at + 900]})
        return answer

    def test(self, name):
        return self.ask(WRITE, STATE, {"hash": digest(name), "confirm": False})

    def states(self):
        """{(image, slot): entry}"""
        entries = self.ask(READ, STATE, {})["images"]
        return {(entry["image"], entry["slot"]): entry for entry in entries}


def digest(name):
    data = image(name)
    size = int.from_bytes(data[12:16], "little") + int.from_bytes(data[10:12], "little")
    return hashlib.sha256(data[: 32 + size]).digest()


def test_a_runtime_from_the_factory_has_a_version_and_no_hash():
    server = Server()
    states = server.states()
    assert set(states) == {(0, 0), (1, 0)}
    assert states[1, 0]["version"] == "1.0.0" and "hash" not in states[1, 0]
    assert states[1, 0]["active"] and states[1, 0]["confirmed"]


def test_both_are_uploaded_asked_for_installed_and_confirmed():
    server = Server()
    assert server.upload("rt2", 1)["match"] is True
    assert server.upload("needs11", 0)["match"] is True
    assert not any(entry["pending"] for entry in server.states().values())
    server.test("rt2")
    server.test("needs11")
    states = server.states()
    assert states[1, 1]["pending"] and states[0, 1]["pending"]
    server.boot()
    states = server.states()
    assert states[1, 0]["hash"] == digest("rt2") and not states[1, 0]["confirmed"]
    assert states[0, 0]["hash"] == digest("needs11") and not states[0, 0]["confirmed"]
    server.ask(WRITE, STATE, {"confirm": True})
    states = server.states()
    assert states[1, 0]["confirmed"] and states[0, 0]["confirmed"]
    server.boot()
    assert server.states()[1, 0]["hash"] == digest("rt2")


def test_each_image_number_takes_its_own_kind():
    server = Server()
    for name, number in (("rt2", 0), ("needs11", 1)):
        ops = server.rig.flash.ops
        answer = server.upload(name, number)
        assert answer["rsn"] == "the payload is not what this image number takes", answer
        assert server.rig.flash.ops == ops
    assert server.upload("rt2", 2)["rsn"] == "image 2 is not on this device"


def test_while_one_is_on_trial_the_other_cannot_be_asked_for():
    server = Server()
    server.upload("rt2", 1)
    server.test("rt2")
    server.boot()
    server.upload("needs11", 0)
    said = "an image is on trial: confirm it first"
    assert server.ask(WRITE, STATE, {"hash": digest("needs11"), "confirm": False})["rsn"] == said


def test_slots_are_counted_through():
    server = Server()
    images = server.ask(READ, SLOTS, {})["images"]
    assert [entry["image"] for entry in images] == [0, 1]
    assert images[1]["slots"][1]["upload_image_id"] == 1
    server.upload("rt2", 1)
    assert (1, 1) in server.states()
    assert server.ask(WRITE, ERASE, {"slot": 3}).get("rc", 0) == 0
    assert (1, 1) not in server.states()
    for slot in (0, 2, 4, 5):
        assert server.ask(WRITE, ERASE, {"slot": slot})["rsn"] == "slot %d is not a free one" % slot


def test_the_way_back_of_a_runtime_on_trial_is_not_erased():
    server = Server()
    server.upload("rt2", 1)
    server.test("rt2")
    server.boot()
    said = "the running image is on trial: the other slot holds the way back"
    assert server.ask(WRITE, ERASE, {"slot": 3})["rsn"] == said
    assert "the way back" in server.upload("rt3", 1)["rsn"]


def test_a_payload_that_does_not_fit_ends_the_upload_with_a_reason():
    server = Server()
    data = bytearray(image("rt1"))
    data[12:16] = (3 * SECTOR + 32).to_bytes(4, "little")
    size = 32 + 3 * SECTOR + 32 + 500
    first = {"off": 0, "image": 1, "len": size, "data": bytes(data[:400])}
    answer = server.ask(WRITE, UPLOAD, first)
    at = answer.get("off", size)
    while "rc" not in answer and at < size:
        answer = server.ask(WRITE, UPLOAD, {"off": at, "data": bytes(min(900, size - at))})
        at = answer.get("off", size)
    assert answer["rsn"] == "payload of %d bytes does not fit in %d" % (3 * SECTOR + 32, 3 * SECTOR)
    assert not server.runtime.upload.open()
