"""What the bootloader costs in instructions of RV32IMAC, on real MicroPython in QEMU: the same in every run.

    python tools/bench/qemu.py [--markdown]

A device boots a confirmed image from its NOR flash, and the image counts: the boot that it came by, parts of
it, and what a server does with a packet. Another one has nothing that boots, and its firmware tells when
recovery can be reached. Times on a chip are something else: no wait states are in here. It ends with 1 when a
count is over its limit.
"""

import argparse
import re
import sys
import tempfile
from pathlib import Path

if not __package__:
    sys.path[0] = str(Path(__file__).parents[1])

from ophion.build.romfs import pack_romfs
from ophion.keys import open_signer
from ophion.sign import sign
from ophion.versions import parse_version
from qemu import build, device, rig

KIB = (32, 200)
KEY = build.ROOT / "tests" / "vectors" / "mcuboot" / "key-ed25519.pem"
ROOTS = build.ROOT / "tests" / "vectors" / "bad" / "roots.chain"
COUNTING = {"counting.py": (build.BOARD / "modules" / "counting.py").read_bytes()}
PROGRAM = Path(__file__).with_name("qemu_on_device.py")
RECOVERY = Path(__file__).with_name("qemu_recovery.py")
CLOCK_HZ = 160_000_000
CYCLES = 1.8
"""Of the clock for an instruction: what public benchmarks of MicroPython on an ESP32-C3 at 160 MHz come to
when their scripts are counted here, 90 million instructions a second. Nothing was measured on a chip."""
LIMITS = {
    "chunk": 40_000,
    "console": 100_000,
    "left": 0,
    "recovery_empty": int(1.5 * CLOCK_HZ / CYCLES),
    "recovery_bad": int(1.5 * CLOCK_HZ / CYCLES),
}
"""The most that each may be: instructions, and bytes of heap for `left`."""


def measure(kib: int, key_tables: bool = False) -> dict[str, int]:
    """Name -> number, for a device whose image holds `kib` KiB beside the program.

    The firmware is as on a chip; a swap and packets are counted with one whose modules were not linked.
    """
    return {**_run(kib, False, key_tables), **_run(kib, True, key_tables)}


def _run(kib: int, link: bool, key_tables: bool) -> dict[str, int]:
    signer = open_signer(f"file:{KEY}", allow_sample=True)
    roots, users = ROOTS.read_bytes(), [PROGRAM.read_bytes()]
    firmware = device.firmware([signer.public.raw], COUNTING, roots, link, key_tables, users=users)
    files = {"main.py": PROGRAM.read_bytes(), "asset.bin": bytes(i * 7 & 255 for i in range(kib * 1024))}
    image = sign(pack_romfs(files), parse_version("1.0.0"), signer)
    with tempfile.TemporaryDirectory() as folder, device.Device(Path(folder), firmware, image) as board:
        for _ in range(2):  # the first boot makes the file system
            board.start(icount=True)
            said = board.wait_for("end\n", timeout_s=120)
    numbers = {name: int(number) for name, number in re.findall(r"^(\w+) = (\d+)$", said, re.M)}
    return {"image": len(image), **numbers}


def recovery(kib: int) -> dict[str, int]:
    """Name -> instructions until recovery can be reached: nothing in the slots, or two images of `kib` KiB
    whose signatures are wrong, which is found out last."""
    signer = open_signer(f"file:{KEY}", allow_sample=True)
    firmware = device.firmware([signer.public.raw], {"main.py": RECOVERY.read_bytes()}, name="recovery")
    image = bytearray(sign(pack_romfs({"main.py": bytes(kib * 1024)}), parse_version("1.0.0"), signer))
    image[-1] ^= 1
    found = {}
    for name, content in (("recovery_empty", b""), ("recovery_bad", bytes(image))):
        with tempfile.TemporaryDirectory() as folder, device.Device(Path(folder), firmware, content) as board:
            if content:
                board.put("secondary", b"\xff" * board.layout.sector + content)
            for _ in range(2):  # the first boot makes the file system
                board.start(icount=True)
                said = board.wait_for("end\n", timeout_s=120)
        if content and "signature" not in said:
            raise rig.RigError("the images were refused for something else", said)
        found[name] = int(re.search(r"^recovery = (\d+)$", said, re.M).group(1))  # type: ignore[union-attr]
    return found


