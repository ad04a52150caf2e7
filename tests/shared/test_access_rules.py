"""Who may do what: the table for every command, tokens, and floods of wrong ones."""

import binascii

from ophion_boot.core import access
from ophion_boot.core.access import (
    BONDED,
    CHANGE,
    LOOK,
    LOOK_AT,
    NOBODY,
    OPERATOR,
    READ,
    Access,
    decide,
    kind_of,
)
from ophion_boot.core.smp_session import SmpError
from ophion_boot.core.tokens import pause_left
from ophion_boot.fmt.cbor import decode_map, encode
from ophion_boot.fmt.smp import pack_request
from ophion_boot.fmt.token import token_digest
from rig_access import NAME, UID, Clock, Door, request, vectors
from support import SECTOR, image, raises
from test_smp_server import Server

DENIED, BUSY = 11, 10
MODES = ("open", "paired", "token")
# What a stranger may send, once more and by hand: (group, command, write).
HARMLESS = {
    (0, 0, False),
    (0, 0, True),
    (0, 6, False),
    (0, 8, False),
    (64, 0, False),
    (64, 20, False),
    (64, 20, True),
}
# (mode, who) of those who may do everything; all others may only look.
ALL = {
    ("open", NOBODY),
    ("open", BONDED),
    ("open", OPERATOR),
    ("paired", BONDED),
    ("paired", OPERATOR),
    ("token", OPERATOR),
}
GROUPS = tuple(range(11)) + (63, 64, 65, 255, 65535)
COMMANDS = tuple(range(24)) + (255,)


def guarded(mode, who, link=1):
    """(a Server whose session has an Access in `mode`, the Access) where `link` is `who` by its own doing."""
    door = Door(mode)
    server = Server()
    server.session.access = door.access
    if who == OPERATOR:
        door.let_in(link)
    elif who == BONDED:
        door.access.secured(link, True, True, 16)
    assert door.access.who(link) == who
    return server, door


def decoded(response):
    return decode_map(response[8:])


def ask(server, write, group, command, args, link=1):
    packet = pack_request(1, write, group, 7, command, encode(args))
    return decoded(server.session.handle(memoryview(packet), link))


def test_every_mode_command_and_peer():
    seen = set()
    for mode in MODES:
        for who in (NOBODY, BONDED, OPERATOR):
            if mode == "open":
                server = Server()
            else:
                server, _ = guarded(mode, who)
            for group in GROUPS:
                for command in COMMANDS:
                    for write in (False, True):
                        answer = ask(server, write, group, command, {})
                        denied = answer.get("rc") == DENIED
                        allowed = (mode, who) in ALL or (group, command, write) in HARMLESS
                        assert denied != allowed, (mode, who, group, command, write, answer)
                        seen.add((mode, who, denied))
    assert len(seen) == 9 + 3, "everybody may look, three of nine may do no more"


def test_the_table_in_the_code_is_just_that():
    assert set(LOOK_AT) == HARMLESS and len(LOOK_AT) == len(HARMLESS)
    assert len(access.TABLE) == 9
    for (mode, who), kinds in access.TABLE.items():
        assert kinds == ((LOOK, READ, CHANGE) if (mode, who) in ALL else (LOOK,))
    assert kind_of(request(False, 1, 0)) == READ and kind_of(request(True, 1, 0)) == CHANGE
    assert kind_of(request(False, 0, 6)) == LOOK and kind_of(request(True, 0, 6)) == CHANGE


def test_what_is_not_in_the_table_is_refused():
    for mode, who in (("closed", OPERATOR), ("token", "king"), ("", ""), ("open", "")):
        for kind in (LOOK, READ, CHANGE):
            raises(SmpError, decide, mode, kind, who)
    raises(SmpError, decide, "open", "new kind", OPERATOR)


