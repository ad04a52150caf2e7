"""Pushing, end to end: real MicroPython behind a real BLE host and controller, unmodified smpclient."""

import asyncio
import contextlib
import json
import os
import re
import signal
import subprocess
import sys

import pytest
from ophion.build import new_app
from ophion.build.boards import board_layout
from ophion.cli.push_verbs import describe_event
from ophion.errors import DeviceNotFound, LinkLost, OphionError, RefusedError, RevertedError, UsageError
from ophion.package import parse_image
from ophion.push import Link, PushOptions, push, scan, use_radio
from ophion.push.events import Uploading
from ophion.push.radio import transport_of
from ophion.sim import Simulator

NAME = "ophion-sim"


class Shop:
    """Images of the template application, and a device that runs the first of them."""

    def __init__(self, workshop):
        self.workshop = workshop
        new_app(workshop.folder / "app-src", "app")
        self.main = (workshop.folder / "app-src" / "main.py").read_text()
        self.v1 = self.image("1.0.0")

    def image(self, version, main="", extra=0):
        """A signed image; `extra` bytes of ballast make the upload longer."""
        files = {"main.py": main or self.main, "ballast.bin": os.urandom(extra)}
        return self.workshop.image(files, version)

    @contextlib.asynccontextmanager
    async def device(self, **options):
        sim = await Simulator.create(
            self.workshop.folder / "device",
            layout=board_layout("sim"),
            image=self.v1.image,
            keys=[self.workshop.public.raw],
            **options,
        )
        async with sim:
            undo = use_radio(f"sim:{sim.directory}")
            try:
                yield sim
            finally:
                undo()
                print("\n".join(sim.console))


@pytest.fixture
def shop(workshop):
    return Shop(workshop)


async def collect(image, options=None, on_event=None):
    """All events of a push."""
    events = []
    async with contextlib.aclosing(push(image, NAME, options)) as stream:
        async for event in stream:
            events.append(event)
            if on_event:
                await on_event(event)
    return events


def kinds(events):
    """The kinds of events, progress left out."""
    return [event.kind for event in events if event.kind not in ("uploading", "reconnecting", "connected")]


async def state():
    async with Link(NAME) as link:
        return await link.images(), await link.log()


async def running():
    images, _ = await state()
    return next(image for image in images if image.active)


async def test_an_update_runs_and_confirms_itself(shop):
    new = shop.image("2.0.0", extra=30000)
    async with shop.device() as sim:
        events = await collect(new, PushOptions(compress=False))
        assert kinds(events) == ["uploaded", "marked", "resetting", "running", "confirmed"]
        assert events[0].kind == "connected" and events[0].mtu >= 256 and events[0].buf_size == 2475
        offsets = [event.offset for event in events if isinstance(event, Uploading)]
        assert offsets == sorted(offsets) and offsets[-1] == new.size
        assert events[-1].by == "application" and events[-1].version == "2.0.0"
        active = await running()
        assert (active.version, bytes(active.hash), active.confirmed) == ("2.0.0", new.hash, True)
        assert await sim.wait_console("ophion: 2.0.0 runs")
        _, log = await state()
        assert [(entry.event, entry.version) for entry in log] == [
            ("installed", "2.0.0"),
            ("confirmed", "2.0.0"),
        ]


async def test_what_runs_already_is_left_alone(shop):
    async with shop.device() as sim:
        events = await collect(shop.v1)
        assert [event.kind for event in events] == ["connected", "running", "confirmed"]
        assert events[-1].by == "before"
        assert len(sim.resets) == 1


async def test_the_host_can_confirm_an_application_that_does_not(shop):
    silent = shop.main.replace("if ophion_app.confirm():", "if False:")
    assert silent != shop.main
    async with shop.device():
        events = await collect(shop.image("2.0.0", silent), PushOptions(confirm=True))
        assert events[-1].kind == "confirmed" and events[-1].by == "host"
        assert (await running()).confirmed


