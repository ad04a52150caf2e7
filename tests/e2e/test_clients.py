"""Clients of the field update a device: smpmgr as it is, and what the others send, byte by byte.

The orders of requests are those of nRF Connect Device Manager (Android, iOS), mcumgr-web and the mcumgr
command line; each ends with the new image running and confirmed.
"""

import asyncio
import contextlib
import hashlib
import sys
from pathlib import Path

import pytest
from bleak import BleakClient, BleakScanner
from ophion.errors import OphionError
from ophion.push import Confirmed, Link, Marked, PushOptions, Resetting, Uploaded, push
from ophion_boot.fmt.cbor import decode_map, encode
from ophion_boot.fmt.smp import pack_request

NAME = "e2e-device"
CHARACTERISTIC = "da2e7828-fbce-4e01-ae9e-261174997c48"
SMPMGR = Path(sys.executable).with_name("smpmgr")
# Serves, and lets the host confirm.
SERVES = """import ophion_app
print("up", ophion_app.version(), ophion_app.trial())
while True:
    ophion_app.poll(20)
    ophion_app.feed()
"""


class Central:
    """A connection on which requests are bytes; `version` is the SMP version, `window` requests in flight."""

    def __init__(self, client, version):
        self._client = client
        self.version = version
        self._seq = 0
        self._data = bytearray()
        self._answers = asyncio.Queue()

    def heard(self, _, data):
        self._data += data
        while len(self._data) >= 8 and len(self._data) >= 8 + int.from_bytes(self._data[2:4], "big"):
            end = 8 + int.from_bytes(self._data[2:4], "big")
            self._answers.put_nowait(bytes(self._data[:end]))
            del self._data[:end]

    async def write(self, request):
        step = self._client.mtu_size - 3
        for at in range(0, len(request), step):
            await self._client.write_gatt_char(CHARACTERISTIC, request[at : at + step], response=False)

    async def answer(self, seconds=40):
        answer = await asyncio.wait_for(self._answers.get(), seconds)
        return answer[6], decode_map(answer[8:])

    async def send(self, write, group, command, args):
        """One request; `args` None is no payload at all. Returns its sequence number."""
        seq, self._seq = self._seq, self._seq + 1 & 255
        payload = b"" if args is None else encode(args)
        await self.write(pack_request(self.version, write, group, seq, command, payload))
        return seq

    async def ask(self, write, group, command, args=None):
        seq = await self.send(write, group, command, args)
        answered, body = await self.answer()
        assert answered == seq and "rc" not in body and "err" not in body, body
        return body

    async def images(self, args=None):
        return (await self.ask(False, 1, 0, args))["images"]

    async def upload(self, data, chunk, window=1, **first):
        """`window` chunks in flight; when an answer is missing or asks for another offset, from there on."""
        head = {"len": len(data), "sha": hashlib.sha256(data).digest(), **first}
        done, flight, at = 0, 0, 0
        while done < len(data):
            while flight < window and at < len(data) and (at == 0 or done > 0):
                await self.send(
                    True, 1, 1, {"off": at, "data": data[at : at + chunk], **(head if at == 0 else {})}
                )
                at = min(at + chunk, len(data))
                flight += 1
            try:
                _, body = await self.answer(5)
            except asyncio.TimeoutError:
                at, flight = done, 0
                continue
            assert "off" in body, body
            flight -= 1
            if body["off"] <= done and not flight:
                at = body["off"]
            done = max(done, body["off"])
            assert body.get("match", True)


@contextlib.asynccontextmanager
async def central(version=1):
    found = await BleakScanner.find_device_by_name(NAME, timeout=20)
    assert found is not None, "the device does not advertise"
    async with BleakClient(found) as client:
        link = Central(client, version)
        await client.start_notify(CHARACTERISTIC, link.heard)
        yield link


def entry_of(images, digest):
    return next(image for image in images if image["hash"] == digest)


async def restarted(sim, count):
    await sim.wait_resets(count, 20)


async def test_android(bench):
    """nRF Connect Device Manager: probe, validate, upload with a window, test, reset, confirm by hash."""
    old, new = bench.image("1.0.0", SERVES), bench.image("1.1.0", SERVES, asset=30000)
    async with bench.device(old.image) as sim:
        await sim.wait_console("up 1.0.0")
        async with central() as link:
            await link.write(bytes.fromhex("000000010000ff06a0"))
            seq, params = await link.answer(5)
            assert seq == 0xFF and params["buf_size"] >= 256 and params["buf_count"] >= 2
            assert await link.ask(False, 0, 8, {}) == {"bootloader": "MCUboot"}
            assert (await link.ask(False, 0, 8, {"query": "mode"}))["mode"] == 3
            slots = await link.images({})
            assert [(slot["slot"], slot["active"], slot["confirmed"]) for slot in slots] == [(0, True, True)]
            await link.upload(new.image, params["buf_size"] - 80, params["buf_count"] - 1)
            marked = await link.ask(True, 1, 0, {"hash": new.hash, "confirm": False})
            assert entry_of(marked["images"], new.hash)["pending"]
            await link.ask(True, 0, 5, {})
            await restarted(sim, 2)
        async with central() as link:
            confirmed = await link.ask(True, 1, 0, {"hash": new.hash, "confirm": True})
            entry = entry_of(confirmed["images"], new.hash)
            assert entry["confirmed"] and entry["active"]


