"""The SMP server, without a radio: every command, both versions, uploads, refusals, hostile requests."""

import hashlib
import struct

from ophion_boot.core.inbox import Inbox
from ophion_boot.core.receive import Upload
from ophion_boot.core.smp_image import Component, ImageGroup
from ophion_boot.core.smp_ophion import OphionGroup
from ophion_boot.core.smp_os import OsGroup
from ophion_boot.core.smp_session import Session, SmpError
from ophion_boot.core.trust import Proof, Trust
from ophion_boot.core.trust_rules import Device
from ophion_boot.fmt.cbor import decode_map, encode
from ophion_boot.fmt.claims import Claims
from ophion_boot.fmt.smp import pack_request
from rig import Rig
from support import SECTOR, image, raises, read_json, vector_keys

BUF = 2475
MAX = 7 * SECTOR
INFO = {"name": "rig", "mode": "app"}


class Server:
    """A Session over a Rig; `ask` sends one request and returns the decoded response.

    With `recovery` what is in the primary slot does not run, though it may boot.
    """

    recovery = False

    def __init__(self, running="four", version=1, recovery=False):
        self.rig = Rig(trials=3)
        if running:
            self.rig.flash_primary(image(running))
        self.version = version
        self.recovery = recovery
        self.resets = []
        self.boot()

    def boot(self):
        boot = self.rig.boot()
        rig = self.rig
        upload = Upload(rig.strategy, bytearray(SECTOR), rig.verifier)
        bootable = boot.image is not None
        running = bootable and not self.recovery
        self.group = ImageGroup(
            [Component(rig.strategy, upload, running, waits=bootable)],
            rig.verifier,
            lambda reason: rig.strategy.confirm() and rig.log.add("confirmed", "", reason),
        )
        groups = {
            0: OsGroup(Inbox(4, BUF), self.resets.append),
            1: self.group,
            64: OphionGroup(INFO, rig.log, self.resets.append, rig.verifier.trust, rig.strategy.on_trial),
        }
        self.session = Session(groups, BUF, lambda why: rig.log.add("refused", "", why))

    def ask(self, write, group, command, args, seq=9):
        request = pack_request(self.version, write, group, seq, command, encode(args))
        response = self.session.handle(memoryview(request))
        assert response[0] == request[0] + 1 and bytes(response[4:8]) == request[4:8]
        assert (response[2] << 8 | response[3]) == len(response) - 8
        return decode_map(response[8:])

    def upload(self, data, step=500, **more):
        """Upload as clients do; returns the last response."""
        sha = hashlib.sha256(data).digest()
        at, answer = 0, {}
        while at < len(data):
            args = {"off": at, "data": data[at : at + step]}
            if at == 0:
                args.update(len=len(data), sha=sha, image=0)
                args.update(more)
            answer = self.ask(True, 1, 1, args)
            if "off" not in answer:
                return answer
            at = answer["off"]
        return answer

    def images(self):
        return self.ask(False, 1, 0, {})["images"]


def err(answer):
    return answer["err"]["group"], answer["err"]["rc"]


def test_recorded_pairs_are_answered_byte_for_byte():
    vectors = read_json("smp_vectors.json")
    server = Server()
    for request, response in (
        ("req_params_v2", "rsp_params"),
        ("req_echo_v2", "rsp_echo"),
        ("req_bootinfo", "rsp_bootinfo"),
        ("req_reset", "rsp_reset"),
    ):
        answer = server.session.handle(memoryview(bytes.fromhex(vectors[request])))
        assert answer[8:] == bytes.fromhex(vectors[response])[8:], request
        assert (
            answer[:8]
            == bytes.fromhex(vectors[request].replace("0a", "0b", 1).replace("08", "09", 1))[:2] + answer[2:8]
        )
    assert server.resets == [0]


