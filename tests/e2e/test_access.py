"""Who may update a device: each mode with the right one, the wrong one, two of them, and many."""

import asyncio
import contextlib
import hashlib
import json

import pytest
from bleak.exc import BleakGATTProtocolError
from ophion.build.boards import board_layout
from ophion.errors import LinkLost, RefusedError
from ophion.keys import Algorithm, generate, open_signer
from ophion.push import Access, Confirmed, Link, PushOptions, push
from ophion.push.group64 import AccessRead, TokenWrite
from ophion.sim import RadioOptions
from ophion.sim.bleak_bumble import install
from ophion_boot.fmt.token import token_digest
from smp.error import MGMT_ERR

NAME = "e2e-device"
DENIED, BUSY = int(MGMT_ERR.EACCESSDENIED), int(MGMT_ERR.EBUSY)


class Keys:
    """An operator's key, and one of somebody else."""

    def __init__(self, folder, algorithm=Algorithm.ED25519):
        for name in ("operator", "stranger"):
            generate(folder / f"{name}.pem", algorithm)
        self.operator = open_signer(f"file:{folder / 'operator.pem'}")
        self.stranger = open_signer(f"file:{folder / 'stranger.pem'}")


@pytest.fixture
def keys(tmp_path):
    return Keys(tmp_path)


def board(bench, mode, passkey=None, operators=("operator.pub",)):
    """The simulated board with that [access]."""
    path = bench.directory / "access.toml"
    section = f'\n[health]\nperiod_s = 0\n\n[access]\nmode = "{mode}"\n'
    if operators:
        section += f"operators = {json.dumps(list(operators))}\n"
    if passkey:
        section += f'passkey = "{passkey}"\n'
    path.write_text(board_layout("sim").read_text() + section)
    return path


def options(access):
    return PushOptions(access=access, retries=1, wait_s=60)


async def update(bench, image, access):
    """Push with `access`; the events end with the confirmation."""
    events = [event async for event in push(image, NAME, options(access))]
    assert isinstance(events[-1], Confirmed) and events[-1].version == image.version_text
    return events


async def refused(work):
    with pytest.raises(RefusedError) as caught:
        await work
    assert (caught.value.group, caught.value.rc) == (-1, DENIED)
    assert "--operator" in caught.value.hint or "--pair" in caught.value.hint
    return caught.value


def slots(sim):
    """SHA-256 of the areas of images."""
    return hashlib.sha256(sim.flash()[0x10000:0x120000]).hexdigest()


async def everything_is_refused(sim, link, image):
    """Commands that change something, or tell more than a stranger needs: the device stays as it is."""
    before = slots(sim), [start.reason for start in sim.resets]
    await refused(link.images())
    await refused(link.trust())
    await refused(link.test(image.hash))
    await refused(link.confirm())
    await refused(link.erase())
    await refused(link.reset())
    await refused(link.recover())
    await refused(link.deliver(b"\x05\x00OPHS1"))
    with pytest.raises(RefusedError):
        async for _ in link.upload(image.image):
            raise AssertionError("a chunk was taken")
    assert (slots(sim), [start.reason for start in sim.resets]) == before
    assert await link.echo("hello") == "hello", "what everybody may do still works"
    assert (await link.info()).name == NAME


def running(sim):
    """The versions that ran, in order."""
    return [line.split()[1] for line in sim.console if line.startswith("ophion: ") and " runs" in line]


# Tokens


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
            await refused(link.ask(taken, "the same token again"))
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
        restore = install(sim.transport.replace("127.0.0.1", "localhost"))
        try:
            async with Link(NAME) as stranger:
                await everything_is_refused(sim, stranger, new)
        finally:
            restore()
        events = await update(bench, new, access)
        uploaded = next(event for event in events if event.kind == "uploaded")
        assert uploaded.sent < uploaded.total, "the upload went on where it was left"


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


# Pairing


def digits(number):
    async def ask():
        return number

    return ask


