"""What the tests of access share: keys, boards with an [access], and what has to be refused."""

import asyncio
import contextlib
import hashlib
import json

import pytest
from ophion.build.boards import board_layout
from ophion.errors import RefusedError
from ophion.keys import Algorithm, generate, open_signer
from ophion.push import Confirmed, PushOptions, push
from ophion.sim.bleak_bumble import install
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
    return PushOptions(access=access, retries=1, wait_s=60, compress=False)


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
    await refused(link.log())
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


def ophion(bench, *words, sim=None):
    """(exit code, output) of a command on the device's radio, in a process of its own."""
    radio = ("--radio", f"sim:{sim.directory}") if sim else ()
    return bench.tool("ophion.cli", *words, *radio)


async def aside(function, *arguments, **options):
    """Run something that blocks, while the simulator goes on."""
    return await asyncio.to_thread(function, *arguments, **options)