def test_every_recorded_request_gets_an_answer():
    vectors = read_json("smp_vectors.json")
    expected = {
        "req_bootinfo_mode": {"mode": 3},
        "req_osinfo": {"rc": 8, "rsn": "group 0 has no command 7 for that op"},
        "req_erase": {},
        "req_erase_slot1": {},
        "req_reset_bootloader": {},
        "req_upload_first": {"off": 64},
        "req_upload_next": {"off": 80},
        "req_state_test": {"err": {"group": 1, "rc": 8}},
    }
    server = Server()
    seen = 0
    for name in sorted(vectors):
        if name.startswith("req_") and name != "req_reset":
            answer = server.session.handle(memoryview(bytes.fromhex(vectors[name])))
            assert answer is not None, name
            body = decode_map(answer[8:])
            if name == "req_img_list":
                assert sorted(body) == ["images", "splitStatus"]
            elif name in expected and not name.startswith("req_upload"):
                assert body == expected[name], (name, body)
            seen += 1
    assert seen >= 13 and 1 in server.resets
    # The recorded upload: its two chunks, in their order.
    server = Server()
    for name in ("req_upload_first", "req_upload_next"):
        answer = decode_map(server.session.handle(memoryview(bytes.fromhex(vectors[name])))[8:])
        assert answer == expected[name], name


def test_image_list_has_just_the_documented_keys():
    recorded = decode_map(bytes.fromhex(read_json("smp_vectors.json")["rsp_img_list"])[8:])
    entry = Server().images()[0]
    assert sorted(entry) == sorted(recorded["images"][0])
    assert entry["version"] == "4.0.0" and len(entry["hash"]) == 32
    flags = {key: entry[key] for key in ("active", "confirmed", "pending", "permanent", "bootable")}
    assert flags == {
        "active": True,
        "confirmed": True,
        "pending": False,
        "permanent": False,
        "bootable": True,
    }


def test_upload_test_reset_confirm():
    server = Server()
    assert server.upload(image("six"), upgrade=False) == {"off": len(image("six")), "match": True}
    new = server.images()[1]
    assert new["slot"] == 1 and new["version"] == "6.0.0" and not new["pending"]
    answer = server.ask(True, 1, 0, {"hash": new["hash"], "confirm": False})
    assert answer["images"][1]["pending"] and not answer["images"][1]["permanent"]
    assert server.ask(True, 1, 0, {"hash": new["hash"], "confirm": False}) == answer, (
        "asking twice is the same"
    )
    assert server.ask(True, 0, 5, {}) == {}
    server.boot()
    active, other = server.images()
    assert active["version"] == "6.0.0" and active["active"] and not active["confirmed"]
    assert other["version"] == "4.0.0" and other["confirmed"]
    assert server.ask(True, 1, 0, {"confirm": True})["images"][0]["confirmed"]
    server.boot()
    assert server.images()[0]["confirmed"]
    assert [e["event"] for e in server.ask(False, 64, 1, {})["log"]] == ["installed", "confirmed"]


def test_permanent_request():
    server = Server()
    server.upload(image("two"))
    answer = server.ask(True, 1, 0, {"hash": server.images()[1]["hash"], "confirm": True})
    assert answer["images"][1]["permanent"]
    server.boot()
    assert server.images()[0]["version"] == "2.0.0" and server.images()[0]["confirmed"]


def test_upload_in_recovery():
    server = Server(running=None)
    assert server.images() == []
    server.upload(image("one"))
    server.ask(True, 1, 0, {"hash": server.images()[0]["hash"], "confirm": False})
    server.boot()
    assert server.images()[0]["version"] == "1.0.0"
    assert err(Server(running=None).ask(True, 1, 0, {"confirm": True})) == (1, 8)


def test_any_chunk_size_gives_the_same_bytes():
    for step in (32, 33, 127, 509, 2300):
        server = Server()
        assert server.upload(image("two"), step)["match"], step
        assert server.rig.staged_is(image("two")), step