async def test_an_application_that_never_confirms_is_reported(shop):
    silent = shop.main.replace("if ophion_app.confirm():", "if False:")
    async with shop.device():
        with pytest.raises(OphionError, match="not confirmed within 2 s") as caught:
            await collect(shop.image("2.0.0", silent), PushOptions(wait_s=2))
        assert "--confirm" in caught.value.hint
        assert not (await running()).confirmed


async def test_an_application_that_crashes_goes_back_and_the_reason_is_told(shop):
    async with shop.device():
        bad = shop.image("3.0.0", "raise RuntimeError('broken on purpose')\n")
        with pytest.raises(RevertedError, match="broken on purpose") as caught:
            await collect(bad)
        assert caught.value.exit_code == 5
        assert (await running()).version == "1.0.0"


def tampered(image):
    """The same image with one payload byte changed."""
    at = image.header_size + image.payload_size // 2
    data = bytearray(image.data)
    data[at] ^= 0x01
    return parse_image(bytes(data))


async def test_a_tampered_image_is_refused_and_the_good_one_after_it_is_taken(shop):
    good = shop.image("2.0.0")
    async with shop.device() as sim:
        with pytest.raises(RefusedError, match="SHA-256") as caught:
            await collect(tampered(good))
        assert (caught.value.group, caught.value.rc) == (1, 24)
        assert caught.value.reason
        assert len(sim.resets) == 1
        assert (await running()).version == "1.0.0"
        assert kinds(await collect(good))[-1] == "confirmed"


async def test_an_image_of_a_foreign_key_is_refused(shop, tmp_path):
    from ophion.keys import generate, open_signer
    from ophion.sign import sign
    from ophion.versions import parse_version

    generate(tmp_path / "other.pem")
    foreign = sign(shop.v1.payload, parse_version("9.0.0"), open_signer(str(tmp_path / "other.pem")))
    async with shop.device():
        with pytest.raises(RefusedError, match="unknown key"):
            await collect(parse_image(foreign))
        assert (await running()).version == "1.0.0"


async def test_an_unsigned_image_is_refused(shop, vectors):
    unsigned = parse_image((vectors / "plain-nosig.bin").read_bytes())
    async with shop.device():
        with pytest.raises(RefusedError):
            await collect(unsigned)
        assert (await running()).version == "1.0.0"


async def test_an_image_beyond_the_slot_is_refused_before_anything_is_erased(shop):
    async with shop.device() as sim:
        before = sim.flash()
        with pytest.raises(RefusedError, match="does not fit") as caught:
            await collect(shop.image("2.0.0", extra=600_000))
        assert caught.value.rc == 30
        kept = [
            at for at in range(0, len(before), 4096) if sim.flash()[at : at + 4096] == before[at : at + 4096]
        ]
        assert len(kept) >= len(before) // 4096 - 4  # the log of events may have been written


async def test_a_reset_in_the_middle_of_the_upload_only_costs_time(shop):
    new = shop.image("2.0.0", extra=200_000)
    async with shop.device() as sim:
        done = []

        async def disturb(event):
            if isinstance(event, Uploading) and event.offset > 30000 and not done:
                done.append(event.offset)
                await sim.reset("hard")

        events = await collect(new, on_event=disturb)
        kinds = [event.kind for event in events]
        assert "resumed" not in kinds[: kinds.index("reconnecting")]
        resumed = next(event for event in events if event.kind == "resumed")
        assert resumed.offset >= done[0], "what was answered before the reset is not sent again"
        assert describe_event(resumed) == (
            f"{resumed.offset} of {new.size} bytes are there already, the upload goes on"
        )
        uploaded = next(event for event in events if event.kind == "uploaded")
        assert uploaded.sent == new.size - resumed.offset
        assert events[-1].kind == "confirmed"


