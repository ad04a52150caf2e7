"""`ophion device images`: the picture of the slots, from what a device tells of them."""

import pytest
from ophion.cli.draw import counter_text, slots
from ophion.push.group64 import DeltaBase
from ophion.push.slots import REQUEST, Slot, slots_told, with_sizes
from ophion_boot.fmt import cbor
from smp.image_management import ImageState

OLD, NEW = bytes(32), bytes(range(32))
TOLD = [Slot(0, 0, 520192), Slot(0, 1, 520192)]


def state(slot, version="1.0.0", digest=OLD, **flags):
    return ImageState(slot=slot, version=version, hash=digest, **flags)


def drawn(*states, rooms=()):
    images = [{**item.model_dump(), "hash": item.hash.hex() if item.hash else None} for item in states]
    return slots(images, [vars(room) for room in rooms])


def test_the_image_that_runs_has_a_size_the_other_slot_only_its_room():
    states = [state(0, active=True, confirmed=True), state(1, "1.1.0", NEW, pending=True)]
    rooms = with_sizes(TOLD, states, [DeltaBase(image=0, version="1.0.0", hash=OLD, size=130048)])
    assert rooms == [Slot(0, 0, 520192, 130048), Slot(0, 1, 520192)]
    text = drawn(*states, rooms=rooms)
    assert f"{'#' * 7}{'.' * 21} 130048 of 520192 bytes, 25.0 %" in text
    assert text.splitlines()[-4].startswith("|         takes 520192 bytes ")
    assert text.endswith("runs now:  1.0.0\nnext boot: 1.1.0 on trial")
    assert {len(line) for line in text.splitlines()[:-2]} == {78}


def test_a_copy_in_both_slots_is_the_lower_one_and_the_runtime_has_slots_of_its_own():
    states = [state(0, image=1, active=True), state(1, image=1), state(0, digest=NEW, active=True)]
    told = [*TOLD, Slot(1, 0, 100), Slot(1, 1, 100)]
    rooms = with_sizes(told, states, [DeltaBase(image=1, version="1.0.0", hash=OLD, size=99)])
    assert [(room.image, room.slot, room.used) for room in rooms if room.used] == [(1, 0, 99)]
    assert f"{'#' * 28} 99 of 100 bytes, 99.0 %" in drawn(*states, rooms=rooms).split("+-- runtime")[1]


def test_a_device_that_tells_nothing_has_a_picture_without_sizes():
    text = drawn(state(0, active=True, confirmed=True))
    assert "bytes" not in text and "| slot 1  (empty)" in text and "runs now:  1.0.0" in text
    assert with_sizes([], [state(0)], []) == []
    assert "bytes" not in drawn(state(0), rooms=[Slot(0, 0, None)])


def test_what_waits_in_recovery_is_not_on_trial():
    assert drawn(state(0, pending=True, confirmed=True)).endswith("runs now:  recovery\nnext boot: 1.0.0")
    assert drawn(state(0, pending=True)).endswith("next boot: 1.0.0 on trial")
    assert drawn(state(0)).endswith("runs now:  recovery\nnext boot: recovery")


def test_the_answer_is_read_and_what_a_maker_adds_is_passed_over():
    """Zephyr adds fields of its own, and says `rc` in place of a size that it cannot tell."""
    slots = [{"slot": 0, "size": 7, "upload_image_id": 0}, {"slot": 1, "rc": 1}]
    answer = REQUEST[:8] + cbor.encode({"images": [{"image": 1, "slots": slots, "max_image_size": 7}]})
    assert slots_told(answer) == [Slot(1, 0, 7), Slot(1, 1, None)]


@pytest.mark.parametrize(
    "body",
    [{"rc": 8}, {"err": {"group": 1, "rc": 1}}, {"images": 1}, {"images": [1]}, {"images": [{"slots": 1}]},
     {"images": [{"slots": [{"slot": "0", "size": 1}, {"slot": 0, "size": "1"}, {}]}]}],
)  # fmt: skip
def test_a_refusal_or_nonsense_tells_of_no_slots(body):
    assert slots_told(REQUEST[:8] + cbor.encode(body)) == []
    assert slots_told(REQUEST[:8] + b"\xff") == []


def test_the_cause_of_a_reset_is_said_in_words():
    assert (
        counter_text("boot", "cause", 3) == "3 (watchdog)"
        and counter_text("boot", "cause", 9) == "9 (unknown)"
    )
    assert counter_text("boot", "misses", 3) == counter_text("link", "cause", 3) == "3"