def test_chunks_again_and_out_of_order_are_answered_with_the_expected_offset():
    server = Server()
    data = image("one")
    sha = hashlib.sha256(data).digest()
    first = {"off": 0, "data": data[:100], "len": len(data), "sha": sha}
    assert server.ask(True, 1, 1, {"off": 100, "data": b"x"}) == {"off": 0}, "no upload is open"
    assert server.ask(True, 1, 1, first) == {"off": 100}
    assert server.ask(True, 1, 1, {"off": 0, "data": data[:100]}) == {"off": 100}, "a repeated chunk"
    assert server.ask(True, 1, 1, {"off": 250, "data": data[250:]}) == {"off": 100}
    assert server.ask(True, 1, 1, first) == {"off": 100}, "the same upload goes on"
    assert server.ask(True, 1, 1, {"off": 100, "data": data[100:]}) == {"off": 300, "match": True}
    assert server.rig.staged_is(data)


def test_another_image_starts_the_upload_afresh():
    server = Server()
    server.ask(True, 1, 1, {"off": 0, "data": image("six")[:400], "len": len(image("six")), "sha": bytes(32)})
    assert server.upload(image("two"))["match"]
    assert server.rig.staged_is(image("two"))


def test_a_wrong_hash_is_told_with_match_false():
    server = Server()
    assert server.upload(image("one"), sha=b"\1" * 32)["match"] is False


def test_uploads_that_cannot_work_are_refused_before_the_first_erase():
    data = image("one")
    large = data[:12] + struct.pack("<I", MAX - 32 - 3) + data[16:40]
    rows = (
        ({"len": MAX + 1, "data": large}, 30),
        ({"len": 100 * MAX, "data": large}, 30),
        ({"data": data[:31]}, 21),
        ({"data": b"\0" * 40}, 23),
        ({"data": data[:8] + b"\1\0" + data[10:40]}, 22),
        ({"len": 120}, 22),
        ({"sha": b"1"}, 24),
        ({"data": data[:16] + b"\4" + data[17:40]}, 22),
        ({"image": 2}, 14),
    )
    for change, rc in rows:
        server = Server()
        args = {"off": 0, "data": data[:40], "len": len(data), "sha": bytes(32)}
        args.update(change)
        before = server.rig.flash.ops
        assert err(server.ask(True, 1, 1, args)) == (1, rc), change
        assert server.rig.flash.ops == before, change
        assert server.images()[0]["version"] == "4.0.0"


def early(entries, hdr_size=0x80):
    """The first 200 bytes of an image that repeats claims in its header."""
    body = b"".join([struct.pack("<HH", kind, len(value)) + value for kind, value in entries])
    area = struct.pack("<HH", 0x690A, 4 + len(body)) + body
    head = struct.pack("<IIHHIIBBHII", 0x96F3B83D, 0, hdr_size, 0, 1000, 0, 1, 0, 0, 0, 0)
    return (head + area + b"\xff" * 200)[:200]


def test_claims_in_the_header_are_looked_at_before_the_first_erase():
    own, counter = (0x1A1, b"c3,sim"), struct.pack("<I", 7)
    rows = (
        ([own], None, ""),
        ([own, (0x1A2, b"\1\x1b\0\0")], None, ""),
        ([(0x50, counter), own], None, ""),
        ([(0x50, struct.pack("<I", 6)), own], 27, "security counter 6 is below 7"),
        ([(0x50, counter), (0x1A1, b"c3")], 22, "image for hardware c3, this is sim"),
        ([(0x50, counter), (0x1A2, b"\1\x1c\0\0")], 22, "image needs MicroPython 1.28.0, this is 1.27.0"),
        ([(0x1A1, b"")], 22, "hardware ids are not"),
        ([(0x1AE, b"1")], 22, "0x01ae is not known"),
        ([(0x50, counter), (0x50, counter)], 22, "stands twice"),
        ([(0xA0, b"x" * 100)], 22, "run over it"),
        ([(0x1A4, vector_keys()[0][0])], None, ""),
        ([(0x1A4, b"k" * 32)], 22, "signed by an unknown key (key hash 6b6b6b6b...)"),
        ([(0x1A4, b"k" * 31)], 22, "key hash is 31 bytes, not 32"),
    )
    for entries, rc, reason in rows:
        server = Server()
        trust = Trust(vector_keys(), None, None, Device("sim", (1, 27, 0)))
        if (0x50, counter) in entries or rc == 27:
            trust.settle(Proof(b"", [], b""), Claims([(0x50, counter)]), bytes(32), 0)
        server.rig.verifier.trust = trust
        data = early(entries)
        before = server.rig.flash.ops
        answer = server.ask(True, 1, 1, {"off": 0, "data": data, "len": 1500, "sha": bytes(32)})
        if rc is None:
            assert answer == {"off": len(data)}, entries
            continue
        assert err(answer) == (1, rc), (entries, answer)
        assert server.rig.flash.ops == before, entries
        assert reason in server.ask(False, 64, 1, {})["log"][-1]["reason"], entries


