"""Tools that nobody here wrote work with the device and its images: smpclient, imgtool."""

import asyncio
import sys
from pathlib import Path

NAME = "e2e-device"
PROGRAM = Path(__file__).parent / "programs" / "smpclient_program.py"
IMGTOOL_OPTIONS = ["--header-size", "0x20", "--pad-header", "--slot-size", "0x80000", "--align", "4"]


async def test_an_unmodified_smpclient_program_updates_the_device(bench):
    old, new = bench.image("1.0.0"), bench.image("1.1.0", asset=20000)
    async with bench.device(old.image) as sim:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "ophion.sim.bleak_bumble",
            sim.transport,
            str(PROGRAM),
            NAME,
            str(bench.directory / "1.1.0.bin"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output = (await asyncio.wait_for(process.communicate(), 60))[0].decode()
    assert process.returncode == 0, output
    assert "params 2475 4" in output and "bootloader MCUboot" in output
    assert "before 1.0.0" in output and f"uploaded {len(new.image)}" in output
    assert "runs 1.1.0 confirmed" in output


async def test_the_device_boots_what_imgtool_signs_and_imgtool_verifies_what_we_sign(bench):
    payload, _ = bench.payload("2.3.4")
    raw, theirs = bench.directory / "payload.romfs", bench.directory / "theirs.bin"
    raw.write_bytes(payload)
    code, output = bench.tool(
        "imgtool.main", "sign", "-k", bench.key, "--version", "2.3.4", *IMGTOOL_OPTIONS, raw, theirs
    )
    assert code == 0, output
    async with bench.device(theirs.read_bytes()) as sim:
        await sim.wait_console("ophion: 2.3.4 runs")
        await sim.wait_console("e2e 2.3.4")
    bench.image("2.3.4")
    public = bench.key.with_suffix(".pub")
    code, output = bench.tool("imgtool.main", "verify", "-k", public, bench.directory / "2.3.4.bin")
    assert code == 0 and "Image was correctly validated" in output, output
    code, output = bench.tool("imgtool.main", "dumpinfo", bench.directory / "2.3.4.bin")
    assert code == 0 and "ED25519" in output, output
