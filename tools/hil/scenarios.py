"""The scenarios: each is given a Board that runs a good image, and leaves one that does.

A scenario returns a few words for the report, and raises OphionError when the board fails it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import aclosing

from ophion.errors import RefusedError, RevertedError
from ophion.push import Resumed, Uploaded

from hil.bench import Board, expect

_CRASHES = "raise RuntimeError('this version is broken')\n"
_GONE_S = 10.0
_ECHOES = 20

Scenario = Callable[[Board], Awaitable[str]]


async def update(board: Board) -> str:
    """A signed update is uploaded, verified, tried and confirmed."""
    await board.running()
    mark = await board.last_event()
    image = board.images.make("1.1.0")
    seen = await board.push(image)
    log = await board.events_since(mark)
    expect(("installed", "1.1.0") in log and ("confirmed", "1.1.0") in log, f"its log says {log}")
    await board.check_runs(image)
    sent = next(event for event in seen if isinstance(event, Uploaded))
    return f"{sent.sent} bytes in {sent.seconds:.1f} s"


async def tampered(board: Board) -> str:
    """An image with one changed bit is refused, and what runs is not touched."""
    good = await board.running()
    mark = await board.last_event()
    try:
        await board.push(board.images.tampered(board.images.make("1.2.0")))
    except RefusedError as error:
        refusal = error.message
    else:
        raise RevertedError("the board took an image with a changed bit")
    expect("refused" in [event for event, _ in await board.events_since(mark)], "its log has no refusal")
    await board.check_runs(good)
    return refusal


async def crash(board: Board) -> str:
    """An update that crashes is taken back by the board itself."""
    good = await board.running()
    mark = await board.last_event()
    try:
        await board.push(board.images.make("1.3.0", _CRASHES))
    except RevertedError:
        pass
    else:
        raise RevertedError("the board confirmed an image that crashes")
    log = await board.events_since(mark)
    expect(("crashed", "1.3.0") in log and log[-1][0] == "reverted", f"its log says {log}")
    await board.check_runs(good)
    return f"crashed {log.count(('crashed', '1.3.0'))} times, {good.version_text} came back"


async def recovery(board: Board) -> str:
    """The board goes into recovery when it is told to, and is updated there."""
    await board.running()
    async with board.link() as link:
        await link.recover()
        await link.wait_gone(_GONE_S)
    async with board.link() as link:
        mode = (await link.info()).mode
        active = [state for state in await link.images() if state.active and not state.image]
    expect(mode == "recovery" and not active, f"its mode is {mode}, {len(active)} applications run")
    image = board.images.make("1.4.0")
    await board.push(image)
    async with board.link() as link:
        mode = (await link.info()).mode
    expect(mode != "recovery", "it is in recovery still")
    await board.check_runs(image)
    return "updated there, and left"


async def interrupted(board: Board) -> str:
    """An upload goes on where it was: after a link that was lost, and after a reset."""
    await board.running()
    image = board.images.make("1.5.0")
    reached = await _upload_until(board, image.image, image.size // 3, False)
    reached = await _upload_until(board, image.image, max(reached, image.size * 2 // 3), True)
    seen = await board.push(image)
    resumed = [event.offset for event in seen if isinstance(event, Resumed)]
    expect(resumed, "it began again from the start")
    async with board.link() as link:
        buffer = link.buf_size
    again = reached - resumed[0]
    expect(again <= buffer, f"{again} bytes had to be sent again, its buffer is {buffer}")
    await board.check_runs(image)
    return f"at {reached} of {image.size} bytes, and went on at {resumed[0]}"


async def _upload_until(board: Board, data: bytes, enough: int, reset: bool) -> int:
    """Upload until the board has `enough`, then reset it or be gone; returns how far it got."""
    async with board.link() as link:
        reached = 0
        async with aclosing(link.upload(data)) as offsets:
            async for offset in offsets:
                reached = max(reached, offset)
                if reached >= enough:
                    break
        if reset:
            await link.reset()
            await link.wait_gone(_GONE_S)
    return reached


async def restart(board: Board) -> str:
    """A reset over the air is one: the same image runs, and the board counts from nothing again."""
    good = await board.running()
    async with board.link() as link:
        for number in range(_ECHOES):
            text = f"echo {number}"
            expect(await link.echo(text) == text, "an echo came back changed")
        await link.reset()
        expect(await link.wait_gone(_GONE_S), "it accepted the reset and stayed")
    async with board.link() as link:
        counters = await link.counters()
    requests = counters["link"]["requests"]
    expect(requests < _ECHOES, f"it has answered {requests} requests since its last reset")
    await board.check_runs(good)
    return f"cause {counters['boot']['cause']}, up {counters['boot']['up_s']} s"


SCENARIOS: dict[str, Scenario] = {
    "update": update,
    "tampered": tampered,
    "crash": crash,
    "recovery": recovery,
    "interrupted": interrupted,
    "reset": restart,
}