def test_a_refused_command_is_not_even_looked_into_and_changes_nothing():
    server, _ = guarded("token", NOBODY)
    before = bytes(server.rig.bytes_at(0, 17 * SECTOR)), server.rig.log.read()
    garbage = pack_request(1, True, 1, 0, 1, b"\xff\xff\xff")
    assert decoded(server.session.handle(memoryview(garbage), 1))["rc"] == DENIED
    digest = Server().images()[0]["hash"]
    for args, group, command in (
        ({"off": 0, "len": 8192, "data": image("one")[:512], "image": 0}, 1, 1),
        ({"hash": digest, "confirm": True}, 1, 0),
        ({"confirm": True}, 1, 0),
        ({"slot": 1}, 1, 5),
        ({"boot_mode": 1}, 0, 5),
        ({}, 64, 2),
        ({"data": b"OPHS"}, 64, 10),
    ):
        assert ask(server, True, group, command, args)["rc"] == DENIED
    assert (bytes(server.rig.bytes_at(0, 17 * SECTOR)), server.rig.log.read()) == before
    assert server.resets == []


def test_a_session_whose_road_names_no_link_lets_nobody_in():
    server, _ = guarded("token", OPERATOR, link=1)
    packet = memoryview(pack_request(1, False, 1, 7, 0, b""))
    assert decoded(server.session.handle(packet))["rc"] == DENIED
    door = fresh()
    door.challenge(None)
    assert door.refused(door.token(), link=None) == (DENIED, "this road does not tell its peers apart")
    assert door.access.who(None) == NOBODY
    assert "images" in decoded(server.session.handle(packet, 1))
    assert decoded(server.session.handle(packet, 2))["rc"] == DENIED


def test_no_command_reads_an_image_back():
    server = Server()
    payload = image("four")[32:-500]
    pieces = [bytes(payload[at : at + 24]) for at in range(0, len(payload) - 24, 1024)]
    assert len(pieces) > 8
    asked = 0
    for group in GROUPS:
        for command in COMMANDS:
            for args in (
                {},
                {"off": 0, "len": 512},
                {"name": "/app/main.mpy", "off": 0},
                {"image": 0, "slot": 0},
            ):
                packet = pack_request(1, False, group, 7, command, encode(args))
                answer = bytes(server.session.handle(memoryview(packet)))
                asked += 1
                for piece in pieces:
                    assert piece not in answer, (group, command)
    assert asked == len(GROUPS) * len(COMMANDS) * 4


# Tokens


def test_the_bytes_that_an_operator_signs():
    for item in vectors()["tokens"]:
        digest = token_digest(
            item["name"], binascii.unhexlify(item["uid"]), binascii.unhexlify(item["challenge"])
        )
        assert binascii.hexlify(digest).decode() == item["digest"]
    made = Door().challenge(1)
    assert binascii.hexlify(made).decode() == Door().token(1, 0)["challenge"]
    for wrong in ((NAME, UID, bytes(31)), ("n" * 256, UID, bytes(32)), (NAME, bytes(256), bytes(32))):
        raises(ValueError, token_digest, *wrong)


def test_a_token_opens_its_link_and_no_other():
    door = Door()
    told = door.access.handle(request(False), {}, 1)
    assert (told["access"], told["who"], told["name"], told["id"]) == ("token", NOBODY, NAME, UID)
    door.let_in(1)
    assert door.access.who(1) == OPERATOR and door.access.who(2) == NOBODY
    assert door.access.handle(request(False), {}, 1)["who"] == OPERATOR


def test_a_p256_operator_too():
    door = Door()
    door.challenge(1)
    assert door.answer(door.token(1, 0, "ecdsa-p256"))["who"] == OPERATOR


def test_tokens_that_are_not_taken():
    door = Door()
    good = door.token()
    sig = binascii.unhexlify(good["sig"])
    assert door.refused(good)[0] == DENIED, "nobody asked for a challenge yet"
    door.challenge(1)
    cases = (
        ("the challenge is not", {"link": 2}),
        ("the challenge is not", {"item": door.token(1, 1)}),
        ("the challenge is not", {"item": door.token(2, 0)}),
        ("the key is no operator's", {"key": bytes(8)}),
        ("wrong token", {"signature": sig[:-1] + bytes([sig[-1] ^ 1])}),
        ("wrong token", {"signature": b""}),
        ("wrong token", {"signature": bytes(64)}),
        ("wrong token", {"item": door.token(name="other")}),
        ("wrong token", {"item": door.token(uid=bytes(6))}),
        ("wrong token", {"item": door.token(kind="ecdsa-p256"), "key": key_of(door, "ed25519")}),
    )
    for reason, options in cases:
        door = fresh()
        rc, told = door.refused(options.pop("item", good), **options)
        assert rc == DENIED and told.startswith(reason), (options, told)
        assert door.access.who(1) == door.access.who(2) == NOBODY