def test_what_the_tlvs_rule_out_is_refused_at_the_end_of_the_upload():
    server = Server()
    server.rig.verifier.trust.settle(
        Proof(b"", [], b""), Claims([(0x50, struct.pack("<I", 7))]), bytes(32), 0
    )
    assert err(server.upload(image("two"))) == (1, 27)
    last = server.ask(False, 64, 1, {})["log"][-1]
    assert last["reason"] == "no security counter, at least 7 is needed"
    assert [entry["version"] for entry in server.images()] == ["4.0.0"], "it is gone"
    assert server.upload(image("two"), sha=b"\1" * 32)["match"] is False, "what is damaged is told as that"


def test_a_chunk_beyond_the_end_is_refused():
    server = Server()
    data = image("one")
    server.ask(True, 1, 1, {"off": 0, "data": data[:100], "len": len(data), "sha": bytes(32)})
    assert err(server.ask(True, 1, 1, {"off": 100, "data": data})) == (1, 31)
    assert err(server.ask(True, 1, 1, {"off": 100, "data": b""})) == (1, 21)


def test_a_tampered_image_is_refused_with_its_reason():
    bad = bytearray(image("six"))
    bad[9000] ^= 1
    server = Server()
    assert server.upload(bytes(bad))["match"], "the transfer is fine, the image is not"
    other = server.images()[1]
    assert err(server.ask(True, 1, 0, {"hash": other["hash"], "confirm": False})) == (1, 24)
    last = server.ask(False, 64, 1, {})["log"][-1]
    assert last["event"] == "refused" and "SHA-256" in last["reason"]
    server.boot()
    assert server.images()[0]["version"] == "4.0.0"


def test_the_slot_is_not_free_while_it_is_wanted():
    server = Server()
    server.upload(image("six"))
    server.ask(True, 1, 0, {"hash": server.images()[1]["hash"], "confirm": False})
    assert err(server.upload(image("two"))) == (1, 9)
    server.boot()
    assert err(server.upload(image("two"))) == (1, 9)
    assert err(server.ask(True, 1, 5, {})) == (1, 9)
    server.ask(True, 1, 0, {"confirm": True})
    assert server.ask(True, 1, 5, {"slot": 1}) == {}
    assert server.upload(image("two"))["match"]


def test_erase_takes_a_pending_update_back():
    server = Server()
    server.upload(image("six"))
    server.ask(True, 1, 0, {"hash": server.images()[1]["hash"], "confirm": False})
    assert err(server.ask(True, 1, 5, {"slot": 0})) == (1, 14)
    assert server.ask(True, 1, 5, {}) == {}
    assert len(server.images()) == 1
    server.boot()
    assert server.images()[0]["version"] == "4.0.0"


def test_state_write_refusals():
    server = Server()
    assert err(server.ask(True, 1, 0, {"confirm": False})) == (1, 24)
    assert err(server.ask(True, 1, 0, {"hash": bytes(32), "confirm": False})) == (1, 8)
    assert err(server.ask(True, 1, 0, {"hash": server.images()[0]["hash"], "confirm": False})) == (1, 33)


