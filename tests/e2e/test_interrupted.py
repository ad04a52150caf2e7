"""An upload over the air that is interrupted again and again: real kills, a real radio stack."""

import random
from contextlib import aclosing, suppress

import pytest
from ophion.errors import DeviceNotFound, LinkLost
from ophion.push import Confirmed, Link, Resumed, push
from pushing import AS_IT_IS, NAME

INTERRUPTIONS = 12
SECOND_RUNTIME = "Loaded app from partition at offset 0x240000"
FIRST_OPS, LAST_OPS = 6, 60
"""A cut at one of these flash operations after power-on falls into the upload: a boot writes less."""


class Attempts:
    """Uploads `image` in attempts that end early; the judge of what is sent again."""

    def __init__(self, sim, image, seed):
        self.sim = sim
        self.image = image
        self.random = random.Random(seed)
        self.answered = 0
        self.again = []
        self.kinds = []

    async def attempt(self, kind):
        """One attempt; True when the device has all of it."""
        if kind == "torn":
            await self.sim.power_cut()
            await self.sim.power_on(
                cut_at_op=self.random.randrange(FIRST_OPS, LAST_OPS), cut_seed=self.random.randrange(1000)
            )
        stop_at = self.answered + self.random.randrange(1, 30_000)
        done = False
        try:
            async with Link(NAME) as link:
                done = await self.upload(link, kind, stop_at)
        except (LinkLost, DeviceNotFound):
            pass
        if not done:
            self.kinds.append(kind)
        if kind == "torn":
            if done:
                await self.sim.power_cut()
            await self.sim.wait_off()
            await self.sim.power_on()
        return done

    async def upload(self, link, kind, stop_at):
        first = True
        async with aclosing(link.upload(self.image.image, self.image.number)) as offsets:
            async for offset in offsets:
                if first and self.answered:
                    self.again.append(self.answered - offset)
                first = False
                self.answered = max(self.answered, offset)
                if offset == self.image.size:
                    return True
                if kind not in ("torn", "none") and offset >= stop_at:
                    await self.interrupt(kind)
                    if kind == "link":
                        return False
        return False

    async def interrupt(self, kind):
        if kind == "power":
            await self.sim.power_cut()
            await self.sim.power_on()
        elif kind != "link":
            await self.sim.reset(kind)


@pytest.mark.parametrize(("seed", "board"), [(1, "sim"), (2, "sim-ab"), (3, "sim-runtime")])
async def test_what_was_answered_is_never_sent_again(bench, seed, board):
    runtime = board == "sim-runtime"
    new = bench.runtime("2.0.0") if runtime else bench.image("1.1.0", asset=150_000)
    async with bench.device(bench.image("1.0.0").image, board=board) as sim:
        attempts = Attempts(sim, new, seed)
        for kind in attempts.random.sample(("link", "hard", "power", "torn") * 3, INTERRUPTIONS):
            if await attempts.attempt(kind):
                break
        else:
            assert await attempts.attempt("none")
        assert len(attempts.kinds) >= 5 and len(set(attempts.kinds)) >= 3, attempts.kinds
        # Beside the first chunk, which asks where to go on. A chunk here is larger than 1024 bytes.
        assert attempts.again and max(attempts.again) <= 0, attempts.again
        async with Link(NAME) as link:
            await link.test(new.hash)
            with suppress(LinkLost):
                await link.reset()
        await sim.wait_console(SECOND_RUNTIME if runtime else "ophion: 1.1.0 runs", timeout=30)


async def test_a_push_goes_on_by_itself(bench):
    new = bench.image("1.1.0", asset=150_000)
    async with bench.device(bench.image("1.0.0").image) as sim:
        wanted = [30_000, 60_000, 90_000]
        seen = []
        async with aclosing(push(new, NAME, AS_IT_IS)) as events:
            async for event in events:
                seen.append(event)
                if wanted and getattr(event, "offset", 0) > wanted[0]:
                    wanted.pop(0)
                    if len(wanted) == 1:
                        await sim.reset("hard")
                    else:
                        await sim.power_cut()
                        await sim.power_on()
        resumed = [event.offset for event in seen if isinstance(event, Resumed)]
        assert len(resumed) == 3 - len(wanted) and resumed == sorted(resumed)
        assert isinstance(seen[-1], Confirmed) and seen[-1].version == "1.1.0"
