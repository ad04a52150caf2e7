"""Patches of encrypted images over the air: made on what is in them, and never in the clear on the way."""

import asyncio
import random
import re
import sys
from contextlib import suppress

import pytest
from ophion.build.boards import board_layout
from ophion.build.layout import load_layout
from ophion.delta.sealed import seal_patch
from ophion.errors import LinkLost, RefusedError
from ophion.push import Chosen, Confirmed, Link, Uploaded
from patch_pushes import PatchAttempts, of, pushed, saving
from pushing import NAME
from test_encrypted import Factory


@pytest.fixture
def factory(bench):
    return Factory(bench)


def asset(seed, size=40_000):
    """Bytes that can be told from others, and get smaller."""
    return random.Random(seed).randbytes(size // 2).hex().encode()


def outside(sim, board):
    """What lies in flash, but for the primary slot."""
    area = load_layout(board_layout(board)).areas["primary"]
    flash = sim.flash()
    return flash[: area.offset] + flash[area.offset + area.size :]


def check_hidden(sim, board, *assets):
    """No 16 bytes of the assets lie outside of the primary slot."""
    rest = outside(sim, board)
    seen = {rest[at : at + 16] for at in range(len(rest) - 15)}
    for data in assets:
        assert seen.isdisjoint(data[at : at + 16] for at in range(0, len(data), 16))


@pytest.mark.parametrize("board", ["sim", "sim-scratch", "sim-golden"])
async def test_encrypted_images_are_sent_as_patches_and_run(factory, board):
    bench = factory.bench
    data = asset(board)
    changed = data[:15_000] + asset("more", 300) + data[15_000:]
    first = factory.image("1.1.0", "own", "stranger", asset=data)
    second = factory.image("1.2.0", "shared", asset=changed, bits=256)
    keys = factory.secret("own", "shared")
    async with bench.device(bench.image("1.0.0").image, board=board, enc_keys=keys) as sim:
        events = await pushed(first, compress=True, enc_keys=factory.secret("stranger"))
        (chosen,) = of(Chosen, events)
        assert chosen.form == "compressed" and of(Uploaded, events)[0].total == chosen.size < 30_000
        assert events[-1] == Confirmed("1.1.0", "application")
        check_hidden(sim, board, data)
        async with Link(NAME) as link:
            answer = await link.patches()
            assert (answer.patch, answer.bases, answer.sealed) == (1, [], 1)
            assert [(base.hash, base.size) for base in answer.encrypted] == [(first.hash, first.size)]
        saving(await pushed(second, bases=[first, second], enc_keys=factory.secret("own", "shared")), second)
        check_hidden(sim, board, data, changed)
        async with Link(NAME) as link:
            assert [entry.event for entry in await link.log()][-2:] == ["installed", "confirmed"]
        assert changed in sim.flash()


async def test_what_cannot_be_a_sealed_patch_is_sent_whole_with_the_reason(factory):
    bench = factory.bench
    data = asset(1)
    first, second = (factory.image(f"1.{n}.0", "own", asset=data + bytes([n]) * 99) for n in (1, 2))
    plain = bench.image("1.3.0", asset=20_000)
    async with bench.device(bench.image("1.0.0").image, enc_keys=factory.secret("own")):
        await pushed(first)
        for image, keys, words in (
            (second, (), "the new image is encrypted, and its patch is made of what is in it"),
            (second, ("stranger",), "no key that was given opens the new image: wrapped key: changed, or"),
            (plain, ("own",), "the old image is encrypted, the new one is not"),
        ):
            events = await pushed(
                image, bases=[first], enc_keys=factory.secret(*keys), restart=False, compress=False
            )
            (chosen,) = of(Chosen, events)
            assert chosen.form == "full" and re.search(words, chosen.reason), chosen.reason
            async with Link(NAME) as link:
                await link.erase()


async def test_a_board_without_encryption_is_sent_no_sealed_patch(factory):
    bench = factory.bench
    old = bench.image("1.0.0", asset=20_000)
    new = factory.image("1.1.0", "own", asset=asset(1))
    async with bench.device(old.image):
        with pytest.raises(RefusedError, match="plain images only"):
            await pushed(new, bases=[old], enc_keys=factory.secret("own"))
        async with Link(NAME) as link:
            assert (await link.patches()).sealed == 0


async def test_the_command_line_makes_the_patch_with_the_key(factory):
    bench = factory.bench
    data = asset(1)
    old, new = (factory.image(f"1.{n}.0", "own", asset=data + bytes([n]) * 99) for n in (1, 2))
    async with bench.device(bench.image("1.0.0").image, enc_keys=factory.secret("own")) as sim:
        await pushed(old)
        folder = bench.directory
        words = ["push", str(folder / "1.2.0-enc.bin"), "--ble", NAME, "--no-reset", "--explain"]
        words += ["--base", str(folder / "1.1.0-enc.bin"), "--enc-key", str(folder / "own.pem")]
        line = [sys.executable, "-m", "ophion.cli", *words, "--radio", f"bumble:{sim.transport}"]
        done = await asyncio.create_subprocess_exec(*line, stdout=-1, stderr=-1)
        out, err = (text.decode() for text in await asyncio.wait_for(done.communicate(), 60))
        assert done.returncode == 0, out + err
        sent = re.search(r"sending a delta of (\d+) bytes, \d\.\d % of the image\n", out)
        assert sent and f"version 1.2.0 made of the patch: {sent[1]} bytes received for {new.size}: 9" in out


@pytest.mark.parametrize(("seed", "board"), [(1, "sim"), (2, "sim-golden")])
async def test_a_sealed_patch_goes_on_after_lost_links_resets_and_power_cuts(factory, seed, board):
    bench = factory.bench
    data = asset(seed, 100_000)
    changed = data[:50_000] + random.Random(seed).randbytes(30_000) + data[50_000:]
    old, new = factory.image("1.1.0", "own", asset=data), factory.image("1.2.0", "own", asset=changed)
    patch = seal_patch(old, new, factory.secret("own"), segment_bytes=3000)
    async with bench.device(bench.image("1.0.0").image, board=board, enc_keys=factory.secret("own")) as sim:
        await pushed(old)
        attempts = PatchAttempts(sim, patch, new, seed)
        for kind in attempts.random.sample(("link", "hard", "power", "torn") * 3, 12):
            if await attempts.attempt(kind):
                break
        else:
            assert await attempts.attempt("none")
        assert len(attempts.kinds) >= 4 and len(set(attempts.kinds)) >= 2, attempts.kinds
        check_hidden(sim, board, data, changed)
        async with Link(NAME) as link:
            await link.test(new.hash)
            with suppress(LinkLost):
                await link.reset()
        await sim.wait_console("ophion: 1.2.0 runs", timeout=30)
