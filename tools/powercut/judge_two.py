"""What has to hold with two components: only whole releases run, and what is left behind is whole too.

What runs is a pair: the application that lies where the device jumps to, and the runtime that lies in
the partition that ESP-IDF started. Nothing of the bootloader is used; otadata is read here anew.
"""

import struct
import zlib

from powercut.chip import ENDLESS
from powercut.judge import BACK, Story, settled

_OLD, _NEW = ("old", "old"), ("new", "new")
_ALONE = ("old", "new")
_GONE_BACK = (BACK, "old")
_STATES = (0, 1, 2, 3, 4)  # of esp_ota_img_states_t: new, pending verify, valid, invalid, aborted
_REJECTED = (3, 4)
_RECORD = "<I20sII"
_RECORD_BYTES = 32

# What may run at all, by action.
_ALLOWED = {
    "two_test": (_OLD, _GONE_BACK, _NEW),
    "two_permanent": (_OLD, _GONE_BACK, _NEW),
    "two_revert": (_OLD, _GONE_BACK),
    "two_confirm": (_OLD, _GONE_BACK, _NEW),
    "two_confirm_once": (_OLD, _GONE_BACK, _NEW),
    "two_dead": (_OLD, _GONE_BACK),
    "two_refused": (_OLD,),
    "two_alone": (_OLD, _ALONE),
}
# Nobody confirms: each boot of the new runtime is one on trial.
_TRIED = ("two_test", "two_revert", "two_dead", "two_alone")


def problems(action: str, story: Story) -> list[str]:
    """Every rule of `action` that the story breaks, in words."""
    boots = story.boots if not excluded(action, story) else _before_the_end(story)
    found = [text for number, seen in enumerate(boots, 1) for text in _boot(action, story, number, seen)]
    if found or len(boots) < len(story.boots):
        return found
    if not settled(boots):
        found.append("does not come to rest: " + ", ".join(f"{_pair(seen)}" for seen in boots))
    found += _bounded(action, story)
    return found or [text for rule in RULES[action] for text in rule(story)]


def excluded(action: str, story: Story) -> str:
    """Why nobody can be asked to get the device out of this state, or "".

    A record of otadata that was torn in its state names the new runtime: sequence and CRC are whole, so
    ESP-IDF boots it, and without a state of pending it never goes back by itself (esp_ota_ops.c, and
    bootloader_utility.c: only PENDING_VERIFY becomes ABORTED). A runtime that is dead does not notice.
    """
    if action != "two_dead" or not story.boots or story.boots[-1].problem != ENDLESS:
        return ""
    state, layout = story.boots[-1].state, story.device.layout
    found = _chosen(state, layout)
    if found is None or found[1] in _STATES:
        return ""
    if story.device.runtime_at(state, layout.apps[(found[0] - 1) % 2]) != story.device.dead:
        return ""
    return f"otadata names the dead runtime in state {found[1]:#x}, which ESP-IDF never takes back"


def _before_the_end(story: Story) -> list:
    return [seen for seen in story.boots if seen.problem != ENDLESS]


def _chosen(state: bytes, layout) -> tuple[int, int] | None:
    """(sequence, state) of the record of otadata that ESP-IDF goes by."""
    found = []
    for number in range(2):
        at = layout.otadata + number * layout.sector
        sequence, _, state_of, crc = struct.unpack(_RECORD, state[at : at + _RECORD_BYTES])
        whole = crc == zlib.crc32(struct.pack("<I", sequence), 0xFFFFFFFF) and sequence != 0xFFFFFFFF
        if whole and state_of not in _REJECTED:
            found.append((sequence, state_of))
    return max(found, default=None)


def _pair(seen) -> tuple[str, str]:
    return seen.runs, seen.runtime


def _named(pair: tuple[str, str], story: Story) -> tuple[str, str]:
    return (story.device.layout.target.back if pair[0] == BACK else pair[0], pair[1])


