"""Encrypted updates over the air: installed, taken back as the same ciphertext, or refused."""

import random

import pytest
from ophion.build.boards import board_layout
from ophion.build.layout import load_layout
from ophion.errors import RefusedError, RevertedError
from ophion.keys import generate_recipient, load_device_key, load_recipient, open_signer
from ophion.package import load_image
from ophion.push import Confirmed, Link
from ophion.sign import SignOptions, sign
from pushing import NAME, push_all

CRASHES = "print('crashes now')\nraise ValueError('on purpose')\n"


class Factory:
    """A device's own key, the key that all devices share, a stranger's; images encrypted to some of them."""

    def __init__(self, bench):
        self.bench = bench
        for name in ("own", "shared", "stranger"):
            generate_recipient(bench.directory / f"{name}.pem")

    def secret(self, *names):
        return [load_device_key(self.bench.directory / f"{name}.pem").entry for name in names]

    def image(self, version, *names, program=None, asset=b"", bits=128):
        """The signed image of an application for the keys `names`, with the file `asset`."""
        self.bench.payload(version, program)
        (self.bench.directory / f"app-{version}" / "asset.bin").write_bytes(asset)
        payload, number = self.bench.payload(version)
        assert asset in payload
        recipients = [load_recipient(self.bench.directory / f"{name}.pub") for name in names]
        options = SignOptions(recipients=recipients, aes_bits=bits)
        path = self.bench.directory / f"{version}-enc.bin"
        path.write_bytes(sign(payload, number, open_signer(f"file:{self.bench.key}"), options))
        return load_image(path)


@pytest.fixture
def factory(bench):
    return Factory(bench)


async def log_of():
    async with Link(NAME) as link:
        return [(entry.event, entry.version, entry.reason) for entry in await link.log()]


def slot(sim, board, name):
    """The bytes of one area."""
    area = load_layout(board_layout(board)).areas[name]
    return sim.flash()[area.offset : area.offset + area.size]


@pytest.mark.parametrize("board", ["sim", "sim-scratch", "sim-golden"])
async def test_an_encrypted_update_is_installed_and_the_next_one_goes_back(factory, board):
    bench = factory.bench
    assets = [random.Random(f"{board} {size}").randbytes(size) for size in (9008, 20000)]
    first = factory.image("1.1.0", "own", asset=assets[0])
    bad = factory.image("1.2.0", "own", "stranger", program=CRASHES, asset=assets[1], bits=256)
    secret = factory.secret("own", "shared")
    hidden = {asset[at : at + 16] for asset in assets for at in range(0, len(asset), 16)}
    assert len(hidden) > 1800
    async with bench.device(bench.image("1.0.0").image, board=board, enc_keys=secret) as sim:
        events = await push_all(first)
        assert isinstance(events[-1], Confirmed) and events[-1].version == "1.1.0"
        assert assets[0] in slot(sim, board, "primary")
        with pytest.raises(RevertedError):
            await push_all(bad)
        flash = sim.flash()
        start = load_layout(board_layout(board)).areas["primary"]
        outside = flash[: start.offset] + flash[start.offset + start.size :]
        assert bad.image in outside, "the same ciphertext is back"
        seen = {outside[at : at + 16] for at in range(len(outside) - 15)}
        assert not seen & hidden
        expected = "1.0.0" if board == "sim-golden" else "1.1.0"
        assert (await log_of())[-1][:2] == ("reverted", expected)


async def test_who_may_not_read_an_image_refuses_it(factory):
    bench = factory.bench
    old = bench.image("1.0.0").image
    async with bench.device(old, enc_keys=factory.secret("own")) as sim:
        for names, reason in ((("stranger",), "another device"), (("stranger", "shared"), "no recipient")):
            with pytest.raises(RefusedError, match=reason):
                await push_all(factory.image("1.1.0", *names))
        assert old in sim.flash()


@pytest.mark.parametrize("board", ["sim", "sim-ab"])
async def test_a_device_that_takes_none_refuses_at_the_first_chunk(factory, board):
    reason = {"sim": "plain images only", "sim-ab": "under ab an image runs where it lies"}[board]
    async with factory.bench.device(factory.bench.image("1.0.0").image, board=board) as sim:
        with pytest.raises(RefusedError, match=reason):
            await push_all(factory.image("1.1.0", "own"))
        assert slot(sim, board, "secondary") == b"\xff" * len(slot(sim, board, "secondary"))
