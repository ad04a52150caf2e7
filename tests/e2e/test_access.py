"""Who may update a device by token: the operator, strangers, replays, floods."""

import asyncio
import json

import pytest
from access_bench import (
    BUSY,
    DENIED,
    NAME,
    Keys,
    another_computer,
    aside,
    board,
    everything_is_refused,
    ophion,
    refused,
    running,
    update,
)
from ophion.errors import LinkLost, RefusedError
from ophion.keys import Algorithm
from ophion.push import Access, Link
from ophion.push.group64 import AccessRead, TokenWrite
from ophion_boot.fmt.token import token_digest
from smpclient.requests.settings_management import CommitSettings, SaveSettings, WriteSetting
from smpclient.requests.statistics_management import ListOfGroups


@pytest.fixture
def keys(tmp_path):
    return Keys(tmp_path)


async def test_token_lets_the_operator_update_and_nobody_else(bench, keys):
    old, new = bench.image("1.0.0"), bench.image("1.1.0", asset=6000)
    async with bench.device(old.image, board(bench, "token")) as sim:
        async with Link(NAME) as link:
            assert (await link.info()).access == "token"
            await everything_is_refused(sim, link, new)
        with pytest.raises(RefusedError) as caught:
            await update(bench, new, Access(keys.stranger))
        assert "no operator" in caught.value.reason or "no operator" in str(caught.value)
        await refused(update(bench, new, None))
        assert running(sim) == ["1.0.0"]
        await update(bench, new, Access(keys.operator))
        assert running(sim) == ["1.0.0", "1.1.0"]
        async with Link(NAME, access=Access(keys.operator)) as link:
            assert (await link.images())[0].version == "1.1.0"


async def test_an_operator_with_a_p256_key(bench, tmp_path):
    keys = Keys(tmp_path, Algorithm.P256)
    async with bench.device(bench.image("1.0.0").image, board(bench, "token")):
        await update(bench, bench.image("1.1.0"), Access(keys.operator))


async def signed(link, signer, **changes):
    """A token for the challenge that `link` gets, with `changes` of what is signed for."""
    state = await link.ask(AccessRead(), "a challenge")
    parts = {"name": state.name, "id": state.id, "challenge": state.challenge, **changes}
    digest = token_digest(parts["name"], parts["id"], parts["challenge"])
    return TokenWrite(
        challenge=parts["challenge"], key=signer.public.keyhash[:8], sig=signer.sign_digest(digest)
    )


async def test_tokens_that_open_nothing(bench, keys):
    async with bench.device(bench.image("1.0.0").image, board(bench, "token")):
        async with Link(NAME) as link:
            taken = await signed(link, keys.operator)
            assert (await link.ask(taken, "the token")).who == "operator"
            assert len(await link.images()) == 1
            assert (await link.ask(taken, "the same again")).who == "operator", "its answer may be lost"
            assert len(await link.images()) == 1, "who is in stays in"
        for make in (
            lambda link: signed(link, keys.operator, challenge=taken.challenge),
            lambda link: signed(link, keys.operator, challenge=bytes(32)),
            lambda link: signed(link, keys.operator, name="another"),
            lambda link: signed(link, keys.operator, id=bytes(6)),
            lambda link: signed(link, keys.stranger),
            lambda _: replayed(taken),
        ):
            async with Link(NAME) as link:
                await until_taken_up(link, make)
                await refused(link.images())


async def replayed(token):
    return token


async def until_taken_up(link, make):
    """Send what `make(link)` makes until the device does not say "busy"; it has to be refused."""
    for _ in range(30):
        with pytest.raises(RefusedError) as caught:
            await link.ask(await make(link), "the token")
        if caught.value.rc != BUSY:
            assert caught.value.rc == DENIED
            return
        await asyncio.sleep(0.3)
    raise AssertionError("the device stayed busy")


async def test_a_token_ends_with_its_link(bench, keys):
    async with bench.device(bench.image("1.0.0").image, board(bench, "token")):
        async with Link(NAME) as link:
            lost = await signed(link, keys.operator)  # signed, overheard, and never sent
        async with Link(NAME, access=Access(keys.operator)) as link:
            assert await link.images()
        async with Link(NAME) as link:
            await refused(link.images())
            await refused(link.ask(lost, "a token from before"))
            await refused(link.images())


async def test_a_flood_of_wrong_tokens_then_the_operator_updates(bench, keys):
    async with bench.device(bench.image("1.0.0").image, board(bench, "token")) as sim:
        answers = []
        for _ in range(5):
            try:
                async with Link(NAME) as link:
                    for _ in range(8):
                        token = await signed(link, keys.operator, name="somebody else")
                        with pytest.raises(RefusedError) as caught:
                            await link.ask(token, "a wrong token")
                        answers.append(caught.value.rc)
                        await asyncio.sleep(0.2)
            except LinkLost:
                pass  # the device hangs up after three
        assert set(answers) == {DENIED, BUSY} and answers.count(DENIED) >= 4
        await update(bench, bench.image("1.1.0", asset=3000), Access(keys.operator))
        assert running(sim) == ["1.0.0", "1.1.0"]


async def test_after_three_wrong_tokens_the_device_hangs_up(bench, keys):
    async with bench.device(bench.image("1.0.0").image, board(bench, "token")), Link(NAME) as link:
        wrong = 0
        with pytest.raises(LinkLost):
            while wrong < 4:
                try:
                    await link.ask(await signed(link, keys.operator, id=b"x"), "a wrong token")
                except RefusedError as error:
                    wrong += error.rc == DENIED
                await asyncio.sleep(0.2)
        assert wrong == 3


