"""The sanity flag: the table, row by row, and that no loss of what is remembered ever closes a device."""

import random

from ophion_boot.core import bootmode, health
from ophion_boot.core.bootmode import Cell
from ophion_boot.core.health import BACK, COUNT, MISS, RECOVERS, RUN, SERVE, STAY, WELL
from ophion_boot.core.recovery import led
from ophion_boot.core.sanity import (
    DEEP_SLEEP,
    FAILED_MAX,
    HARD,
    POWER_ON,
    SOFT,
    WATCHDOG,
    Memory,
    Sanity,
)
from rig_sanity import OTHER, OURS, POLICY, Chip, Clock
from support import without_heap

UNKNOWN = 0
CAUSES = (UNKNOWN, POWER_ON, HARD, WATCHDOG, DEEP_SLEEP, SOFT)

ACTIONS = {health.RUN, health.WELL, health.COUNT, health.SERVE, health.MISS, health.BACK, health.STAY}


def action_of(*args, **options):
    return args[0].boot(*args[1:], **options)[0]


def test_every_row_is_met_and_every_set_of_facts_has_one():
    met = set()
    yes_no = (True, False)
    for ended in (health.LEFT, health.WARM, health.RESET, health.FAULT):
        for number in range(64):
            wish, button, trial, flag, left, way = [yes_no[number >> bit & 1] for bit in range(6)]
            action, row = health.decide((wish, button, ended, trial, flag, left, way))
            met.add(row)
            if wish or button:
                assert action == SERVE
            elif not flag and not trial and ended in (health.RESET, health.FAULT):
                assert action == (MISS if left else BACK if way else STAY)
            else:
                assert action != STAY, "an application that could be reached is never given up"
    assert met == {row[0] for row in health.TABLE}
    assert {row[8] for row in health.TABLE} == ACTIONS


def test_the_flag_is_read_once():
    chip = Chip()
    assert action_of(chip, POWER_ON) == RUN
    assert chip.reached()
    assert action_of(chip, HARD) == WELL
    assert action_of(chip, HARD) == MISS, "it was cleared"
    assert chip.sanity.misses == 1


def test_what_was_left_is_cleared_before_anything_is_judged():
    for keeps in (True, False):
        chip = Chip(keeps)
        memory = Memory(chip.rtc_memory, chip, chip.trim)
        memory.leave(Cell(bootmode.APP, True, 0, 0, OURS[:4]))
        assert memory.take().flag
        assert memory.take() is None, "a boot that ends here has not been well"


def test_an_application_that_is_never_reachable_goes_back_and_the_next_one_to_recovery():
    for cause in (HARD, WATCHDOG):
        chip = Chip()
        assert action_of(chip, POWER_ON) == RUN
        seen = []
        for _ in range(2):
            seen.append(action_of(chip, cause))
            assert action_of(chip, HARD) == RUN, "what ends a recovery says nothing"
        seen.append(action_of(chip, cause))
        assert seen == [MISS, MISS, BACK]
        assert chip.sanity.failed(OURS) and not chip.sanity.failed(OTHER)
        for expected in (MISS, RUN, MISS, RUN, STAY, RUN, STAY):
            way = not chip.sanity.failed(OURS)
            assert action_of(chip, cause, digest=OTHER, way=way) == expected
        assert chip.sanity.failed(OURS), "it is no way back as long as nobody installs it again"


def test_a_reachable_application_that_fails_goes_back_but_is_not_given_up():
    for way in (True, False):
        chip = Chip()
        chip.boot(POWER_ON)
        seen = []
        for _ in range(4):
            chip.reached()
            seen.append(action_of(chip, WATCHDOG, way=way))
            if seen[-1] == BACK:
                break
            if seen[-1] in RECOVERS:
                assert action_of(chip, HARD) == RUN
        assert seen == ([COUNT, COUNT, BACK] if way else [COUNT, COUNT, SERVE, SERVE])


def test_a_crash_is_a_fault_and_a_good_reset_ends_the_row():
    chip = Chip()
    chip.boot(POWER_ON)
    for expected in (COUNT, COUNT, WELL, COUNT, COUNT):
        chip.reached()
        if expected == COUNT:
            chip.sanity.announce(bootmode.CRASHED)
        assert action_of(chip, HARD) == expected


def test_what_says_nothing_about_the_application():
    chip = Chip()
    for cause in CAUSES:
        chip.boot(POWER_ON)
        chip.sanity.announce(bootmode.ASKED)
        assert action_of(chip, cause) == RUN, cause
        chip.boot(POWER_ON)
        assert action_of(chip, cause, digest=OTHER) == RUN, "another image ran"
        chip.boot(POWER_ON)
        assert action_of(chip, cause, trial=True) == RUN
    chip.boot(POWER_ON)
    chip.rtc_memory(b"")
    assert action_of(chip, UNKNOWN) == RUN, "as when power comes"
    chip.rtc_memory(b"")
    assert action_of(chip, HARD) == MISS, "the application must not write to RTC memory"


