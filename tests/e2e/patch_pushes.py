"""Pushes that send patches: their events, and uploads of patches that are interrupted."""

from contextlib import aclosing

from ophion.push import Chosen, Patched, PushOptions, Uploaded, push
from pushing import NAME
from test_interrupted import Attempts


async def pushed(image, device=NAME, **options):
    """All events of a push."""
    seen = []
    async with aclosing(push(image, device, PushOptions(**options))) as events:
        async for event in events:
            seen.append(event)
    return seen


def of(kind, events):
    return [event for event in events if isinstance(event, kind)]


def saving(events, new):
    """The one patch of a push, as the device told of it."""
    (chosen,) = of(Chosen, events)
    assert chosen.form == "delta" and chosen.size * 20 < chosen.total == new.size
    (uploaded,) = of(Uploaded, events)
    assert uploaded.total == chosen.size
    (patched,) = of(Patched, events)
    percent = 100 * (new.size - chosen.size) // new.size
    assert patched.report == f"{chosen.size} bytes received for {new.size}: {percent} % saved"
    assert patched.version == new.version_text
    return chosen


class PatchAttempts(Attempts):
    """Of a patch: what was answered may be asked for again, but not from before its segment."""

    def __init__(self, sim, patch, image, seed):
        super().__init__(sim, image, seed)
        self.patch = patch

    async def upload(self, link, kind, stop_at):
        stop_at = self.answered + self.random.randrange(1, 1500)
        first = True
        steps = link.upload(self.patch, self.image.number, makes=self.image.size)
        async with aclosing(steps) as offsets:
            async for offset in offsets:
                if first:
                    self.again.append((kind, self.answered - offset))
                first = False
                self.answered = max(self.answered, offset)
                if offset == len(self.patch):
                    return True
                if kind not in ("torn", "none") and offset >= stop_at:
                    await self.interrupt(kind)
                    if kind == "link":
                        return False
        return False
