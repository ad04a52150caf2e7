"""Deltas over the air: `push` with a base, what the device makes of it and tells, what it falls back to."""

import asyncio
import random
import re
import sys
from contextlib import suppress

import pytest
from ophion.delta import describe_patch, make_patch
from ophion.errors import LinkLost, RefusedError
from ophion.package import parse_image
from ophion.push import (
    Chosen,
    Confirmed,
    Link,
    Patched,
    Uploaded,
)
from patch_pushes import PatchAttempts, of, pushed, saving
from pushing import NAME

UDP = "127.0.0.1:17337"
NOISE = random.Random(5).randbytes(16_000)


@pytest.mark.parametrize("board", ["sim", "sim-scratch", "sim-golden", "sim-ab"])
async def test_a_delta_is_sent_made_into_the_image_and_runs(bench, board):
    old, new = bench.image("1.0.0", asset=150_000), bench.image("1.1.0", asset=151_000)
    async with bench.device(old.image, board=board):
        events = await pushed(new, bases=[new, old])
        saving(events, new)
        assert events[-1] == Confirmed("1.1.0", "application")
        async with Link(NAME) as link:
            assert [entry.event for entry in await link.log()][:2] == ["patched", "installed"]
            # The next one is made against what runs now.
            answer = await link.patches()
            assert [(base.hash, base.size) for base in answer.bases] == [(new.hash, new.size)]


async def test_a_delta_in_recovery_and_without_a_radio(bench):
    old, new = bench.image("1.0.0", asset=150_000), bench.image("1.1.0", asset=151_000)
    newer = bench.image("1.2.0", asset=150_500)
    async with bench.device(old.image, udp=UDP) as sim:
        async with Link(NAME) as link:
            await link.recover()
        await sim.wait_console("ophion: recovery", timeout=30)
        saving(await pushed(new, bases=[old]), new)
        saving(await pushed(newer, f"udp:{UDP}", bases=[old, new]), newer)


async def test_a_runtime_that_came_as_an_update_is_a_base(bench):
    first, second = bench.runtime("2.0.0"), bench.runtime("3.0.0")
    async with bench.device(bench.image("1.0.0").image, board="sim-runtime"):
        events = await pushed(first, bases=[first, second])
        (chosen,) = of(Chosen, events)
        assert chosen.form == "compressed" and of(Patched, events)
        assert chosen.reason == "delta: the device names no image that a patch can be made against"
        saving(await pushed(second, bases=[first]), second)


async def test_what_cannot_be_a_delta_is_sent_as_it_is_with_the_reason(bench):
    old, new = bench.image("1.0.0", asset=20_000), bench.image("1.1.0", asset=21_000)
    other = bench.image("1.2.0", asset=20_500)
    damaged = bytearray(old.image)
    damaged[-1] ^= 1  # the signature: the same hash, other bytes
    twin = parse_image(bytes(damaged))
    assert twin.hash == old.hash
    async with bench.device(old.image):
        events = await pushed(new, bases=[other], restart=False, compress=False)
        (chosen,) = of(Chosen, events)
        assert chosen.form == "full" and chosen.reason.startswith("delta: the device runs 1.0.0 (")
        async with Link(NAME) as link:
            await link.erase()
        events = await pushed(new, bases=[twin], restart=False, compress=False)
        first, second = of(Chosen, events)
        assert first.form == "delta" and second.form == "full"
        assert "refused by the device: patch is for the image" in second.reason
        assert of(Uploaded, events)[0].total == new.size and not of(Patched, events)


async def test_an_image_is_sent_compressed_where_no_base_is_known(bench):
    old, new = bench.image("1.0.0"), bench.image("1.1.0", asset=20_000)
    async with bench.device(old.image):
        events = await pushed(new, restart=False)
        (chosen,) = of(Chosen, events)
        assert chosen.form == "compressed" and chosen.size * 2 < chosen.total == new.size
        assert chosen.reason == ""
        assert of(Uploaded, events)[0].total == chosen.size and of(Patched, events)
        assert [one["form"] for one in chosen.possibilities] == ["full", "delta", "compressed"]