def test_recovery_on_request_and_by_button():
    chip = Chip()
    chip.boot(POWER_ON)
    chip.sanity.announce(bootmode.RECOVERY)
    assert action_of(chip, HARD) == SERVE
    assert action_of(chip, HARD) == RUN
    assert action_of(chip, POWER_ON, button=True) == SERVE
    assert action_of(chip, HARD, button=True) == RUN, "a stuck button does not bar the application"
    assert action_of(chip, WATCHDOG, button=True) == SERVE
    assert chip.stores == 0, "no miss was counted"


def test_warm_starts_keep_the_flag_and_are_counted():
    for cause in (SOFT, DEEP_SLEEP):
        chip = Chip()
        chip.boot(POWER_ON)
        assert [action_of(chip, cause) for _ in range(5)] == [RUN] * 4 + [MISS]
        chip = Chip()
        chip.boot(POWER_ON)
        chip.reached()
        assert [action_of(chip, cause) for _ in range(6)] == [RUN] * 4 + [WELL, RUN]
        assert [action_of(chip, cause) for _ in range(4)] == [RUN] * 3 + [MISS], "the flag was read"


def test_when_the_flag_is_set_and_when_it_goes_stale():
    chip = Chip()
    chip.boot(POWER_ON)
    assert not chip.sanity.report(True)
    chip.clock.now += 9_000
    assert not chip.sanity.report(True)
    chip.sanity.report(False)
    chip.clock.now += 5_000
    assert not chip.sanity.report(True), "the time begins anew"
    chip.clock.now += 10_000
    assert chip.sanity.report(True) and not chip.sanity.report(True), "told once"
    chip.clock.now += 60_000
    assert not chip.sanity.due()
    assert bootmode.parse(chip.rtc).flag
    chip.clock.now += 1
    chip.sanity.due()
    assert not bootmode.parse(chip.rtc).flag
    assert not chip.sanity.report(True), "it has to hold again"
    chip.clock.now += 10_000
    assert chip.sanity.report(True)
    chip.clock.now += 60_001
    chip.sanity.due()
    assert chip.sanity.report(True, True), "a central was there"
    assert action_of(chip, HARD) == WELL


def test_the_periodic_reset_comes_and_can_be_put_off_a_little():
    chip = Chip()
    chip.boot(POWER_ON)
    chip.sanity.start(50)
    chip.clock.now += 1_050_000 - 1
    assert not chip.sanity.due()
    assert chip.sanity.postpone(30) == 30 and chip.sanity.postpone(-5) == 0
    chip.clock.now += 1
    assert not chip.sanity.due()
    chip.sanity.busy()
    assert chip.sanity.postpone(1000) == 10, "30 and 60 of 100 were given"
    chip.clock.now += 99_999
    assert not chip.sanity.due()
    chip.clock.now += 1
    assert chip.sanity.due() and chip.sanity.postpone(10) == 0 and chip.sanity.due()


def test_a_full_heap_does_not_keep_the_periodic_reset_from_coming():
    chip = Chip()
    chip.boot(POWER_ON)
    due = chip.sanity.due
    assert without_heap(due) is False
    chip.clock.now += 1_000_000
    assert without_heap(due) is True


def test_without_a_period_there_is_no_reset_and_nobody_asks_for_the_flag():
    chip = Chip(period_s=0)
    assert action_of(chip, POWER_ON) == RUN
    chip.clock.now += 10_000_000
    assert not chip.sanity.due() and chip.sanity.postpone(5) == 0
    chip.sanity.busy()
    assert action_of(chip, HARD) == WELL
    assert [action_of(chip, WATCHDOG) for _ in range(3)] == [COUNT, COUNT, BACK]


def test_flash_is_written_only_when_the_misses_change():
    chip = Chip()
    chip.boot(POWER_ON)
    for _ in range(50):
        chip.reached()
        assert action_of(chip, HARD) == WELL
    assert chip.stores == 0
    chip.boot(HARD)
    assert chip.stores == 1
    chip.boot(HARD)
    chip.reached()
    assert action_of(chip, HARD) == WELL and chip.stores == 2
    chip.boot(HARD, OTHER)
    assert chip.stores == 2


def test_the_misses_survive_each_memory_alone():
    for lost in ("rtc", "cells"):
        chip = Chip()
        chip.boot(POWER_ON)
        assert action_of(chip, HARD) == MISS
        chip.boot(HARD)
        if lost == "rtc":
            chip.rtc_memory(b"garbage")
        else:
            chip.cells.store("health", b"garbage")
        assert action_of(chip, HARD) == MISS and chip.sanity.misses == 2, lost