async def test_one_request_at_once_can_be_asked_for(shop):
    async with shop.device() as sim:
        async with Link(NAME) as link:
            assert (await link.limits()).window == 4
            assert (await link.limits(1)).window == 1
        events = await collect(shop.image("2.0.0", extra=20_000), PushOptions(window=1))
        assert events[-1].kind == "confirmed" and sim.dropped_packets == 0


async def test_a_device_that_stays_away_is_one_clear_error(shop):
    async with shop.device() as sim:

        async def switch_off(event):
            if isinstance(event, Uploading) and sim.powered:
                await sim.power_cut()

        with pytest.raises(LinkLost, match="given up after 2 tries") as caught:
            options = PushOptions(retries=1, connect_s=1.0)
            await collect(shop.image("2.0.0", extra=200_000), options, switch_off)
        assert caught.value.exit_code == 6
        await sim.power_on()
        assert (await running()).version == "1.0.0"


async def test_stopping_in_the_middle_leaves_no_connection_and_the_upload_goes_on_later(shop):
    new = shop.image("2.0.0", extra=200_000)
    async with shop.device():
        async with contextlib.aclosing(push(new, NAME)) as stream:
            async for event in stream:
                if isinstance(event, Uploading):
                    break
        events = await collect(new)
        sent = next(event.sent for event in events if event.kind == "uploaded")
        assert 0 < sent < new.size
        assert events[-1].kind == "confirmed"


async def test_a_cancelled_push_is_cancelled_at_once(shop):
    new = shop.image("2.0.0", extra=300_000)
    async with shop.device():
        begun = asyncio.Event()

        async def note(event):
            if isinstance(event, Uploading):
                begun.set()

        task = asyncio.create_task(collect(new, on_event=note))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, 5)
        assert (await running()).version == "1.0.0"


async def test_scan_and_link_know_the_device(shop):
    async with shop.device() as sim:
        found = await scan(1.0)
        assert [(item.name, item.address) for item in found] == [(NAME, sim.address)]
        async with Link(sim.address) as link:
            info = await link.info()
            assert (info.name, info.mode, info.strategy) == (NAME, "app", "swap_offset")
            assert await link.echo("hello") == "hello"
            with pytest.raises(RefusedError, match="no image has that hash"):
                await link.test(bytes(32))
            await link.erase()


async def test_a_device_that_is_not_there(shop):
    async with shop.device():
        with pytest.raises(DeviceNotFound, match="no device named nobody"):
            async with Link("nobody", connect_timeout_s=1.0):
                pass


def test_radios(tmp_path):
    assert transport_of("os") is None
    assert transport_of("bumble:tcp-client:127.0.0.1:1") == "tcp-client:127.0.0.1:1"
    for wrong in ("bumble:", "usb", "sim?"):
        with pytest.raises(UsageError, match="unknown radio"):
            transport_of(wrong)
    with pytest.raises(UsageError, match="no simulator runs"):
        transport_of(f"sim:{tmp_path}")
    (tmp_path / "radio.json").write_text("{")
    with pytest.raises(UsageError, match="damaged"):
        transport_of(f"sim:{tmp_path}")
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    (tmp_path / "radio.json").write_text(json.dumps({"pid": ended.pid, "transport": "x"}))
    with pytest.raises(UsageError, match="has ended"):
        transport_of(f"sim:{tmp_path}")


async def start(folder, *words, stdout=asyncio.subprocess.PIPE):
    """The command line as a process of its own."""
    command = [sys.executable, "-W", "error", "-m", "ophion.cli", *map(str, words)]
    return await asyncio.create_subprocess_exec(
        *command, cwd=folder, stdout=stdout, stderr=asyncio.subprocess.PIPE
    )


async def ophion(folder, *words):
    """Run it to its end; (exit code, stdout, stderr)."""
    process = await start(folder, *words)
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


