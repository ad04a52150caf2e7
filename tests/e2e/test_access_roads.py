"""Tokens where there is no radio: over UDP and over a UART."""

import os
import random

import pytest
from access_bench import NAME, Keys, board, everything_is_refused, refused, running
from ophion.errors import UsageError
from ophion.push import Access, Confirmed, Link, PushOptions, push
from ophion.push.group64 import AccessRead, TokenWrite
from ophion_boot.fmt.token import token_digest

# Another test may run at the same time: an address of one's own in the loopback network.
UDP = f"127.{os.getpid() >> 8 & 127}.{os.getpid() & 255}.{random.randrange(2, 250)}:1337"
ROADS = {"udp": {"udp": UDP}, "raw": {"serial": "raw"}, "serial": {"serial": "console"}}


@pytest.fixture
def keys(tmp_path):
    return Keys(tmp_path)


@pytest.mark.parametrize("road", ROADS)
async def test_an_operator_updates_and_a_stranger_does_not(bench, keys, road):
    old, new = bench.image("1.0.0"), bench.image("1.1.0", asset=6000)
    async with bench.device(old.image, board(bench, "token"), **ROADS[road]) as sim:
        await sim.wait_console("e2e 1.0.0")
        device = f"udp:{UDP}" if road == "udp" else f"{road}:{sim.directory / 'uart'}"
        async with Link(device) as link:
            await everything_is_refused(sim, link, new)
        options = PushOptions(access=Access(keys.operator), connect_s=10)
        events = [event async for event in push(new, device, options)]
        assert isinstance(events[-1], Confirmed) and running(sim) == ["1.0.0", "1.1.0"]
        with pytest.raises(UsageError, match="nobody pairs over"):
            Link(device, access=Access(pair=True))


async def test_a_device_that_restarts_in_an_upload_gets_another_token(bench, keys):
    # A wire tells nobody that the other end has restarted: only the device's answers do.
    old, new = bench.image("1.0.0"), bench.image("1.1.0", asset=60_000)
    async with bench.device(old.image, board(bench, "token"), **ROADS["udp"]) as sim:
        await sim.wait_console("e2e 1.0.0")
        options = PushOptions(access=Access(keys.operator), connect_s=20, retries=10)
        kinds, restarted = [], False
        async for event in push(new, f"udp:{UDP}", options):
            kinds.append(event.kind)
            if event.kind == "uploading" and not restarted:
                restarted = True
                await sim.reset()
        assert restarted and "reconnecting" in kinds and kinds[-1] == "confirmed"
        assert running(sim)[-1] == "1.1.0"


async def test_each_peer_and_each_road_is_somebody_of_its_own(bench, keys):
    async with bench.device(bench.image("1.0.0").image, board(bench, "token"), **ROADS["udp"]) as sim:
        await sim.wait_console("e2e 1.0.0")
        device = f"udp:{UDP}"
        async with Link(device, access=Access(keys.operator)) as operator, Link(device) as stranger:
            assert await operator.images()
            await refused(stranger.images())
            state = await stranger.ask(AccessRead(), "a challenge")
            digest = token_digest(state.name, state.id, state.challenge)
            token = TokenWrite(
                challenge=state.challenge,
                key=keys.operator.public.keyhash[:8],
                sig=keys.operator.sign_digest(digest),
            )
            async with Link(NAME) as over_ble:
                await refused(over_ble.ask(token, "a token for another road"))
                await refused(over_ble.images())
            async with Link(device) as third:
                await refused(third.ask(token, "a token for another peer"))
                await refused(third.images())
            assert await operator.images()
