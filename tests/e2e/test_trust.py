"""The signing chain on a whole device: rotation, revocation, new roots, downgrades, all over the air."""

import asyncio
import json
import sys
from contextlib import aclosing

import pytest
from ophion.build.boards import board_layout
from ophion.build.layout import load_layout
from ophion.errors import RefusedError
from ophion.keys import generate, open_signer
from ophion.keys.chain import INTERMEDIATE, SIGNING, Chain, KeyLimits, key_statement, revocation, root_set
from ophion.package import load_image
from ophion.push import Confirmed, Link
from ophion.sign import SignOptions, sign
from ophion.sign.claims import claim_tlvs
from ophion.sim.firmware import runtime_image
from ophion.versions import parse_version
from pushing import NAME, push_all

ROOTS = ("root-a", "root-b", "root-c")


class House:
    """Whoever makes the device: root keys 2 of 3, an intermediate key, signing keys, images."""

    def __init__(self, bench):
        self.bench = bench
        self.signers = {}
        self.roots = root_set(
            [self.key(name).public for name in ROOTS], 2, [self.key(name) for name in ROOTS[:2]]
        )

    def key(self, name):
        """The signer of that name, made when it is first asked for."""
        if name not in self.signers:
            path = self.bench.directory / f"{name}.pem"
            generate(path)
            self.signers[name] = open_signer(str(path))
        return self.signers[name]

    def intermediate(self, name="intermediate", version=1, by=ROOTS[:2]):
        return key_statement(INTERMEDIATE, self.key(name).public, [self.key(root) for root in by], version)

    def chain(self, signing="signing", version=1, under="intermediate", epoch=1, by=ROOTS[:2], images=()):
        """The chain of a signing key."""
        issuer = self.key(under)
        limits = KeyLimits(images=images)
        last = key_statement(SIGNING, self.key(signing).public, [issuer], version, limits, issuer.public)
        return Chain.of([self.intermediate(under, epoch, by), last])

    def image(self, version, chain, by="signing", counter=None, hardware=(), program=None):
        """A signed image with `chain` in it."""
        payload, number = self.bench.payload(version, program)
        tlvs = claim_tlvs(chain.data, hardware)
        options = SignOptions(custom_tlvs=tlvs, security_counter=counter)
        path = self.bench.directory / f"{version}-{by}.bin"
        path.write_bytes(sign(payload, number, self.key(by), options))
        return load_image(path)

    def runtime(self, version, chain, by, counter):
        """A signed runtime image of the board sim-runtime, which trusts the roots too."""
        layout = load_layout(board_layout("sim-runtime"))
        number = parse_version(version)
        payload = runtime_image(layout, NAME, [], number, roots=Chain.of([self.roots]).data)
        options = SignOptions(custom_tlvs=claim_tlvs(chain.data), security_counter=counter)
        path = self.bench.directory / f"runtime-{version}-{by}.bin"
        path.write_bytes(sign(payload, number, self.key(by), options))
        return load_image(path)

    def device(self, image, board="sim"):
        """A device that trusts the roots and nothing else."""
        return self.bench.device(image.image, board, keys=[], roots=Chain.of([self.roots]).data)


@pytest.fixture
def house(bench):
    return House(bench)


async def test_a_chain_in_an_image_is_enough(house):
    chain = house.chain()
    async with house.device(house.image("1.0.0", chain)) as sim:
        await sim.wait_console("ophion: 1.0.0 runs")
        events = await push_all(house.image("1.1.0", chain))
        assert isinstance(events[-1], Confirmed)
        async with Link(NAME) as link:
            state = await link.trust()
        assert (state.roots, state.threshold, len(state.rootkeys), state.keys) == (1, 2, 3, 0)
        assert state.images[0].intermediate == 1 and state.issuers[0].signing == 1
        with pytest.raises(RefusedError, match="no chain"):
            await push_all(house.bench.image("1.2.0"))