async def test_android_sends_nothing_twice(bench):
    """The image is there already: no upload, test, reset, confirm; and when it runs, nothing at all."""
    old, new = bench.image("1.0.0", SERVES), bench.image("1.1.0", SERVES)
    async with bench.device(old.image) as sim:
        await sim.wait_console("up 1.0.0")
        async with central() as link:
            await link.upload(new.image, 400)
        async with central() as link:
            found = entry_of(await link.images({}), new.hash)
            assert not (found["pending"] or found["confirmed"] or found["active"])
            await link.ask(True, 1, 0, {"hash": new.hash, "confirm": False})
            await link.ask(True, 0, 5, {})
            await restarted(sim, 2)
        async with central() as link:
            await link.ask(True, 1, 0, {"hash": new.hash, "confirm": True})
            found = entry_of(await link.images({}), new.hash)
            assert found["active"] and found["confirmed"]


@pytest.mark.parametrize("depth", [1, 3])
async def test_ios(bench, depth):
    """The same from iOS: one request in flight, or three of whole words; a list after the reset."""
    old, new = bench.image("1.0.0", SERVES), bench.image("1.1.0", SERVES, asset=20000)
    async with bench.device(old.image) as sim:
        await sim.wait_console("up 1.0.0")
        async with central() as link:
            params = await link.ask(False, 0, 6, {})
            assert depth < params["buf_count"]
            assert (await link.ask(False, 0, 8, {}))["bootloader"] == "MCUboot"
            assert (await link.ask(False, 0, 8, {"query": "mode"}))["mode"] == 3
            await link.images({})
            await link.upload(new.image, (params["buf_size"] - 90) // 4 * 4, depth, image=0)
            marked = await link.ask(True, 1, 0, {"hash": new.hash, "confirm": False})
            assert entry_of(marked["images"], new.hash)["pending"]
            await link.ask(True, 0, 5, {})
            await restarted(sim, 2)
        async with central() as link:
            assert entry_of(await link.images({}), new.hash)["active"]
            confirmed = await link.ask(True, 1, 0, {"hash": new.hash, "confirm": True})
            assert entry_of(confirmed["images"], new.hash)["confirmed"]


@pytest.mark.parametrize(("chunk", "window"), [(128, 1), (512, 8)])
async def test_web(bench, chunk, window):
    """mcumgr-web: version 1, no payload where there is nothing to say, small chunks, or a window of eight."""
    old, new = bench.image("1.0.0", SERVES), bench.image("1.1.0", SERVES, asset=8000)
    async with bench.device(old.image) as sim:
        await sim.wait_console("up 1.0.0")
        async with central(version=0) as link:
            assert len(await link.images()) == 1
            await link.upload(new.image, chunk, window)
            images = await link.images()
            flags = {name: images[1][name] for name in ("pending", "confirmed", "active", "permanent")}
            assert set(flags.values()) == {False}, "buttons want a false, not nothing"
            await link.ask(True, 1, 0, {"hash": new.hash, "confirm": False})
            assert (await link.images())[1]["pending"]
            await link.ask(True, 0, 5)
            await restarted(sim, 2)
        async with central(version=0) as link:
            assert (await link.images())[0]["active"]
            await link.ask(True, 1, 0, {"hash": new.hash, "confirm": True})
            assert entry_of(await link.images(), new.hash)["confirmed"]


async def test_the_mcumgr_command_line(bench):
    """Version 1; the upgrade erases first, names image 0, has five chunks in flight, and always the hash."""
    old, new = bench.image("1.0.0", SERVES), bench.image("1.1.0", SERVES, asset=8000)
    async with bench.device(old.image) as sim:
        await sim.wait_console("up 1.0.0")
        async with central(version=0) as link:
            assert (await link.ask(True, 0, 0, {"d": "hello"})) == {"r": "hello"}
            await link.ask(True, 1, 5, {})
            await link.upload(new.image, 480, 5, image=0)
            await link.ask(True, 1, 0, {"hash": new.hash, "confirm": False})
            await link.ask(True, 0, 5, {})
            await restarted(sim, 2)
        async with central(version=0) as link:
            await link.ask(True, 1, 0, {"hash": new.hash, "confirm": True})
            assert entry_of(await link.images({}), new.hash)["confirmed"]


async def smpmgr(sim, *words):
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "ophion.sim.bleak_bumble",
        sim.transport,
        str(SMPMGR),
        "--ble",
        NAME,
        "--timeout",
        "20",
        *(str(word) for word in words),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output = (await asyncio.wait_for(process.communicate(), 90))[0].decode()
    assert process.returncode == 0, output
    return output


@pytest.mark.timeout(400)  # each smpmgr takes seconds to start, more on a loaded machine
@pytest.mark.parametrize("slot", [[], ["--slot", "1"]])
async def test_smpmgr_upgrades_in_its_default_flow(bench, slot):
    """`upgrade` sends a test only with a slot that is not 0; the device tries the image all the same."""
    old, new = bench.image("1.0.0", SERVES), bench.image("1.1.0", SERVES, asset=20000)
    async with bench.device(old.image) as sim:
        await sim.wait_console("up 1.0.0")
        output = await smpmgr(sim, "upgrade", *slot, bench.directory / "1.1.0.bin")
        assert "Upgrade complete" in output
        await restarted(sim, 2)
        await sim.wait_console("up 1.1.0 (1, 3)")
        assert new.hash.hex()[:8] in (await smpmgr(sim, "image", "state-read")).replace(" ", "").lower()
        await smpmgr(sim, "image", "state-write", new.hash.hex(), "--confirm")
        await smpmgr(sim, "os", "reset")
        await restarted(sim, 3)
        await sim.wait_console("up 1.1.0 None")


@pytest.mark.timeout(400)
async def test_smpmgr_step_by_step(bench):
    old, new = bench.image("1.0.0", SERVES), bench.image("1.1.0", SERVES)
    async with bench.device(old.image) as sim:
        await sim.wait_console("up 1.0.0")
        await smpmgr(sim, "image", "upload", bench.directory / "1.1.0.bin")
        await smpmgr(sim, "image", "state-write", new.hash.hex())
        await smpmgr(sim, "os", "reset")
        await restarted(sim, 2)
        await sim.wait_console("up 1.1.0 (1, 3)")
        await smpmgr(sim, "image", "state-write", new.hash.hex(), "--confirm")
        assert "requests" in await smpmgr(sim, "statistics", "get", "link")
        await smpmgr(sim, "image", "erase", 1)
        async with Link(NAME) as link:
            (image,) = await link.images()
            assert image.confirmed and image.version == "1.1.0"


async def test_a_reset_with_a_question_before_it_tries_nothing(bench):
    old, new = bench.image("1.0.0", SERVES), bench.image("1.1.0", SERVES)
    async with bench.device(old.image) as sim:
        await sim.wait_console("up 1.0.0")
        async with central() as link:
            await link.upload(new.image, 400)
            await link.images({})
            await link.ask(True, 0, 5, {})
            await restarted(sim, 2)
        await sim.wait_console("up 1.0.0")
        async with central() as link:
            await link.upload(new.image, 400)
        async with central() as link:  # somebody else
            await link.ask(False, 0, 6, {})
            await link.ask(True, 0, 5, {})
            await restarted(sim, 3)
        await sim.wait_console("up 1.0.0")


async def test_a_bad_image_is_refused_after_the_answer_to_the_reset(bench):
    old, new = bench.image("1.0.0", SERVES), bench.image("1.1.0", SERVES, asset=9000)
    async with bench.device(old.image) as sim:
        await sim.wait_console("up 1.0.0")
        bad = bytearray(new.image)
        bad[5000] ^= 1
        async with central() as link:
            await link.upload(bytes(bad), 2000)
            assert await link.ask(True, 0, 5, {}) == {}
            await restarted(sim, 2)
        await sim.wait_console("up 1.0.0")
        async with Link(NAME) as link:
            last = (await link.log())[-1]
            assert last.event == "refused" and "SHA-256" in last.reason


async def test_pushing_what_is_there_ends_a_recovery(bench):
    """The image in the primary slot does not run because this is recovery: it is not sent, it is started."""
    old = bench.image("1.0.0", SERVES)
    async with bench.device(old.image) as sim:
        await sim.wait_console("up 1.0.0")
        async with Link(NAME) as link:
            await link.recover()
        await sim.wait_console("recovery, advertising")
        events = [event async for event in push(old, NAME)]
        kinds = [type(event) for event in events]
        assert Uploaded not in kinds and Marked in kinds and Resetting in kinds
        assert isinstance(events[-1], Confirmed) and events[-1].version == "1.0.0"
        await sim.wait_console("up 1.0.0")


async def test_pushing_what_is_damaged_repairs_it(bench):
    """The primary slot lost a bit: the device waits in recovery, and the same image is sent again."""
    old = bench.image("1.0.0", SERVES, asset=9000)
    async with bench.device(old.image) as sim:
        await sim.wait_console("up 1.0.0")
        await sim.power_cut()
        flash = bytearray(sim.flash())
        at = bytes(flash).index(old.image)
        flash[at + 5000] ^= 1
        (sim.directory / "flash.bin").write_bytes(flash)
        await sim.power_on()
        await sim.wait_console("recovery, advertising")
        async with Link(NAME) as link:
            with pytest.raises(OphionError, match="SHA-256"):
                await link.test(old.hash)
        events = [event async for event in push(old, NAME, PushOptions(confirm=True))]
        assert Uploaded in [type(event) for event in events]
        assert isinstance(events[-1], Confirmed) and events[-1].by == "host"
        await sim.wait_console("up 1.0.0")