def broken(found: dict[str, int]) -> list[str]:
    """What is over its limit."""
    return [
        f"{name}: {found[name]:,}, over {limit:,}"
        for name, limit in LIMITS.items()
        if name in found and found[name] > limit
    ]


def rows(measured: dict[int, dict[str, int]], table: dict[str, int]) -> list[tuple[str, int]]:
    """(what, instructions), from the numbers of each image size; `table` are those of the first size on a
    board with a table of its key."""
    out = []
    for kib, found in measured.items():
        out.append((f"boot of a confirmed image of {kib} KiB, to its first line", found["boot"]))
        out.append(("verify that image, a second time", found["verify"]))
        out.append(("of it: SHA-256", found["hash"]))
    first = next(iter(measured))
    out.append((f"with a table of the key: boot of the image of {first} KiB", table["boot"]))
    out.append(("with a table of the key: verify that image, a second time", table["verify"]))
    last = list(measured.values())[-1]
    out.append(("swap, per sector of 4 KiB, without the flash", (last["swap8"] - last["swap4"]) // 4))
    out.append(("SMP: a packet of an upload, 500 bytes, without the flash, mean", last["chunk"]))
    out.append(("the most of them: one that enters a blank sector", last["chunk_most"]))
    out.append(("that packet from two writes of a radio to its answer, mean", last["radio"]))
    out.append(("that packet from lines of a console to the line of its answer", last["console"]))
    out.append(("that packet with this flash and its driver, mean", last["upload"]))
    out.append(("SMP: an echo of 400 characters", last["echo"]))
    if "recovery_empty" in last:
        out.append(("recovery can be reached, slots empty", last["recovery_empty"]))
        out.append(("the same, two images with wrong signatures", last["recovery_bad"]))
    return out


def main(argv: list[str] | None = None) -> int:
    """Count and print; 0, or 1 with one error when the device could not be built or did not answer."""
    parser = argparse.ArgumentParser(prog="qemu", description=__doc__.splitlines()[0])
    parser.add_argument("--markdown", action="store_true", help="print a table for a document")
    args = parser.parse_args(argv)
    try:
        measured = {kib: measure(kib) for kib in KIB}
        table = measure(KIB[0], key_tables=True)
        measured[KIB[-1]].update(recovery(KIB[-1]))
    except (build.BuildError, rig.RigError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    found = measured[KIB[-1]]
    lines = [("instructions of", "thousand")] + [
        (what, f"{number / 1000:,.1f}") for what, number in rows(measured, table)
    ]
    if args.markdown:
        lines.insert(1, ("---", "---:"))
        text = "\n".join(f"| {what} | {number} |" for what, number in lines)
    else:
        text = "\n".join(f"{what:62}{number:>12}" for what, number in lines)
    sys.stdout.write(f"{text}\n\n")
    sys.stdout.write(f"heap in use when the application starts: {found['heap']:,} bytes,")
    sys.stdout.write(f" {found['sector']:,} of them a buffer of one sector\n")
    sys.stdout.write(f"heap that a packet of an upload leaves behind: {found['left']} bytes\n")
    seconds = [found[name] * CYCLES / CLOCK_HZ for name in ("recovery_empty", "recovery_bad")]
    sys.stdout.write(
        "until recovery can be reached, at {} MHz and {} cycles an instruction: {:.2f} s, {:.2f} s\n".format(
            CLOCK_HZ // 10**6, CYCLES, *seconds
        )
    )
    problems = broken(found)
    sys.stdout.write("".join(f"{line}\n" for line in problems))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