def test_where_rtc_memory_keeps_nothing_the_cells_do():
    chip = Chip(keeps=False)
    assert action_of(chip, POWER_ON) == RUN and chip.stores == 0
    chip.reached()
    assert chip.stores == 1
    assert action_of(chip, HARD) == WELL
    assert action_of(chip, HARD) == MISS
    assert action_of(chip, HARD) == RUN, "recovery ended"
    chip.sanity.announce(bootmode.RECOVERY)
    assert action_of(chip, HARD) == SERVE


def test_cells_that_are_full_or_broken_stop_nothing():
    class Full:
        def __init__(self, error):
            self.error = error
            self.trims = 0

        def rtc(self, data=None):
            return b""

        def load(self, name):
            if isinstance(self.error, OSError):
                raise self.error
            return

        def store(self, name, data):
            raise self.error

        def trim(self):
            self.trims += 1

    for error in (ValueError("full"), OSError(5)):
        full = Full(error)
        sanity = Sanity(Memory(full.rtc, full, full.trim), POLICY, Clock())
        sanity.read(HARD, False)
        assert sanity.judge(OURS, False)[0] == MISS
        sanity.arm(OURS, True)
        assert (full.trims > 0) == isinstance(error, ValueError)


def test_the_images_gone_back_from():
    chip = Chip()
    chip.boot(POWER_ON)
    digests = [bytes((n,)) * 32 for n in range(1, 8)]
    for digest in digests:
        chip.sanity.give_up(digest)
    assert [chip.sanity.failed(digest) for digest in digests] == [False] * 3 + [True] * FAILED_MAX
    chip.boot(POWER_ON, digests[5])
    assert not chip.sanity.failed(digests[5]) and chip.sanity.failed(digests[6]), "installed again"


def garbage(source, good):
    """Something that may lie in a memory: nothing, noise, a part, a flipped bit, something older."""
    kind = source.randrange(5)
    if kind == 0 or not good:
        return b""
    if kind == 1:
        return bytes([source.randrange(256) for _ in range(source.randrange(40))])
    if kind == 2:
        return good[: source.randrange(len(good))]
    bad = bytearray(good)
    bad[source.randrange(len(bad))] ^= 1 << source.randrange(8)
    return bytes(bad)


def test_whatever_is_lost_an_unreachable_application_never_runs_for_good():
    """Any garbage at any boot: of an application that never sets the flag, recovery comes at the latest
    after as many starts as warm ones are allowed, and the judgement never raises."""
    numbers = random
    numbers.seed(5)
    served = 0
    for _ in range(60):
        chip = Chip(keeps=numbers.randrange(4) > 0)
        chip.boot(POWER_ON)
        runs = 0
        for _ in range(40):
            # A reset that was asked for is one by a person or by recovery: not of this application's making.
            cell = bootmode.parse(chip.rtc) or bootmode.parse(chip.cells.load("boot"))
            recovery = cell is not None and cell.mode == bootmode.ASKED
            if numbers.randrange(2) and not recovery:
                chip.rtc = garbage(numbers, chip.rtc)
            if numbers.randrange(2):
                chip.cells.store("health", garbage(numbers, chip.cells.load("health")))
            if numbers.randrange(3) == 0 and not recovery:
                chip.cells.store("boot", garbage(numbers, chip.cells.load("boot")))
            cause = (HARD, WATCHDOG, SOFT, DEEP_SLEEP)[numbers.randrange(4)]
            action = action_of(chip, cause, way=numbers.randrange(2) == 0)
            if action in RECOVERS or action == BACK:
                runs = 0
                served += action in RECOVERS
            else:
                assert action == RUN
                runs += 1
                assert runs <= 1 + POLICY["warm_starts"]
    assert served > 500


def test_every_cell_at_every_cause_is_answered():
    """All causes, modes, flags, counts, tags and both memories there or not: decided, and armed anew."""
    seen = set()
    for cause in CAUSES:
        for mode in (bootmode.APP, bootmode.RECOVERY, bootmode.ASKED, bootmode.CRASHED):
            for flag in (False, True):
                for warm in (0, 3, 4, 255):
                    for misses in (0, 1, 2, 3, 255):
                        for tag in (OURS[:4], OTHER[:4], bootmode.NOBODY):
                            chip = Chip()
                            chip.rtc = Cell(mode, flag, warm, misses, tag).pack()
                            way = misses % 2 == 0
                            action = action_of(chip, cause, way=way)
                            seen.add(action)
                            after = bootmode.parse(chip.rtc)
                            assert (after.mode == bootmode.ASKED) == (action in RECOVERS)
                            if mode == bootmode.RECOVERY:
                                assert action == SERVE
                            elif action not in RECOVERS and cause in (HARD, WATCHDOG):
                                assert not after.flag, "read and cleared"
    assert seen == ACTIONS


def test_what_the_led_shows():
    waiting = [led(ms, False) for ms in range(0, 1000, 100)]
    assert waiting == [True, False, True] + [False] * 7
    assert [led(ms, True) for ms in range(2000, 3000, 250)] == [True, True, False, False]