async def test_the_command_line_pushes_and_looks(shop):
    folder = shop.workshop.folder
    (folder / "v2.bin").write_bytes(shop.image("2.0.0").data)
    (folder / "bad.bin").write_bytes(tampered(shop.image("4.0.0")).data)
    async with shop.device():
        at = ("--ble", NAME, "--radio", "sim:device")
        code, out, err = await ophion(folder, "push", "v2.bin", *at, "--json")
        assert (code, err) == (0, "")
        events = [json.loads(line) for line in out.splitlines()]
        assert events[0]["event"] == "connected" and events[-1]["event"] == "confirmed"
        code, out, err = await ophion(folder, "push", "bad.bin", *at)
        assert code == 5 and err.startswith("error: the device refused to try the image: SHA-256")
        code, out, _ = await ophion(folder, "device", "images", *at, "--json")
        images = json.loads(out)["images"]
        assert next(image["version"] for image in images if image["active"]) == "2.0.0"
        code, out, _ = await ophion(folder, "device", "images", *at)
        assert code == 0 and "active, confirmed" in out
        code, out, _ = await ophion(folder, "device", "logs", *at)
        assert "confirmed" in out and "refused" in out
        code, out, _ = await ophion(folder, "device", "info", *at, "--json")
        assert json.loads(out)["mode"] == "app"
        code, out, _ = await ophion(folder, "device", "list", "--seconds", "1", "--radio", "sim:device")
        assert NAME in out and "dBm" in out
        code, out, _ = await ophion(folder, "device", "confirm", *at)
        assert code == 0
        code, out, _ = await ophion(folder, "device", "reset", *at)
        assert (code, out) == (0, f"{NAME} restarts\n")
        nobody = ("--ble", "nobody", "--timeout", "1", "--radio", "sim:device")
        code, out, err = await ophion(folder, "device", "info", *nobody)
        assert code == 4 and f"no device named nobody is in range\nhint: in range: {NAME}\n" in err


async def test_ctrl_c_in_the_middle_of_a_push_ends_it_with_130(shop):
    folder = shop.workshop.folder
    (folder / "v2.bin").write_bytes(shop.image("2.0.0", extra=400_000).data)
    async with shop.device() as sim:
        process = await start(folder, "push", "v2.bin", "--ble", NAME, "--radio", "sim:device", "--json")
        lines = []
        while not lines or json.loads(lines[-1])["event"] != "uploading":
            lines.append(await process.stdout.readline())
        process.send_signal(signal.SIGINT)
        out, err = await process.communicate()
        assert (process.returncode, err) == (130, b"")
        assert json.loads(out.splitlines()[-1])["error"] == "interrupted"
        assert len(sim.resets) == 1
        assert (await running()).version == "1.0.0"


async def test_on_a_terminal_there_is_a_bar(shop):
    folder = shop.workshop.folder
    (folder / "v2.bin").write_bytes(shop.image("2.0.0", extra=300_000).data)
    async with shop.device():
        ours, theirs = os.openpty()
        try:
            at = ("--ble", NAME, "--radio", "sim:device")
            process = await start(folder, "push", "v2.bin", *at, stdout=theirs)
            reader = asyncio.create_task(asyncio.to_thread(read_all, ours))
            _, err = await process.communicate()
        finally:
            os.close(theirs)
        shown = await reader
        os.close(ours)
        assert (process.returncode, err) == (0, b"")
        assert "uploading" in shown and re.search(r"[kM]B/s", shown)
        assert "version 2.0.0 is confirmed by the application" in shown


def read_all(handle):
    """Everything that is written to a pseudo-terminal until its other end is closed."""
    chunks = []
    with contextlib.suppress(OSError):
        while chunk := os.read(handle, 4096):
            chunks.append(chunk)
    return b"".join(chunks).decode()


async def test_a_reset_whose_answer_is_lost_is_a_reset(shop):
    async with shop.device() as sim:

        async def restart_first(event):
            if event.kind == "resetting":
                await sim.reset("hard")

        events = await collect(shop.image("2.0.0"), on_event=restart_first)
        assert kinds(events)[-2:] == ["running", "confirmed"]
        assert len(sim.resets) == 2