@contextlib.contextmanager
def another_computer(sim):
    """bleak on a radio of its own, which has paired with nobody."""
    restore = install(sim.transport.replace("127.0.0.1", "localhost"))
    try:
        yield
    finally:
        restore()


async def test_paired_lets_in_who_has_paired_and_nobody_else(bench):
    old, new = bench.image("1.0.0"), bench.image("1.1.0", asset=6000)
    layout = board(bench, "paired", "123456", operators=())
    async with bench.device(old.image, layout) as sim:
        before = slots(sim)
        error = await refused(update(bench, new, None))
        assert "--pair" in error.hint
        with pytest.raises(RefusedError, match="pairing failed"):
            await update(bench, new, Access(pair=True, passkey=digits(654321)))
        await refused(update(bench, new, Access(pair=True)))  # just works: encrypted, by nobody knows whom
        assert slots(sim) == before and running(sim) == ["1.0.0"]
        await update(bench, new, Access(pair=True, passkey=digits(123456)))
        async with Link(NAME) as link:
            assert (await link.images())[0].version == "1.1.0", "the bond is enough from now on"
        with another_computer(sim):
            await refused(update(bench, old, None))
        assert running(sim) == ["1.0.0", "1.1.0"]


async def test_bonds_survive_resets_power_cuts_and_recovery(bench):
    layout = board(bench, "paired", "123456", operators=())
    async with bench.device(bench.image("1.0.0").image, layout) as sim:
        async with Link(NAME, access=Access(pair=True, passkey=digits(123456))) as link:
            await link.recover()
            assert await link.wait_gone(10)
        await sim.wait_console("recovery, advertising")
        async with Link(NAME) as link:
            assert (await link.info()).mode == "recovery"
        await sim.power_cut()
        await sim.power_on()
        await update(bench, bench.image("1.1.0"), None)


async def test_an_attribute_refuses_a_central_that_has_not_paired(bench):
    from bleak import BleakClient, BleakScanner
    from smpclient.transport import SMP_CHARACTERISTIC_UUID as CHARACTERISTIC

    layout = board(bench, "paired", "123456", operators=())
    async with bench.device(bench.image("1.0.0").image, layout):
        found = await BleakScanner.find_device_by_name(NAME, timeout=5)
        async with BleakClient(found) as client:
            with pytest.raises(BleakGATTProtocolError) as caught:
                await client.write_gatt_char(CHARACTERISTIC, b"12345678", response=True)
            assert int(caught.value.code) == 0x05, "insufficient authentication"
            heard = []
            await client.start_notify(CHARACTERISTIC, lambda _, data: heard.append(data))
            # Parameters are for everybody, but here nobody even hears the question.
            await client.write_gatt_char(CHARACTERISTIC, bytes.fromhex("0800000000000006"), response=False)
            await asyncio.sleep(0.5)
            assert heard == []
            await client.pair(passkey=digits(123456))
            await client.write_gatt_char(CHARACTERISTIC, bytes.fromhex("0800000000000006"), response=False)
            for _ in range(100):
                if heard:
                    break
                await asyncio.sleep(0.05)
            assert len(heard) == 1


async def test_a_random_passkey_is_printed_for_who_stands_there(bench):
    layout = board(bench, "paired", operators=())
    async with bench.device(bench.image("1.0.0").image, layout) as sim:

        async def read_it():
            return int((await sim.wait_console("ophion: passkey")).split()[-1])

        await update(bench, bench.image("1.1.0"), Access(pair=True, passkey=read_it))
        shown = [line for line in sim.console if line.startswith("ophion: passkey")]
        assert len(shown) == 1 and len(shown[0].split()[-1]) == 6


async def test_just_works_where_the_board_says_so(bench):
    layout = board(bench, "paired", "none", operators=())
    async with bench.device(bench.image("1.0.0").image, layout) as sim:
        await refused(update(bench, bench.image("1.1.0"), None))
        await update(bench, bench.image("1.1.0"), Access(pair=True))
        assert running(sim) == ["1.0.0", "1.1.0"]


