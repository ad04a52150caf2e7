"""The command line on running devices: several at once, at every save, back again, cut off."""

import asyncio
import contextlib
import json
import os
import pty
import re
import signal
import sys
from pathlib import Path

import pytest
from ophion.build import new_app
from ophion.build.boards import board_layout
from ophion.build.layout import load_layout
from ophion.cli.app import run as ophion
from ophion.errors import RefusedError
from ophion.keys import generate
from ophion.push import Confirmed, Link, Outcome, PushOptions, push_many, roll_back
from ophion.sim import Simulator

ROOT = Path(__file__).parents[2]
OPHION = Path(sys.executable).with_name("ophion")
# Serves, and leaves it to others to confirm.
SERVES = """import ophion_app
print("up", ophion_app.version())
while True:
    ophion_app.poll(20)
    ophion_app.feed()
"""


@contextlib.asynccontextmanager
async def devices(bench, *names, image=None, board="sim", key=None):
    """Running devices with radios of their own; yields what `Link` calls them."""
    async with contextlib.AsyncExitStack() as stack:
        sims = []
        for name in names:
            sim = await Simulator.create(
                bench.directory / name,
                layout=bench.calm(board),
                name=name,
                image=image and image.image,
                keys=[(key or bench.public).raw],
            )
            sims.append(await stack.enter_async_context(sim))
            await sim.wait_console("1.0.0 runs" if image else "recovery, advertising")
        yield sims


def place(sim):
    return f"sim:{sim.directory}"


@pytest.fixture
def cli(capsys):
    """Run a command beside the devices of this test: (exit code, stdout, stderr)."""

    async def call(*words):
        capsys.readouterr()
        code = await asyncio.to_thread(ophion, [str(word) for word in words])
        return (code, *capsys.readouterr())

    return call


@contextlib.asynccontextmanager
async def program(*words, **environment):
    """ophion as a process of its own, ended when the test is through."""
    process = await asyncio.create_subprocess_exec(
        OPHION,
        *map(str, words),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **environment},
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def line_with(process, **wanted):
    """The next JSON line that has these values."""
    while True:
        line = await asyncio.wait_for(process.stdout.readline(), 60)
        assert line, await process.stderr.read()
        value = json.loads(line)
        if wanted.items() <= value.items():
            return value


async def test_one_that_fails_does_not_stop_the_others(bench, cli):
    old, new = bench.image("1.0.0"), bench.image("1.1.0")
    stranger = generate(bench.directory / "stranger.pem")
    path = bench.directory / "1.1.0.bin"
    async with (
        devices(bench, "one", "two", image=old) as (one, two),
        devices(bench, "other", key=stranger) as (other,),
    ):
        everybody = ("--sim", one.directory, "--sim", other.directory, "--sim", two.directory)
        code, out, err = await cli("push", path, *everybody, "--udp", "127.0.0.1:9", "--timeout", "2")
        assert code == 1, "refused and not found have nothing in common"
        rows = [line.split() for line in out.splitlines() if re.search(r" \d+\.\d$", line)]
        assert [(row[0].rpartition("/")[2], " ".join(row[1:-1])) for row in rows] == [
            ("udp:127.0.0.1:9", "not found"),
            ("one", "confirmed 1.1.0"),
            ("other", "refused"),
            ("two", "confirmed 1.1.0"),
        ]
        assert err.count("error: ") == err.count("hint: ") == 2 and "unknown key" in err
        assert "\x1b" not in out + err

        code, out, _ = await cli("push", path, *everybody, "--at-once", "1", "--json")
        assert code == 5, "the only failure is a refusal"
        events = [json.loads(line) for line in out.splitlines()]
        summary = {row["device"]: row for row in events.pop()["devices"]}
        assert [row["exit_code"] for row in summary.values()] == [0, 5, 0]
        assert [row["ok"] for row in summary.values()] == [True, False, True]
        assert summary[place(other)]["hint"] and "unknown key" in summary[place(other)]["error"]
        assert {event["device"] for event in events} == set(summary)
        turns = [event["device"] for event in events if event["event"] == "connected"]
        assert turns == sorted(turns, key=list(summary).index), "one at a time, in order"
    assert new.version_text == "1.1.0"