async def test_a_stranger_between_two_visits_of_the_operator_changes_nothing(bench, keys):
    old, new = bench.image("1.0.0"), bench.image("1.1.0", asset=20_000)
    async with bench.device(old.image, board(bench, "token")) as sim:
        access = Access(keys.operator)
        async with Link(NAME, access=access) as link:
            async for offset in link.upload(new.image):
                if offset > 4000:
                    break
        with another_computer(sim):
            async with Link(NAME) as stranger:
                await everything_is_refused(sim, stranger, new)
        events = await update(bench, new, access)
        uploaded = next(event for event in events if event.kind == "uploaded")
        assert uploaded.sent < uploaded.total, "the upload went on where it was left"


ADVERTISES_ALWAYS = """
import asyncio
import bluetooth
import ophion_app

async def main():
    service = asyncio.create_task(ophion_app.serve())
    await asyncio.sleep_ms(300)
    ophion_app.confirm()
    while True:
        ophion_app.feed()
        try:
            bluetooth.BLE().gap_advertise(50_000)
        except OSError:
            pass
        await asyncio.sleep_ms(100)

asyncio.run(main())
"""


async def test_two_centrals_at_once_are_two_peers(bench, keys):
    # Whose application advertises on while somebody is connected can have two; handles are used again.
    old, new = bench.image("1.0.0", ADVERTISES_ALWAYS), bench.image("1.1.0", asset=3000)
    async with bench.device(old.image, board(bench, "token")) as sim:
        async with Link(NAME, access=Access(keys.operator)) as operator:
            assert await operator.images()
            for _ in range(2):
                with another_computer(sim), pytest.raises(LinkLost):
                    async with Link(NAME) as stranger:
                        await stranger.images()
            assert await operator.images(), "who came first keeps the service, and his rights"
        async with Link(NAME) as third:  # has the handle that was the operator's
            await everything_is_refused(sim, third, new)
        await update(bench, new, Access(keys.operator))


async def test_an_operator_who_renames_the_device_is_let_in_under_its_new_name(bench, keys):
    async with bench.device(bench.image("1.0.0").image, board(bench, "token")):
        async with Link(NAME) as link:
            await refused(link.ask(SaveSettings(), "to save settings"))
            await refused(link.ask(WriteSetting(name="ophion/name", val=b"other"), "a setting"))
            await refused(link.ask(ListOfGroups(), "its statistics"))
            await refused(link.counters())
        async with Link(NAME, access=Access(keys.operator)) as link:
            await link.ask(WriteSetting(name="ophion/name", val=b"renamed"), "a new name")
            await link.ask(CommitSettings(), "the new name")
        async with Link("renamed", access=Access(keys.operator)) as link:
            assert await link.images()


async def test_recovery_obeys_too(bench, keys):
    async with bench.device(None, board(bench, "token")) as sim:
        await sim.wait_console("recovery, advertising")
        image = bench.image("1.0.0")
        async with Link(NAME) as link:
            assert (await link.info()).mode == "recovery"
            await everything_is_refused(sim, link, image)
        await update(bench, image, Access(keys.operator))


async def test_a_device_that_is_open_asks_for_nothing(bench, keys):
    async with bench.device(bench.image("1.0.0").image, board(bench, "open", operators=())):
        async with Link(NAME) as link:
            assert (await link.info()).access == "open"
            assert len(await link.images()) == 1
        await update(bench, bench.image("1.1.0"), Access(keys.operator, pair=True))


async def test_the_command_line_of_an_operator(bench, keys):
    old, new = bench.image("1.0.0"), bench.image("1.1.0")
    async with bench.device(old.image, board(bench, "token")) as sim:
        told = await aside(ophion, bench, "device", "info", "--ble", NAME, "--json", sim=sim)
        assert told[0] == 0 and json.loads(told[1])["access"] == "token"
        words = ("push", bench.directory / "1.1.0.bin", "--ble", NAME)
        code, output = await aside(ophion, bench, *words, sim=sim)
        assert code == 5 and "the token of an operator" in output and "--operator" in output
        assert len(output.strip().splitlines()) <= 3, "an error is a line, and a hint"
        stranger = ("--operator", bench.directory / "stranger.pem")
        code, output = await aside(ophion, bench, *words, *stranger, sim=sim)
        assert code == 5 and "no operator" in output
        operator = ("--operator", bench.directory / "operator.pem")
        code, output = await aside(ophion, bench, *words, *operator, sim=sim)
        assert code == 0 and f"version {new.version_text} is confirmed" in output
        code, output = await aside(ophion, bench, "device", "images", "--ble", NAME, *operator, sim=sim)
        assert code == 0 and "1.1.0" in output


async def test_a_simulated_device_by_the_command_line(bench, keys):
    folder = bench.directory / "made"
    words = ("sim", folder, "--key", bench.directory / "key.pub")
    for more, reason in (
        (("--access", "token"), "nobody could do anything"),
        (("--access", "shut"), "not one of open, paired, token"),
        (("--passkey", "123456"), "go with --access"),
        (("--access", "paired", "--passkey", "12"), "nor six digits"),
    ):
        code, output = ophion(bench, *words, *more)
        assert code in (2, 3) and reason in output and not folder.exists(), output
