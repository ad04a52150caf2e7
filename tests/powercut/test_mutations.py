"""Each mended weakness, switched off from outside, is found; a small sample for each."""

import pytest
from powercut.campaign import Plan, replay, run_case
from powercut.cases import Case
from powercut.mutations import MUTATIONS

# Each name with a case that needs the mending.
NEEDS = {
    "request_wins": "swap_offset/test/equal/w32/used",
    "torn_copy_done": "swap_offset/test/larger/w32/new",
    "torn_image_ok": "swap_scratch/confirm/equal/w8/used",
    "torn_magic": "swap_offset/pending/equal/w32/new",
    "request_magic_last": "swap_scratch/pending_permanent/equal/w4/new",
    "sizes_in_journal": "swap_offset/test/one/w4/used",
    "revert_note": "swap_offset/revert/smaller/w32/used",
    "mark_any_bit": "swap_scratch/test/full/w16/new",
    "mark_after_copy": "swap_scratch/test/equal/w4/new",
    "magic_last": "swap_offset/test/larger/w4/used",
    "copy_done_last": "swap_offset/revert/equal/w4/used",
    "trial_counted": "golden/test/equal/w8/used",
    "trial_in_swap": "swap_offset/test/equal/w4/used",
    "enc_no_records": "swap_offset/test/larger/w4-enc/used",
    "enc_keys_in_trailer": "swap_scratch/revert/smaller/w4-enc/new",
    "enc_plain_out": "swap_scratch/test/equal/w8-enc/used",
    "enc_in_place": "golden/test/larger/w4-enc/new",
    "enc_patch_in_clear": "swap_offset/upload/equal/w4-enc-delta/new",
    "two_reject_first": "ab/two_revert/equal/w4/new",
    "two_settle": "swap_offset/two_confirm_once/equal/w4/used",
    "two_trial_after_boot": "ab/two_test/equal/w8/used",
    "two_lost_guard": "ab/two_test/equal/w4/used",
    "two_note_after_swap": "swap_offset/two_test/equal/w4/new",
    "two_accept": "ab/two_test/larger/w4/used",
    "two_request_forgotten": "golden/two_test/equal/w4/new",
    "two_note_again": "ab/two_test/equal/w32/used",
}
SAMPLE = Plan(seeds=6, trailer_seeds=30, second=0, third=0, every=1)


def test_every_mutation_has_a_case():
    assert set(NEEDS) == set(MUTATIONS)


@pytest.mark.parametrize("name", NEEDS)
def test_without_it_the_campaign_finds_failures(name):
    case = Case(*NEEDS[name].split("/"))
    sound = run_case(case, SAMPLE)
    assert sound.states > 5 and sound.failed == 0, sound.failures
    found = run_case(case, SAMPLE, name)
    assert found.failed > 0, "nothing found"
    state, problems = found.failures[0]
    assert replay(state, name) == problems
    assert replay(state) == []