async def test_the_device_lost_its_bonds(bench):
    layout = board(bench, "paired", "123456", operators=())
    async with bench.device(bench.image("1.0.0").image, layout) as sim:
        known = Access(pair=True, passkey=digits(123456))
        async with Link(NAME, access=known) as link:
            assert await link.images()
        await sim.power_cut()
        with (sim.directory / "flash.bin").open("r+b") as flash:  # the cells
            flash.write(b"\xff" * 0x2000)
        await sim.power_on()
        await refused(update(bench, bench.image("1.1.0"), None))
        await update(bench, bench.image("1.1.0"), known)


async def test_the_computer_lost_its_bond_and_pairs_again(bench):
    from ophion.sim.bonds import CentralBonds

    layout = board(bench, "paired", "123456", operators=())
    async with bench.device(bench.image("1.0.0").image, layout) as sim:
        known = Access(pair=True, passkey=digits(123456))
        async with Link(NAME, access=known) as link:
            assert await link.images()
        bonds = CentralBonds.of(sim.transport)
        kept = dict(bonds._peers)
        bonds._peers.clear()
        await refused(update(bench, bench.image("1.1.0"), None))
        # Somebody with our address who begins to pair, and does not know the passkey, costs us nothing.
        with pytest.raises(RefusedError, match="pairing failed"):
            await update(bench, bench.image("1.1.0"), Access(pair=True, passkey=digits(999999)))
        bonds._peers.update(kept)
        async with Link(NAME) as link:
            assert await link.images(), "the old bond is as good as it was"
        bonds._peers.clear()
        await update(bench, bench.image("1.1.0"), known)


async def test_more_computers_than_there_is_room_for(bench):
    from ophion.sim.bonds import CentralBonds

    layout = board(bench, "paired", "123456", operators=())
    async with bench.device(bench.image("1.0.0").image, layout) as sim:
        bonds = CentralBonds.of(sim.transport)
        for turn in range(6):
            bonds.address = None  # another computer each time
            async with Link(NAME, access=Access(pair=True, passkey=digits(123456))) as link:
                assert await link.images(), turn
        await update(bench, bench.image("1.1.0"), None)


async def test_three_wrong_passkeys_close_pairing_for_a_while_but_not_for_the_bonded(bench):
    layout = board(bench, "paired", "123456", operators=())
    async with bench.device(bench.image("1.0.0").image, layout) as sim:
        right = Access(pair=True, passkey=digits(123456))
        async with Link(NAME, access=right) as link:
            assert await link.images()
        with another_computer(sim):
            for _ in range(3):
                with pytest.raises(RefusedError, match="pairing failed"):
                    async with Link(NAME, access=Access(pair=True, passkey=digits(1))):
                        pass
            with pytest.raises(RefusedError, match="pairing failed"):
                async with Link(NAME, access=right):
                    pass
        await update(bench, bench.image("1.1.0"), None)


async def test_legacy_pairing_is_refused_by_a_board_build_and_taken_by_stock_firmware(bench):
    from bleak import BleakClient, BleakScanner
    from ophion.sim import pairing
    from smpclient.transport import SMP_CHARACTERISTIC_UUID as CHARACTERISTIC

    layout = board(bench, "paired", "123456", operators=())
    for secure_only in (True, False):
        radio = RadioOptions(secure_only=secure_only)
        async with bench.device(bench.image("1.0.0").image, layout, radio=radio):
            found = await BleakScanner.find_device_by_name(NAME, timeout=5)
            async with BleakClient(found) as client:
                link = client._backend._require()
                try:
                    await pairing.pair(link, digits(123456), secure=False)
                    paired = True
                except Exception as error:
                    assert "AUTHENTICATION_REQUIREMENTS" in str(error)
                    paired = False
                assert paired is not secure_only
                if not paired:
                    with pytest.raises(BleakGATTProtocolError):
                        await client.write_gatt_char(CHARACTERISTIC, b"12345678", response=True)
