"""Tools that nobody here wrote talk to the device over its UART: mpremote, and smpclient."""

import contextlib
import subprocess
import sys
import time

import serial
from smpclient import SMPClient
from smpclient.generics import error, success
from smpclient.mcuboot import IMAGE_TLV, ImageInfo
from smpclient.requests.image_management import ImageStatesRead, ImageStatesWrite
from smpclient.requests.os_management import EchoWrite, MCUMgrParametersRead, ResetWrite
from smpclient.transport.serial import SMPSerialTransport

# mpremote stops the program that feeds the watchdog: a minute is enough for what it does here.
IDLE = """
import machine, time
machine.WDT(timeout=60_000)
while True:
    print("app runs")
    time.sleep_ms(100)
"""
HELLO = "import ophion_app\nprint('app', ophion_app.version(), ophion_app.trial())\n"
SERVES = "import asyncio, ophion_app\nasyncio.run(ophion_app.serve())\n"


def start(device):
    """Switch on and wait for IDLE: mpremote knows no device that still boots."""
    device.start(pty=True)
    with serial.Serial(device.port, timeout=30) as port:
        assert port.read_until(b"app runs").endswith(b"app runs")


def mpremote(port, *words):
    line = [sys.executable, "-m", "mpremote", "connect", port, *words]
    done = subprocess.run(line, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.replace("\r\n", "\n")


def test_mpremote_interrupts_an_application_and_runs_code(bench):
    with bench.device(bench.image("1.0.0", IDLE)) as device:
        start(device)
        assert mpremote(device.port, "exec", "import sys; print(sys.platform, 6 * 7)") == "qemu 42\n"


def test_mpremote_copies_files_that_are_there_after_a_reset(bench, tmp_path):
    (tmp_path / "notes.txt").write_bytes(bytes(range(256)) * 8)
    with bench.device(bench.image("1.0.0", IDLE)) as device:
        start(device)
        mpremote(device.port, "resume", "fs", "cp", str(tmp_path / "notes.txt"), ":notes.txt")
        start(device)
        assert "2048 notes.txt" in mpremote(device.port, "resume", "fs", "ls")
        back = tmp_path / "back.txt"
        mpremote(device.port, "resume", "fs", "cp", ":notes.txt", str(back))
        assert back.read_bytes() == bytes(range(256)) * 8


def test_mpremote_soft_reset_boots_the_same_image(bench):
    with bench.device(bench.image("1.0.0", IDLE)) as device:
        start(device)
        code = "from ophion_boot import main; print(main.device.boot.image.version)"
        assert mpremote(device.port, "soft-reset", "exec", code).endswith("1.0.0\n")


@contextlib.asynccontextmanager
async def connected(port):
    """A client of a device that answers; one that still boots does not, and loses what is sent."""
    deadline = time.monotonic() + 30
    while True:
        async with SMPClient(SMPSerialTransport(), port) as client:
            try:
                await client.request(EchoWrite(d="up?"), timeout_s=1)
                break
            except TimeoutError:
                assert time.monotonic() < deadline, "the device does not answer"
    async with SMPClient(SMPSerialTransport(), port) as client:
        yield client


async def ask(client, request):
    response = await client.request(request, timeout_s=30)
    assert success(response), response
    return response


def digest_of(folder, image):
    path = folder / "image.bin"
    path.write_bytes(image)
    return ImageInfo.load_file(str(path)).get_tlv(IMAGE_TLV.SHA256).value


async def send(client, image):
    async for _ in client.upload(image, first_timeout_s=30, subsequent_timeout_s=30):
        pass


async def test_smpclient_updates_a_device_that_has_nothing_to_run(bench, tmp_path):
    image = bench.image("1.0.0", SERVES, asset=30_000)
    digest = digest_of(tmp_path, image)
    with bench.device() as device:
        device.start(pty=True)
        async with connected(device.port) as client:
            assert (await ask(client, EchoWrite(d="x" * 400))).r == "x" * 400
            params = await ask(client, MCUMgrParametersRead())
            assert (params.buf_size, params.buf_count) == (2475, 4)
            await send(client, image)
            await ask(client, ImageStatesWrite(hash=digest, confirm=False))
            await ask(client, ResetWrite())
        time.sleep(1)  # the reset comes 300 ms after its answer
        async with connected(device.port) as client:
            first = (await ask(client, ImageStatesRead())).images[0]
            assert (first.active, first.confirmed, first.version, first.hash) == (
                True,
                False,
                "1.0.0",
                digest,
            )
            await ask(client, ImageStatesWrite(confirm=True))
            assert (await ask(client, ImageStatesRead())).images[0].confirmed
        device.stop()
        assert device.reads("primary", len(image)) == image


async def test_smpclient_cannot_install_what_was_tampered_with(bench, tmp_path):
    good = bench.image("2.0.0", HELLO, asset=3000)
    bad = bytearray(good)
    bad[2000] ^= 1
    old = bench.image("1.0.0", SERVES)
    with bench.device(old) as device:
        device.start(pty=True)
        async with connected(device.port) as client:
            await send(client, bytes(bad))
            answer = await client.request(
                ImageStatesWrite(hash=digest_of(tmp_path, good), confirm=False), timeout_s=30
            )
            assert error(answer)
            images = (await ask(client, ImageStatesRead())).images
            assert [image.version for image in images if image.active] == ["1.0.0"]
        device.start()
        assert "ophion: 1.0.0 runs" in device.wait_for("runs")
        device.stop()
        assert device.reads("primary", len(old)) == old