def _boot(action: str, story: Story, number: int, seen) -> list[str]:
    """One boot runs a pair that belongs together; on trial, both images of the old release are whole."""
    if not seen.runs or not seen.runtime:
        return [f"boot {number}: nothing approved runs ({seen.problem})"]
    if _pair(seen) not in [_named(pair, story) for pair in _ALLOWED[action]]:
        return [f"boot {number}: {seen.runs} runs in runtime {seen.runtime}"]
    device, layout, back = story.device, story.device.layout, story.device.layout.target.back
    if back == "gold" and not seen.state.startswith(device.images["gold"], layout.third_at()):
        return [f"boot {number}: the factory image is not whole"]
    if not (seen.trial or (action in _TRIED and seen.runtime == "new")):
        return []
    found = []
    if action != "two_alone" and not device.holds(seen.state, back, seen.place):
        found.append(f"boot {number}: the application to go back to is lost")
    if not any(device.runtime_at(seen.state, at) == "old" for at in layout.apps):
        found.append(f"boot {number}: the runtime to go back to is lost")
    return found


def _bounded(action: str, story: Story) -> list[str]:
    """The new runtime has its trials and no more."""
    if action == "two_dead":
        tried = sum(seen.starts.count("new") for seen in story.boots)
    else:
        tried = sum(1 for seen in story.boots if seen.runtime == "new" and (seen.trial or action in _TRIED))
    if tried > story.device.trials:
        return [f"{tried} boots on trial, {story.device.trials} allowed"]
    return []


def _ends_with(*pairs: tuple[str, str]):
    def rule(story: Story) -> list[str]:
        wanted = [_named(pair, story) for pair in pairs]
        last = _pair(story.boots[-1])
        return [] if last in wanted else [f"ends with {last}, not {wanted}"]

    return rule


def _app_kept(story: Story) -> list[str]:
    """The application that was tried is still in flash."""
    found = story.device.holds(story.boots[-1].state, "new")
    return [] if found else ["the application is not in flash any more"]


def _runtime_kept(story: Story) -> list[str]:
    """So is the runtime, at the first byte of a partition."""
    device, state = story.device, story.boots[-1].state
    found = any(device.runtime_at(state, at) == "new" for at in device.layout.apps)
    return [] if found else ["the runtime is not in flash any more"]


def _tried(story: Story) -> list[str]:
    """The release had its boots; each cut may have cost one."""
    runs = sum(1 for seen in story.boots if seen.runtime == "new")
    if runs + story.cuts < story.device.trials:
        return [f"the release ran {runs} times of {story.device.trials}, with {story.cuts} cuts"]
    return []


def _possible(app: str, runtime: str):
    """The release runs, or asking for it (again) makes it run."""

    def rule(story: Story) -> list[str]:
        last = story.boots[-1]
        if last.runtime == runtime:
            return []
        answer = story.device.ask(last, app, runtime)
        return [answer] if answer else []

    return rule


def _stays(story: Story) -> list[str]:
    """A release for good stays, unless cuts cost all of its boots."""
    return [] if _pair(story.boots[-1]) == _NEW else _tried(story)


def _confirmed(story: Story) -> list[str]:
    """The application confirms in each boot on trial: with one boot left, or all written, it stays."""
    boots_left = story.device.trials - 1 - (story.cuts - 1)
    if boots_left > 0 or story.complete:
        return _ends_with(_NEW)(story)
    return []


def _confirmed_when_complete(story: Story) -> list[str]:
    return _ends_with(_NEW)(story) if story.complete else []


def _never_started(name: str):
    def rule(story: Story) -> list[str]:
        return [f"{name} was started"] if any(name in seen.starts for seen in story.boots) else []

    return rule


_BACK = _ends_with(_GONE_BACK)
_AGAIN = _possible("new", "new")
RULES = {
    "two_test": [_BACK, _tried, _app_kept, _runtime_kept, _AGAIN],
    "two_permanent": [_stays, _AGAIN],
    "two_revert": [_BACK, _app_kept, _runtime_kept, _AGAIN],
    "two_confirm": [_confirmed, _AGAIN],
    "two_confirm_once": [_confirmed_when_complete, _AGAIN],
    # It would not start again either: another release has to be possible.
    "two_dead": [_BACK, _app_kept, _runtime_kept, _possible("past", "past")],
    "two_refused": [_ends_with(_OLD), _never_started("new"), _never_started("bad"), _AGAIN],
    "two_alone": [_ends_with(_OLD), _tried, _runtime_kept, _possible("", "new")],
}
