"""What has to hold after a cut, whatever was cut: rules over flash as it is seen from outside.

Nothing of the bootloader is used here: a `Seen` says which approved image lies, bit for bit, where the
device jumps to, and flash is searched for the others.
"""

from collections import namedtuple

Story = namedtuple("Story", "device boots cuts complete flash", defaults=(b"",))
"""What happened: the completed boots after the cut, how many cuts there were, whether the action had
written everything when power failed, and what the (last) cut left in flash."""

MORE_BOOTS = 5
BACK = "back"


def problems(action: str, story: Story) -> list[str]:
    """Every rule of `action` that the story breaks, in words."""
    found = _always(story, way_back=action != "repair")
    return found or [text for rule in RULES[action] for text in rule(story)]


def excluded(action: str, story: Story) -> str:
    """Why no way out is asked for: never, with one component."""
    return ""


def _always(story: Story, way_back: bool) -> list[str]:
    """Each boot runs an approved image; a trial has a way back and ends; the device comes to rest.

    A repair has no way back: the image that ran was destroyed before it began."""
    device, back = story.device, story.device.layout.target.back
    found = _secrecy(story)
    for number, seen in enumerate(story.boots, 1):
        if not seen.runs:
            return [f"boot {number}: nothing approved runs ({seen.problem})"]
        if back == "gold" and not seen.state.startswith(device.images["gold"], device.layout.third_at()):
            found.append(f"boot {number}: the factory image is not whole")
        if way_back and seen.trial and not device.holds(seen.state, back, seen.place):
            found.append(f"boot {number}: {seen.runs} is on trial and the way back is lost")
    tried = sum(1 for seen in story.boots if seen.trial)
    if tried > device.trials:
        found.append(f"{tried} boots on trial, {device.trials} allowed")
    if not settled(story.boots):
        found.append("does not come to rest: " + ", ".join(seen.runs for seen in story.boots))
    return found


def _secrecy(story: Story) -> list[str]:
    """Of encrypted images: after the cut and after each boot, nothing lies in flash that must not."""
    states = [story.flash, *(seen.state for seen in story.boots)]
    leaks = [(number, story.device.leak(state)) for number, state in enumerate(states)]
    return [f"boot {number}: {text}" if number else f"at the cut: {text}" for number, text in leaks if text]


def settled(boots: list) -> bool:
    """The last two boots ran the same image and flash did not change."""
    return len(boots) > 1 and boots[-1].state == boots[-2].state and boots[-1].runs == boots[-2].runs


def _ends_with(*wanted: str):
    """The last boot runs one of these images; BACK is the one that this strategy goes back to."""

    def rule(story: Story) -> list[str]:
        names = [story.device.layout.target.back if name == BACK else name for name in wanted]
        last = story.boots[-1].runs
        return [] if last in names else [f"ends with {last}, not {' or '.join(names)}"]

    return rule


def _never_runs(name: str):
    def rule(story: Story) -> list[str]:
        return [f"{name} runs"] if any(seen.runs == name for seen in story.boots) else []

    return rule


def _possible(story: Story) -> list[str]:
    """The update runs, or asking for it again makes it run."""
    if story.boots[-1].runs == "new":
        return []
    answer = story.device.ask(story.boots[-1], "new")
    return [answer] if answer else []


def _kept(story: Story) -> list[str]:
    """The update is still in flash."""
    last = story.boots[-1]
    return [] if story.device.holds(last.state, "new") else ["the update is not in flash any more"]


def _tried(story: Story) -> list[str]:
    """The update had its boots; each cut may have cost one."""
    runs = sum(1 for seen in story.boots if seen.runs == "new")
    if runs + story.cuts < story.device.trials:
        return [f"the update ran {runs} times of {story.device.trials}, with {story.cuts} cuts"]
    return []


def _stays_or_was_tried(story: Story) -> list[str]:
    """A permanent update stays. A torn request may have made it an update on trial (DESIGN.md, Limits)."""
    if story.boots[-1].runs == "new":
        return []
    return _tried(story) + _kept(story)


def _when_complete(rule):
    return lambda story: rule(story) if story.complete else []


def _confirmed(story: Story) -> list[str]:
    """The application confirms in each boot on trial: with one boot left, the update stays."""
    boots_left = story.device.trials - 1 - (story.cuts - 1)
    if boots_left > 0 or story.complete:
        return _ends_with("new")(story)
    return _ends_with(BACK, "new")(story)


def _stays_permanent(story: Story) -> list[str]:
    """A cut while a permanent update is asked for does not make an update on trial of it."""
    if story.cuts == 1 and any(seen.trial for seen in story.boots):
        return ["the permanent update is on trial"]
    return []


_APPROVED = _ends_with("old", BACK, "new")
_NOT_NEW = _ends_with("old", BACK)
RULES = {
    "test": [_ends_with(BACK), _tried, _kept, _possible],
    "permanent": [_APPROVED, _stays_or_was_tried, _possible],
    "revert": [_never_runs("new"), _ends_with(BACK), _kept, _possible],
    "confirm": [_confirmed, _possible],
    "pending": [_NOT_NEW, _when_complete(_tried), _kept, _possible],
    "pending_permanent": [_APPROVED, _stays_permanent, _when_complete(_stays_or_was_tried), _kept, _possible],
    "upload": [_never_runs("new"), _ends_with("old"), _possible],
    "erase": [_NOT_NEW, _when_complete(_never_runs("new")), _possible],
    "repair": [_ends_with("new", "past", "gold"), _possible],
}