async def test_the_signing_key_is_rotated_over_the_air(house):
    old = house.chain()
    async with house.device(house.image("1.0.0", old)) as sim:
        await sim.wait_console("ophion: 1.0.0 runs")
        new = house.chain("signing-2", 2)
        async with Link(NAME) as link:
            assert await link.deliver(new.data) == ["intermediate key statement 1", "signing key statement 2"]
            assert (await link.trust()).issuers[0].signing == 2
        with pytest.raises(RefusedError, match="signing key statement 1 is superseded by 2") as refused:
            await push_all(house.image("1.1.0", old))
        assert refused.value.rc == 27
        # The image that runs was signed with the old key: it stays until it is replaced.
        await sim.reset("hard")
        await sim.wait_console("ophion: 1.0.0 runs")
        events = await push_all(house.image("1.2.0", new, "signing-2"))
        assert isinstance(events[-1], Confirmed) and events[-1].version == "1.2.0"


async def test_a_revoked_intermediate_key_ends_its_signing_keys(house):
    old = house.chain()
    async with house.device(house.image("1.0.0", old)) as sim:
        await sim.wait_console("ophion: 1.0.0 runs")
        ended = revocation(house.key("intermediate").public.keyhash, [house.key(name) for name in ROOTS[1:]])
        async with Link(NAME) as link:
            assert await link.deliver(Chain.of([ended]).data) == ["revocation statement 1"]
        with pytest.raises(RefusedError, match="the intermediate key is revoked"):
            await push_all(house.image("1.1.0", old))
        new = house.chain("signing-2", 1, "intermediate-2", epoch=2)
        events = await push_all(house.image("1.2.0", new, "signing-2"))
        assert isinstance(events[-1], Confirmed)
        # Gone on: the old image is still in the other slot, and refused there.
        async with Link(NAME) as link:
            states = await link.images()
            other = next(state for state in states if not state.active)
            assert other.version == "1.0.0"
            with pytest.raises(RefusedError, match="revoked"):
                await link.test(other.hash)


async def test_the_roots_are_rotated_two_of_three(house):
    old = house.chain()
    async with house.device(house.image("1.0.0", old)) as sim:
        await sim.wait_console("ophion: 1.0.0 runs")
        fresh = ("root-b", "root-d", "root-e")
        publics = [house.key(name).public for name in fresh]
        signers = {name: house.key(name) for name in (*ROOTS, *fresh)}
        one_old = root_set(publics, 2, [signers["root-b"], signers["root-d"]], 2)
        async with Link(NAME) as link:
            with pytest.raises(RefusedError, match="1 of 2 signatures by the roots before"):
                await link.deliver(Chain.of([one_old]).data)
            assert (await link.trust()).roots == 1
            news = root_set(publics, 2, [signers[name] for name in ("root-a", "root-b", "root-d")], 2)
            assert await link.deliver(Chain.of([news]).data) == ["root set statement 2"]
            assert (await link.trust()).roots == 2
        # Signed by root-a and root-b: only root-b is a root now.
        with pytest.raises(RefusedError, match="signed by an unknown key"):
            await push_all(house.image("1.1.0", house.chain("signing-2", 2), "signing-2"))
        await sim.reset("power-on")
        await sim.wait_console("ophion: 1.0.0 runs")
        chain = Chain.of([news, *house.chain("signing-3", 1, "next", 2, ("root-d", "root-e")).statements])
        events = await push_all(house.image("1.2.0", chain, "signing-3"))
        assert isinstance(events[-1], Confirmed)
        # A device that forgot everything gets the new roots from the image that it runs.
        await sim.power_cut()
        erase_cells(sim)
        await sim.power_on()
        await sim.wait_console("ophion: 1.2.0 runs")
        async with Link(NAME) as link:
            assert (await link.trust()).roots == 2


async def test_the_commands_deliver_and_show(house):
    chain = house.chain()
    async with house.device(house.image("1.0.0", chain)) as sim:
        await sim.wait_console("ophion: 1.0.0 runs")

        async def command(*words):
            more = ("--ble", NAME, "--radio", f"bumble:{sim.transport}")
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "ophion.cli", "device", *words, *more),
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            output = (await asyncio.wait_for(process.communicate(), 60))[0].decode()
            return process.returncode, output

        path = house.bench.directory / "new.chain"
        path.write_bytes(house.chain("signing-2", 2).data)
        code, output = await command("deliver", path)
        assert code == 0 and "took intermediate key statement 1, signing key statement 2" in output, output
        code, output = await command("trust", "--json")
        assert code == 0 and json.loads(output)["issuers"][0]["signing"] == 2
        code, output = await command("trust")
        assert "roots         version 1, 2 of 3" in output and "signing statement 2 for image 0" in output
        path.write_bytes(chain.data)
        code, output = await command("deliver", path)
        assert code == 5 and "signing key statement 1 is superseded by 2" in output, output


