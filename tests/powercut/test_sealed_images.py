"""The judge of encrypted images is not blind; the images are what the bootloader's own code can read."""

import pytest
from ophion.delta.sealed import is_sealed
from powercut import judge
from powercut.campaign import ACTIONS, QUICK, Run, cases, run_case
from powercut.cases import Case, device_of, sealed_of
from powercut.on_micropython import check, draw
from powercut.sealing import DEVICE_KEYS, blocks

CASE = Case("swap_offset", "test", "larger", "w4-enc", "used")
PATCHED = CASE._replace(action="upload", variant="w4-enc-delta")
STRATEGIES = ("swap_offset", "swap_scratch", "golden")


def story(case=CASE):
    """What the judge sees after a cut that did no harm."""
    run = Run(case)
    state = run.cut(1, "after", 0)
    return judge.Story(run.device, run.settle(state), 1, False, state.flash)


def with_bytes(state, at, data):
    return state[:at] + data + state[at + len(data) :]


def test_what_is_run():
    found = [case for case in cases(quick=False) if case.variant.endswith("-enc")]
    assert {case.strategy for case in found} == set(STRATEGIES)
    assert {case.action for case in found} == {"upload", "test", "revert", "confirm"} < set(ACTIONS)
    assert {case.variant for case in found} == {f"w{width}-enc" for width in (1, 4, 8, 16, 32)}
    assert {(case.pair, case.history) for case in found} >= {("one", "new"), ("full", "used")}
    quick = [case for case in cases(quick=True) if case.variant.endswith("-enc")]
    assert len(quick) == 24 and {case.strategy for case in quick} == set(STRATEGIES)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_sample_finds_nothing_and_boots_the_same_on_micropython(strategy):
    result = run_case(CASE._replace(strategy=strategy), QUICK, draw=4)
    assert result.failed == 0 and result.states > 100, result.failures
    assert check(draw([result], 4)) == (4, [])


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_sealed_patch_is_sent_and_leaves_no_plaintext_after_any_cut(strategy):
    case = PATCHED._replace(strategy=strategy)
    device = device_of(case)
    new = device.images["new"]
    (patch,) = device.patches.values()
    assert is_sealed(patch) and len(patch) * 2 < len(new) and sealed_of(case.pair, 512)["new"].stored != new
    result = run_case(case, QUICK, draw=4)
    assert result.failed == 0 and result.states > 30, result.failures
    assert check(draw([result], 4)) == (4, [])


def test_cases_with_sealed_patches():
    found = [case for case in cases(quick=False) if case.variant.endswith("-enc-delta")]
    assert {case.strategy for case in found} == set(STRATEGIES)
    assert {case.action for case in found} == {"upload", "test"} and len(found) == 60
    quick = [case for case in cases(quick=True) if case.variant.endswith("-enc-delta")]
    assert len(quick) == 12


def test_the_images_are_read_by_the_bootloaders_own_verifier():
    device = device_of(CASE)
    device.real = True
    flash = device.flash(b"\xff" * device.layout.size)
    device.upload(device.strategy(flash), device.images["new"])
    verifier = device.parts(flash).bootloader._verifier
    area = device.strategy(flash).staged()
    assert verifier.verify(area, len(device.images["new"])).version == "2.0.0"


def test_what_runs_is_the_plaintext_and_what_is_kept_the_ciphertext():
    device = device_of(CASE)
    assert set(device.images) == {"old", "new", "past", "gold"}
    for name, image in sealed_of(CASE.pair, device.layout.sector).items():
        assert device.images[name] == image.stored != image.running == device.running[name]
        assert not blocks(image.stored) & image.plain
        assert device.at(image.running, 0) == name and device.at(image.stored, 0) == ""
        assert device.stored_at(image.stored, 0) == name and device.stored_at(image.running, 0) == ""
    assert device.images["past"] == device.running["past"], "updates from a plain image to an encrypted one"


def test_a_story_without_harm_has_no_problem():
    for strategy in STRATEGIES:
        assert judge.problems("test", story(CASE._replace(strategy=strategy))) == []


def test_a_block_of_plaintext_outside_the_primary_slot_is_seen():
    sound = story()
    device = sound.device
    sector = device.layout.sector
    block = sealed_of(CASE.pair, sector)["old"].running[48:64]
    outside = device.layout.sizes[0] * sector
    assert block in sound.flash[:outside] and block not in sound.flash[outside:]
    for at in (outside, outside + sector + 16, len(sound.flash) - 16):
        flash = with_bytes(sound.flash, at, block)
        assert judge.problems("test", sound._replace(flash=flash)) == [
            "at the cut: plaintext lies outside the primary slot"
        ]
        last = sound.boots[-1]
        boots = [*sound.boots[:-1], last._replace(state=with_bytes(last.state, at, block))]
        told = judge.problems("test", sound._replace(boots=boots))
        assert f"boot {len(boots)}: plaintext lies outside the primary slot" in told


def test_every_key_is_seen_wherever_it_lies():
    sound = story()
    keys = {key for image in sealed_of(CASE.pair, 512).values() for key in image.secrets}
    assert len(keys) == 3 * 3 + 1 and DEVICE_KEYS[0][2] in keys
    for number, key in enumerate(sorted(keys)):
        flash = with_bytes(sound.flash, 701 * number + 3, key)
        assert judge.problems("test", sound._replace(flash=flash)) == ["at the cut: a key lies in flash"]


def test_an_image_that_is_decrypted_wrongly_is_none():
    sound = story()
    device = sound.device
    state = sound.boots[-1].state
    assert device.at(state, 0) == "old"
    assert device.at(with_bytes(state, 200, bytes((state[200] ^ 1,))), 0) == ""