def fresh():
    """A door where link 1 has a challenge."""
    door = Door()
    door.challenge(1)
    return door


def key_of(door, kind):
    from ophion_boot.fmt.key import key_hash

    return key_hash(door.keys[kind])[:8]


def test_arguments_that_are_none():
    door = fresh()
    for args in ({}, {"challenge": b"", "key": b""}, {"challenge": 1, "key": b"", "sig": b""}):
        raises(SmpError, door.access.handle, request(True), args, 1)
    assert door.access.who(1) == NOBODY


def test_a_replayed_token_opens_nothing():
    door = Door()
    door.challenge(1)
    assert door.answer(door.token())["who"] == OPERATOR
    assert door.answer(door.token(), signature=b"")["who"] == OPERATOR, "whatever comes after that"
    door.access.forget(1)
    assert door.access.who(1) == NOBODY, "it ends with its link"
    assert door.refused(door.token())[1].startswith("the challenge is not")
    assert door.challenge(1) != binascii.unhexlify(door.token()["challenge"])
    # A token that was sent and lost is worth nothing to whoever comes next on the link.
    other = fresh()
    other.access.forget(1)
    assert other.refused(other.token())[0] == DENIED
    # Nor does a token that was taken on one link leave the challenges of others as they were.
    both = fresh()
    both.challenge(2)
    both.answer(both.token(1, 0), 1)
    assert both.refused(both.token(2, 0), link=2)[0] == DENIED
    both.challenge(2)
    assert both.answer(both.token(2, 1), 2)["who"] == OPERATOR


def test_a_challenge_grows_old():
    for age, taken in ((0, True), (59_000, True), (60_000, False), (10**7, False)):
        door = fresh()
        door.clock.now += age
        if taken:
            assert door.answer(door.token())["who"] == OPERATOR
        else:
            assert door.refused(door.token())[0] == DENIED
    # Another one who asks meanwhile shortens its life to 30 s at least, no more.
    for later, taken in ((29_999, True), (30_000, False)):
        door = fresh()
        door.clock.now += 30_000
        door.challenge(2)
        door.clock.now += later
        assert (door.refused(door.token())[0] == DENIED) if not taken else door.answer(door.token())


def test_who_leaves_while_the_token_is_checked_leaves_nothing_open():
    door = fresh()

    keys = door.access._tokens.keys

    class Leaving:
        """The operators' keys; when one is looked up, the peer on the link hangs up."""

        def __len__(self):
            return len(keys)

        def __contains__(self, key):
            return key in keys

        def __getitem__(self, key):
            door.access.forget(1)
            return keys[key]

    door.access._tokens.keys = Leaving()
    assert door.refused(door.token())[1] == "the link ended"
    assert door.access.who(1) == NOBODY


def test_a_mode_without_operators_knows_no_tokens():
    door = Door("paired", operators=())
    told = door.access.handle(request(False), {}, 1)
    assert "challenge" not in told and told["access"] == "paired"
    raises(SmpError, door.answer, door.token())


# Floods


def test_a_flood_of_wrong_tokens_costs_few_verifications_and_the_operator_gets_in():
    door = Door()
    door.steady = True
    verified = 0
    for tick in range(6000):  # ten minutes, a new peer every 100 ms
        door.clock.now += 100
        rc = door.wrong(("udp", tick))
        assert rc in (DENIED, BUSY)
        verified += rc == DENIED
    assert 100 < verified < 170, "one in 4 s at most, once it has begun"
    # The right one is told to wait, for 4 s at most, and a token that comes too early is no wrong one.
    waited = 0
    while True:
        door.challenge(1)
        try:
            assert door.answer(door.token())["who"] == OPERATOR
            break
        except SmpError as e:
            assert e.rc == BUSY
        door.clock.now += 100
        waited += 100
    assert waited <= 4000 and door.access.who(1) == OPERATOR
    for peer in range(2):
        assert door.wrong(("udp", peer)) == DENIED, "after a right one the pause of all begins anew, short"
        door.clock.now += 500