async def test_application_and_runtime_have_keys_and_floors_of_their_own(house):
    app = house.chain("app-key", images=[0])
    run = house.chain("runtime-key", images=[1])
    old = house.image("1.0.0", app, "app-key", counter=1)
    async with house.device(old, "sim-runtime") as sim:
        await sim.wait_console("ophion: 1.0.0 runs")
        with pytest.raises(RefusedError, match="signing key statement 1 is not for image 1"):
            await push_all(house.runtime("2.0.0", app, "app-key", 5))
        new = house.image("1.1.0", app, "app-key", counter=2)
        events = await push_all([new, house.runtime("2.0.0", run, "runtime-key", 5)])
        assert isinstance(events[-1], Confirmed)
        async with Link(NAME) as link:
            state = await link.trust()
        assert [floor.counter for floor in state.images] == [2, 5]
        with pytest.raises(RefusedError, match="security counter 4 is below 5"):
            await push_all(house.runtime("3.0.0", run, "runtime-key", 4))
        await sim.reset("hard")
        await sim.wait_console("ophion: 1.1.0 runs")


async def test_statements_wait_while_an_image_is_on_trial(house):
    chain = house.chain()
    silent = "import ophion_app, asyncio\nasyncio.run(ophion_app.serve())\n"
    async with house.device(house.image("1.0.0", chain)) as sim:
        await sim.wait_console("ophion: 1.0.0 runs")
        update = house.image("1.1.0", chain, program=silent)
        async with Link(NAME) as link:
            async with aclosing(link.upload(update.image)) as offsets:
                async for _ in offsets:
                    pass
            await link.test(update.hash)
        await sim.reset("hard")
        await sim.wait_console("ophion: 1.1.0 runs (trial 1 of 3)")
        rotated = house.chain("signing-2", 2).data
        async with Link(NAME) as link:
            with pytest.raises(RefusedError, match="an image is on trial: confirm it first"):
                await link.deliver(rotated)
            await link.confirm()
            assert len(await link.deliver(rotated)) == 2


def erase_cells(sim):
    """What a lost NVS is here: the sectors of the cells, erased (areas.state of the board sim)."""
    flash = bytearray(sim.flash())
    assert b"OPHC" in flash[:0x2000]
    flash[:0x2000] = b"\xff" * 0x2000
    (sim.directory / "flash.bin").write_bytes(flash)


async def test_a_downgrade_is_refused_as_soon_as_the_newer_image_is_confirmed(house):
    chain = house.chain()
    async with house.device(house.image("1.0.0", chain, counter=3)) as sim:
        await sim.wait_console("ophion: 1.0.0 runs")
        async with Link(NAME) as link:
            assert (await link.trust()).images[0].counter == 3
        await push_all(house.image("2.0.0", chain, counter=4))
        async with Link(NAME) as link:
            assert (await link.trust()).images[0].counter == 4
            free = next(state for state in await link.images() if not state.active)
            with pytest.raises(RefusedError, match="security counter 3 is below 4"):
                await link.test(free.hash)
        for image in (house.image("1.1.0", chain, counter=3), house.image("1.2.0", chain)):
            with pytest.raises(RefusedError, match=r"counter.* 4") as refused:
                await push_all(image)
            assert refused.value.rc == 27
            async with Link(NAME) as link:
                assert [state.version for state in await link.images()] == ["2.0.0"]
        with pytest.raises(RefusedError, match="image for hardware c3,c6, this is sim"):
            await push_all(house.image("2.1.0", chain, counter=4, hardware=("c3", "c6")))
        await sim.reset("hard")
        await sim.wait_console("ophion: 2.0.0 runs")
