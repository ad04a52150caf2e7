"""Flash that cannot be read, or reads wrong: the other slot's faults never stop a boot."""

import pytest
from powercut.cases import Case, device_of, prepare
from powercut.chip import content

CASES = [
    Case(strategy, action, "larger", "w4", "used")
    for strategy in ("swap_offset", "swap_scratch", "golden", "ab")
    for action in ("test", "permanent", "revert", "confirm", "upload", "erase")
]


def other_slot(device, flash):
    """(start, end) of the slot that the next boot does not run, found out on a copy of the flash."""
    running = device.parts(device.flash(content(flash))).bootloader.run().area._offset
    starts = [sum(device.layout.sizes[:n]) * device.layout.sector for n in range(3)]
    other = 1 if running < starts[1] else 0
    return starts[other], starts[other + 1]


@pytest.mark.parametrize("kind", ["fail", "flip"])
@pytest.mark.parametrize("case", CASES, ids="/".join)
def test_an_unreadable_other_slot_does_not_stop_a_boot(case, kind):
    device = device_of(case)
    flash = device.flash(prepare(case))
    flash.faults.append((*other_slot(device, flash), kind))
    boot = device.parts(flash).bootloader.run()
    assert boot.image is not None
    assert device.at(content(flash), boot.area._offset), "an approved image, bit for bit"


@pytest.mark.parametrize("strategy", ["swap_offset", "swap_scratch", "golden", "ab"])
def test_an_image_on_trial_is_confirmed_although_the_other_slot_cannot_be_read(strategy):
    case = Case(strategy, "confirm", "larger", "w4", "used")
    device = device_of(case)
    flash = device.flash(prepare(case))
    bootloader = device.parts(flash).bootloader
    running = bootloader.run().area._offset
    flash.faults.append((*other_slot(device, flash), "fail"))
    again = device.parts(flash).bootloader
    boot = again.run()
    assert boot.area._offset == running and boot.trial is not None
    assert again._strategy.confirm() and not again._strategy.confirm()