async def test_the_library_pushes_to_many_over_different_roads(bench):
    old, new = bench.image("1.0.0"), bench.image("1.1.0")
    async with devices(bench, "one", "two", image=old) as (one, two):
        names = [place(one), place(two)]
        seen = [step async for step in push_many(new, names, PushOptions(connect_s=5))]
        outcomes = {name: step for name, step in seen if isinstance(step, Outcome)}
        assert set(outcomes) == set(names) and not any(it.error for it in outcomes.values())
        assert all(isinstance(it.last, Confirmed) and it.seconds > 0 for it in outcomes.values())
        firsts = [name for name, step in seen[: len(seen) // 2]]
        assert set(firsts) == set(names), "at the same time"


async def test_a_push_to_many_that_is_given_up_leaves_nothing_running(bench):
    old, new = bench.image("1.0.0"), bench.image("1.1.0", asset=60000)
    async with devices(bench, "one", "two", image=old) as (one, two):
        steps = push_many(new, [place(one), place(two)])
        async for _, step in steps:
            if step.kind == "connected":
                break
        await steps.aclose()
        async with Link(place(one)) as link:
            assert (await link.images())[0].version == "1.0.0"


async def test_every_save_is_built_signed_and_pushed(bench):
    app = bench.directory / "beat"
    new_app(app, "beat")
    async with devices(bench, "one", image=bench.image("1.0.0")) as (one,):
        words = ("push", app, "--key", bench.key, "--sim", one.directory, "--watch", "--json")
        async with program(*words) as process:
            await line_with(process, event="confirmed", by="application")
            await line_with(process, event="watching", folder=str(app))
            (app / "main.py").write_text("def broken(:\n")
            await line_with(process, event="changed", files=["main.py"])
            failed = await line_with(process)
            assert "main.py" in failed["error"] and "hint" in failed
            (app / "main.py").write_text(SERVES.replace("up", "saved"))
            await line_with(process, event="changed")
            built = await line_with(process, event="built", version="1.0.0")
            running = await line_with(process, event="running")
            assert running["hash"] == built["hash"] and not running["confirmed"]
            await one.wait_console("saved 1.0.0")
            process.send_signal(signal.SIGINT)
            out, err = await asyncio.wait_for(process.communicate(), 20)
            assert (process.returncode, err) == (130, b"")
            assert json.loads(out.splitlines()[-1])["error"] == "interrupted"


async def test_a_trial_is_ended_by_a_rollback(bench, cli):
    old, new = bench.image("1.0.0"), bench.image("1.1.0", SERVES)
    path = bench.directory / "1.1.0.bin"
    async with devices(bench, "one", image=old) as (one,):
        sim = ("--sim", one.directory)
        code, _, err = await cli("device", "rollback", *sim)
        assert code == 5 and "holds no other application" in err
        code, _, err = await cli("push", path, *sim, "--wait", "2")
        assert code == 1 and "not confirmed within 2 s" in err
        code, out, _ = await cli("device", "images", *sim)
        assert code == 0 and "| slot 0  1.1.0        active, on trial" in out
        assert "runs now:  1.1.0\nnext boot: 1.1.0, as long as its trial lasts" in out
        room = load_layout(board_layout("sim")).max_image_size
        assert f" {len(new.image)} of {room} bytes, " in out and f"takes {room} bytes" in out
        code, out, err = await cli("device", "rollback", *sim, "--json")
        assert code == 0, out + err
        events = [json.loads(line) for line in out.splitlines()]
        assert events[-1]["event"] == "confirmed" and events[-1]["version"] == "1.0.0"
        assert not {"uploading", "uploaded", "marked"} & {event["event"] for event in events}
        code, out, _ = await cli("device", "logs", *sim, "--json")
        assert [entry["event"] for entry in json.loads(out)["log"]] == ["installed", "reverted"]
        async with Link(place(one)) as link:
            kept = {state.version: state.hash for state in await link.images()}
        assert kept["1.1.0"] == new.hash and kept["1.0.0"] == old.hash


@pytest.mark.parametrize("board", ["sim-ab", "sim-scratch"])
async def test_a_confirmed_version_is_exchanged_for_the_one_before(bench, cli, board):
    old = bench.image("1.0.0")
    bench.image("1.1.0")
    async with devices(bench, "one", image=old, board=board) as (one,):
        sim = ("--sim", one.directory)
        code, out, _ = await cli("push", bench.directory / "1.1.0.bin", *sim)
        assert code == 0 and "version 1.1.0 is confirmed" in out
        code, out, err = await cli("device", "rollback", *sim)
        assert code == 0 and "version 1.0.0 is confirmed" in out, out + err
        code, out, _ = await cli("device", "images", *sim)
        assert re.search(r"slot 0  1\.0\.0 +active, confirmed", out) and "slot 1  1.1.0" in out


async def test_a_way_back_that_is_over_is_refused_before_anything_happens(bench):
    old, new = bench.image("1.0.0"), bench.image("1.1.0")
    async with devices(bench, "one", image=old) as (one,):
        async for _ in push_many(new, [place(one)]):
            pass
        with pytest.raises(RefusedError, match=r"keeps 1\.0\.0 for the time of a trial only"):
            async for _ in roll_back(place(one)):
                pass
        async with Link(place(one)) as link:
            assert [state.pending for state in await link.images()] == [False, False]
        assert len(one.resets) == 2


async def test_what_the_verbs_of_a_device_print_is_documented(bench, cli):
    table = (ROOT / "host/docs/reference/using.md").read_text().split("## JSON\n")[1]
    documented = {
        name: set(re.findall(r"`(\w+)`", re.sub(r"\(.*?\)", "", text)))  # in brackets: what is inside of one
        for name, text in re.findall(r"^\| `([a-z -]+)` \| (.+?) \|$", table, re.M)
    }
    chain = bench.directory / "roots.chain"
    words = ("keys", "chain", "roots", bench.directory / "key.pub", "--by", bench.key, "--out", chain)
    assert (await cli(*words))[0] == 0
    async with devices(bench, "one", image=bench.image("1.0.0")) as (one,):
        radio, sim = f"sim:{one.directory}", ("--sim", one.directory)
        calls = {
            "list": ("--radio", radio, "--seconds", "1"),
            **dict.fromkeys(("info", "images", "trust", "logs", "counters", "settings", "confirm"), sim),
            "settings": ("name", "porch", *sim),
            "reset": sim,
            "recover": sim,
        }
        for name, more in calls.items():
            code, out, err = await cli("device", name, *more, "--json")
            assert code == 0, err
            value = json.loads(out)
            assert set(value) == documented[f"device {name}"], name
            if name == "settings":
                code, out, _ = await cli("device", "info", *sim, "--json")
                assert code == 0 and json.loads(out)["name"] == "porch", "the name in the air, at once"
        assert value["restarted"] is True
        await one.wait_console("recovery, advertising")
        code, out, _ = await cli("device", "info", *sim)
        assert (
            code == 0 and re.search(r"^name +porch$", out, re.M) and re.search(r"^mode +recovery$", out, re.M)
        )
        code, out, err = await cli("push", bench.directory / "1.0.0.bin", *sim, "--json")
        assert code == 0, err
        for line in out.splitlines():
            assert set(json.loads(line)) <= documented["push"]
        code, out, _ = await cli("device", "settings", "name", "", *sim, "--json")
        assert json.loads(out)["settings"]["name"] == "one"


async def test_the_devices_that_were_seen_are_offered_to_the_shell(bench, cli):
    from ophion.cli.complete import device_names

    async with devices(bench, "porch-lamp", image=bench.image("1.0.0")) as (one,):
        code, out, _ = await cli("device", "list", "--radio", place(one), "--seconds", "1")
        assert code == 0 and out.splitlines()[1].startswith("porch-lamp  ")
    assert "porch-lamp" in device_names("por")


async def test_a_link_that_is_lost_for_good_is_exit_code_6(bench):
    old = bench.image("1.0.0")
    bench.image("1.1.0", asset=300000)
    async with devices(bench, "one", image=old) as (one,):
        words = ("push", bench.directory / "1.1.0.bin", "--sim", one.directory, "--json")
        async with program(*words, "--retries", "0", "--timeout", "2") as process:
            await line_with(process, event="uploading")
            await one.power_cut()
            out, _ = await asyncio.wait_for(process.communicate(), 60)
            assert process.returncode == 6
            assert json.loads(out.splitlines()[-1])["hint"]


async def on_a_terminal(*words, **environment):
    """(exit code, what was written) of ophion on a terminal."""
    ours, theirs = pty.openpty()
    loop = asyncio.get_running_loop()
    process = await asyncio.create_subprocess_exec(
        OPHION,
        *map(str, words),
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "120", **environment},
    )
    os.close(theirs)
    seen = b""
    with contextlib.suppress(OSError):  # the end of a terminal, on Linux
        while part := await loop.run_in_executor(None, os.read, ours, 4096):
            seen += part
    os.close(ours)
    return await process.wait(), seen.decode()


async def test_progress_has_a_rate_and_a_time_left_on_terminals_only(bench, cli):
    old = bench.image("1.0.0")
    for version in ("1.1.0", "1.2.0", "1.3.0"):
        bench.image(version, asset=100000)
    async with devices(bench, "one", image=old) as (one,):
        sim = ("--sim", one.directory)
        code, text = await on_a_terminal("push", bench.directory / "1.1.0.bin", "--no-compress", *sim)
        assert code == 0 and re.search(r"[kM]B/s", text) and re.search(r"\d:\d\d:\d\d", text), text
        assert re.search(r"\x1b\[[\d;]*3\d", text), "colours"
        code, text = await on_a_terminal("push", bench.directory / "1.2.0.bin", *sim, NO_COLOR="1")
        assert code == 0 and "B/s" in text and not re.search(r"\x1b\[(?:[\d;]*;)?3\d", text), text
        code, out, err = await cli("push", bench.directory / "1.3.0.bin", *sim)
        assert code == 0 and "\x1b" not in out + err and "uploaded" in out