def test_the_operator_gets_in_through_a_flood_of_challenges():
    door = Door()
    door.challenge(1)
    for tick in range(5000):
        door.challenge(("udp", tick))
        if tick % 100 == 0:
            door.access.unwelcome(("udp", tick))
    assert door.answer(door.token())["who"] == OPERATOR
    for tick in range(5000):
        raises(SmpError, door.access.check, request(True, 1, 1), ("udp", tick))
        door.access.unwelcome(("udp", -tick))
    assert door.access.who(1) == OPERATOR, "strangers do not crowd out an operator"


def test_pauses_grow_and_end():
    door = Door()
    for turn in range(12):
        assert door.wrong(1) == DENIED
        left = pause_left(door.access._of(1).pause, door.clock)
        assert left == min(32_000, 1000 << turn)
        door.clock.now += left - 1
        assert door.wrong(1) == BUSY
        door.clock.now += 1
    door = fresh()
    assert door.wrong(1) == DENIED
    door.clock.now += 1000
    assert door.answer(door.token())["who"] == OPERATOR
    assert door.access._of(1).pause[1] == 0 and not door.access.unwelcome(1)


def test_a_pause_is_over_when_the_ticks_wrapped():
    door = Door()
    for _ in range(8):
        assert door.wrong(1) == DENIED
        door.clock.now += 40_000
    for later in (Clock.PERIOD // 2 + 1, Clock.PERIOD // 4, Clock.PERIOD):
        door.clock.now += later
        assert door.wrong(1) == DENIED, "six days later nobody is locked out"
        door.clock.now += 40_000


def test_who_is_not_welcome():
    door = Door()
    for turn in range(3):
        assert not door.access.unwelcome(1)
        assert door.wrong(1) == DENIED
        door.clock.now += 40_000 if turn < 2 else 0
        door.access._of(1).since = door.clock.ticks_ms()
    door.clock.now += 300
    assert not door.access.unwelcome(1), "the answer goes out first"
    assert door.wrong(1) == BUSY
    door.clock.now += 1
    assert door.access.unwelcome(1), "three wrong tokens"
    for mode, who, patient in (
        ("token", NOBODY, False),
        ("token", BONDED, False),
        ("token", OPERATOR, True),
        ("paired", NOBODY, False),
        ("paired", BONDED, True),
        ("paired", OPERATOR, True),
    ):
        _, door = guarded(mode, who)
        assert not door.access.unwelcome(1)
        door.clock.now += 60_000
        assert not door.access.unwelcome(1)
        door.clock.now += 1
        assert door.access.unwelcome(1) is not patient, (mode, who)


def test_an_operator_who_falls_silent_is_forgotten_where_no_link_ends():
    door = Door()
    door.let_in(1)
    for _ in range(10):
        door.clock.now += 299_000
        door.access.check(request(True, 1, 1), 1)
        door.access.expire()
    door.clock.now += 300_001
    door.access.expire()
    assert door.access.who(1) == NOBODY


def test_how_a_link_has_to_be_protected():
    for passkey, state, good in (
        ("random", (True, True, 16), True),
        ("random", (True, False, 16), False),
        (123456, (True, False, 16), False),
        (123456, (True, True, 16), True),
        ("none", (True, False, 16), True),
        ("none", (True, True, 7), False),
        ("none", (False, False, 0), False),
        ("random", (False, True, 16), False),
    ):
        door = Door("paired", passkey)
        door.access.secured(1, *state)
        assert door.access.who(1) == (BONDED if good else NOBODY), (passkey, state)
        door.access.secured(1, False, False, 0)
        assert door.access.who(1) == NOBODY
    assert isinstance(door.access, Access)