def test_slot_info_and_unknown_commands():
    server = Server()
    assert server.ask(False, 1, 6, {})["images"][0]["max_image_size"] == MAX
    for write, group, command in ((False, 9, 0), (True, 1, 2), (False, 0, 7), (False, 64, 99), (False, 0, 5)):
        assert server.ask(write, group, command, {})["rc"] == 8


def test_echo_by_read_and_by_write():
    for write in (False, True):
        assert Server().ask(write, 0, 0, {"d": "hello"}) == {"r": "hello"}


def test_sectors_are_erased_as_the_data_reaches_them():
    server = Server()
    server.rig.put_staged(b"\0" * (6 * SECTOR))
    erased = []

    def watch(kind, at, length):
        if kind == "erase":
            erased.append(at - server.rig.staged_at)

    server.rig.flash.on_op = watch
    data = image("six")
    answer = {"off": 0}
    reached = []
    while answer["off"] < len(data):
        at = answer["off"]
        answer = server.ask(
            True, 1, 1, {"off": at, "data": data[at : at + 2000], "len": len(data), "sha": bytes(32)}
        )
        reached.append(max(erased) // SECTOR)
        assert reached[-1] == (answer["off"] - 1) // SECTOR
    assert reached[0] == 0 and reached[-1] == 5


def test_version_1_gets_plain_codes_and_a_reason():
    server = Server(version=0)
    answer = server.ask(True, 1, 0, {"hash": bytes(32), "confirm": False})
    assert answer == {"rc": 5, "rsn": "no image has that hash"}
    assert server.ask(True, 0, 0, {"d": "hi"}) == {"r": "hi"}
    assert server.ask(False, 0, 8, {"query": "colour"})["rc"] == 5


def test_wrong_types_and_garbage_are_refused():
    server = Server()
    for args in (
        {"off": "x", "data": b""},
        {"off": -1, "data": b""},
        {"off": True},
        {"data": b"x"},
        {"off": 0, "data": 5, "len": 3},
        {"off": 0, "len": 2.5 if False else "2", "data": b""},
    ):
        assert server.ask(True, 1, 1, args)["rc"] == 3, args
    garbage = pack_request(1, True, 1, 77, 1, b"\xbf\x61")
    answer = server.session.handle(memoryview(garbage))
    assert answer[6] == 77 and decode_map(answer[8:])["rc"] == 3
    assert server.session.handle(memoryview(b"\x0a\0\0")) is None
    assert server.session.handle(memoryview(garbage + b"x")) is None
    assert server.images()[0]["version"] == "4.0.0"


def test_no_response_is_larger_than_the_buffer():
    server = Server()
    text = "x" * (BUF - 20)
    assert server.ask(True, 0, 0, {"d": text}) == {"r": text}
    server.session._buf_size = 200
    assert server.ask(True, 0, 0, {"d": "y" * 300})["rc"] == 7


def test_an_upload_is_counted_once_and_asked_for_until_something_else_is():
    server = Server()
    data = image("two")
    server.upload(data)
    assert server.group.uploads == 1 and server.group.uploaded is not None
    server.ask(True, 1, 0, {"hash": server.images()[1]["hash"], "confirm": False})
    assert server.group.uploaded is None
    server.ask(True, 1, 1, {"off": len(data) - 100, "data": data[-100:]})
    assert server.group.uploads == 1 and server.group.uploaded is None, "a chunk that came twice"
    server.ask(True, 1, 5, {})
    server.upload(data, sha=b"\1" * 32)
    assert server.group.uploads == 1 and server.group.uploaded is None, "damaged on its way"


def test_what_was_uploaded_is_tried_when_it_verifies():
    server = Server()
    server.upload(image("two"))
    server.group.try_uploaded()
    assert server.images()[1]["pending"]
    server.group.try_uploaded()
    server.ask(True, 1, 5, {})
    bad = bytearray(image("six"))
    bad[9000] ^= 1
    server.upload(bytes(bad))
    assert "SHA-256" in raises(SmpError, server.group.try_uploaded)
    assert not server.images()[1]["pending"]
    server.boot()
    assert server.images()[0]["version"] == "4.0.0"