async def test_the_command_line_says_what_it_sends_and_why(bench):
    old, new = bench.image("1.0.0", asset=20_000), bench.image("1.1.0", asset=21_000)
    async with bench.device(old.image) as sim:
        words = ["push", str(bench.directory / "1.1.0.bin"), "--ble", NAME, "--no-reset"]

        async def run(*more):
            line = [sys.executable, "-m", "ophion.cli", *words, *more, "--radio", f"bumble:{sim.transport}"]
            done = await asyncio.create_subprocess_exec(*line, stdout=-1, stderr=-1)
            out, err = await asyncio.wait_for(done.communicate(), 60)
            return done.returncode, out.decode(), err.decode()

        code, out, err = await run("--base", str(bench.directory), "--explain", "--no-compress")
        assert code == 0, out + err
        sent = re.search(r"sending a delta of (\d+) bytes, \d\.\d % of the image\n", out)
        assert f"  full        {new.size:>9}\n  delta       {sent[1]:>9}\n  compressed          -  not" in out
        saved = f"version 1.1.0 made of the patch: {sent[1]} bytes received for {new.size}: 9"
        assert saved in out
        async with Link(NAME) as link:
            await link.erase()
        code, out, err = await run("--base", str(bench.directory / "1.1.0.bin"), "--no-compress")
        assert code == 0 and f"sending the full image, {new.size} bytes (delta: the device runs 1.0.0" in out
        empty = bench.directory / "empty"
        empty.mkdir()
        code, out, err = await run("--base", str(empty))
        assert code != 0 and "no image lies in this folder" in err


async def test_a_board_without_deltas_says_so_and_has_none_of_their_code(bench):
    old, new = bench.image("1.0.0", asset=20_000), bench.image("1.1.0", asset=21_000)
    layout = bench.calm("sim")
    layout.write_text(layout.read_text().replace("[update]", "[update]\ndelta = false"))
    async with bench.device(old.image, board=layout):
        events = await pushed(new, bases=[old])
        (chosen,) = of(Chosen, events)
        assert chosen.form == "full" and chosen.reason.startswith("delta: the device takes no patches; ")
        assert isinstance(events[-1], Confirmed)


async def test_what_is_wrong_with_the_image_is_not_sent_twice(bench):
    old = bench.image("1.0.0", asset=20_000)
    async with bench.device(old.image):
        new = bench.image("1.1.0", asset=21_000)
        async with Link(NAME) as link:
            async for _ in link.upload(new.image, 0, new.hash):
                pass
            await link.test(new.hash)
        third = bench.image("1.2.0", asset=22_000)
        with pytest.raises(RefusedError, match="an update is pending"):
            await pushed(third, bases=[old])


@pytest.mark.parametrize(("seed", "board"), [(1, "sim"), (2, "sim-ab"), (3, "sim-golden")])
async def test_a_patch_goes_on_after_lost_links_resets_and_power_cuts(bench, seed, board):
    old = bench.image("1.0.0", asset=150_000)
    program = (bench.directory / "app-1.0.0" / "main.py").read_text() + f"\nNOISE = {NOISE!r}\n"
    new = bench.image("1.1.0", program, asset=150_000)
    patch = make_patch(old.image, new.image, segment_bytes=3000)
    assert len(describe_patch(patch)["segments"]) > 2 and len(patch) < 30_000
    async with bench.device(old.image, board=board) as sim:
        attempts = PatchAttempts(sim, patch, new, seed)
        for kind in attempts.random.sample(("link", "hard", "power", "torn") * 3, 12):
            if await attempts.attempt(kind):
                break
        else:
            assert await attempts.attempt("none")
        assert len(attempts.kinds) >= 4 and len(set(attempts.kinds)) >= 2, attempts.kinds
        async with Link(NAME) as link:
            await link.test(new.hash)
            with suppress(LinkLost):
                await link.reset()
        await sim.wait_console("ophion: 1.1.0 runs", timeout=30)
