"""Cases with two components: a runtime beside the application, one release of both (or of the runtime alone).

The runtimes are `old`, `new` and `past`, as the applications are; `bad` is what needs a release that does
not exist. ESP-IDF's writes to otadata are operations of the action like all others.
"""

import functools

from powercut.cases import HISTORIES, PAIRS, Case, factory, flash_image, is_real, layout_of, must, sizes_of
from powercut.chip import confirm, content
from powercut.device import Device
from powercut.images import KEYS, payload, runtime, signed
from powercut.targets import RUNTIME_SECTORS

PREFIX = "two_"
# By the application, in each boot on trial; or by an operator, and when power fails nobody does it again.
CONFIRM = ("two_confirm", "two_confirm_once")
_APP, _RUNTIME = 0, 1
_NEW = 2
_NOWHERE = 9
# In these pairs application and runtime need each other; in the others each would run with any.
_NEEDY = ("smaller", "full")
# In this pair the first record of otadata was torn when the factory's device started: a sequence, no CRC.
_TORN_OTADATA = "one"
_TORN_RECORD = b"\x01\x00\x00\x00"


def is_two(action: str) -> bool:
    """The action is one with two components."""
    return action.startswith(PREFIX)


def device_of(case: Case, kinds=None) -> Device:
    """The device of a case; `kinds` (chip.Kinds) may have mutants."""
    layout = layout_of(case, two=True)
    apps, runtimes = images_of(case.action, case.pair, layout.sector)
    dead = "new" if case.action == "two_dead" else ""
    return Device(layout, apps, runtimes, HISTORIES[case.history], KEYS, is_real(case), dead, kinds)


@functools.cache
def images_of(action: str, pair: str, sector: int) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """(applications, runtimes) of a case."""
    needy = pair in _NEEDY and action != "two_alone"
    apps = {}
    for number, (name, size) in enumerate(sizes_of(pair, sector).items(), 1):
        apps[name] = signed(number, size, (_RUNTIME, _NEW) if needy and name == "new" else ())
    runtimes = {}
    for number, (name, size) in enumerate(_runtime_sizes(pair, sector).items(), 1):
        runtimes[name] = runtime(number, size, (_APP, _NEW) if needy and name == "new" else ())
    if action == "two_refused":
        apps["bad"] = signed(5, 2 * sector, (_RUNTIME, _NOWHERE))
        runtimes["bad"] = runtime(5, 2 * sector, (_APP, _NOWHERE))
    return apps, runtimes


def _runtime_sizes(pair: str, sector: int) -> dict[str, int]:
    old, new = (min(sectors, RUNTIME_SECTORS) for sectors in PAIRS[pair])
    sizes = {"old": old * sector - 64, "new": new * sector - 160, "past": 2 * sector - 32}
    if pair == "full":
        sizes["new"] = new * sector
    return sizes


def request_of(case: Case) -> tuple[str, str]:
    """(application, runtime) that the case asks for, "" for none."""
    if case.action == "two_refused":
        return ("bad", "new") if case.pair in _NEEDY else ("new", "bad")
    return ("" if case.action == "two_alone" else "new", "new")


def prepare(case: Case) -> bytes:
    """Flash at the moment when the action begins, made by the bootloader as it is (no mutant)."""
    device = device_of(case._replace(variant=case.variant.removesuffix("-real")))
    flash = device.flash(_first_release(case, device))
    device.request(device.parts_at_rest(flash), *request_of(case), permanent=case.action == "two_permanent")
    state = content(flash)
    for _ in range(_boots_before(case.action, device.trials)):
        seen = device.boot(state)
        must((seen.runs, seen.runtime, seen.trial) == ("new", "new", True), case, seen)
        state = seen.state
    return state


def _boots_before(action: str, trials: int) -> int:
    if action in CONFIRM:
        return 1
    return trials if action == "two_revert" else 0


def _first_release(case: Case, device: Device) -> bytes:
    """A device at rest with the old release: from the factory, or by an update of both."""
    used = case.history == "used"
    first = "past" if used else "old"
    flash = factory(device, first)
    flash_image(flash, device.layout.apps[0], payload(device.runtimes[first]))
    if case.pair == _TORN_OTADATA:
        flash_image(flash, device.layout.otadata, _TORN_RECORD)
    seen = device.boot(content(flash))
    must((seen.runs, seen.runtime) == (first, first), case, seen)
    if not used:
        return seen.state
    flash = device.flash(seen.state)
    device.request(device.parts_at_rest(flash), "old", "old")
    seen = device.boot(content(flash), confirms=True)
    must((seen.runs, seen.runtime) == ("old", "old"), case, seen)
    return device.boot(seen.state).state


def act(case: Case, device: Device, flash) -> None:
    """The action that is cut, on `flash`."""
    if case.action not in CONFIRM:
        device.run(flash)
        return
    # In the boot that runs already: the next power-on would be the old runtime's.
    idf = device.idf(flash)
    state = content(flash)
    idf.running = next(row for row in idf.apps if device.runtime_at(state, row.offset) == "new")
    confirm(device.parts(flash, idf, "new"))
