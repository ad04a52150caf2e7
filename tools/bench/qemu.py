"""What the bootloader costs in instructions of RV32IMAC, on real MicroPython in QEMU: the same in every run.

    python tools/bench/qemu.py [--markdown]

A device boots a confirmed image from its NOR flash, and the image counts: the boot that it came by, parts of
it, and what a server does with a packet. Times on a chip are something else: no wait states are in here.
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


def measure(kib: int) -> dict[str, int]:
    """Name -> number, for a device whose image holds `kib` KiB beside the program.

    The firmware is as on a chip; a swap and packets are counted with one whose modules were not linked.
    """
    return {**_run(kib, False), **_run(kib, True)}


def _run(kib: int, link: bool) -> dict[str, int]:
    signer = open_signer(f"file:{KEY}", allow_sample=True)
    firmware = device.firmware([signer.public.raw], COUNTING, ROOTS.read_bytes(), link)
    files = {"main.py": PROGRAM.read_bytes(), "asset.bin": bytes(i * 7 & 255 for i in range(kib * 1024))}
    image = sign(pack_romfs(files), parse_version("1.0.0"), signer)
    with tempfile.TemporaryDirectory() as folder, device.Device(Path(folder), firmware, image) as board:
        for _ in range(2):  # the first boot makes the file system
            board.start(icount=True)
            said = board.wait_for("end\n", timeout_s=120)
    numbers = {name: int(number) for name, number in re.findall(r"^(\w+) = (\d+)$", said, re.M)}
    return {"image": len(image), **numbers}


def rows(measured: dict[int, dict[str, int]]) -> list[tuple[str, int]]:
    """(what, instructions), from the numbers of each image size."""
    out = []
    for kib, found in measured.items():
        out.append((f"boot of a confirmed image of {kib} KiB, to its first line", found["boot"]))
        out.append(("verify that image, a second time", found["verify"]))
        out.append(("of it: SHA-256", found["hash"]))
    last = list(measured.values())[-1]
    out.append(("swap, per sector of 4 KiB, without the flash", (last["swap8"] - last["swap4"]) // 4))
    out.append(("SMP: a packet of an upload, 512 bytes", last["upload"]))
    out.append(("SMP: an echo of 400 characters", last["echo"]))
    out.append(("SMP over console: that packet of 512 bytes out of its lines", last["console"]))
    return out


def main(argv: list[str] | None = None) -> int:
    """Count and print; 0, or 1 with one error when the device could not be built or did not answer."""
    parser = argparse.ArgumentParser(prog="qemu", description=__doc__.splitlines()[0])
    parser.add_argument("--markdown", action="store_true", help="print a table for a document")
    args = parser.parse_args(argv)
    try:
        measured = {kib: measure(kib) for kib in KIB}
    except (build.BuildError, rig.RigError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    found = measured[KIB[-1]]
    lines = [("instructions of", "thousand")] + [
        (what, f"{number / 1000:,.1f}") for what, number in rows(measured)
    ]
    if args.markdown:
        lines.insert(1, ("---", "---:"))
        text = "\n".join(f"| {what} | {number} |" for what, number in lines)
    else:
        text = "\n".join(f"{what:62}{number:>12}" for what, number in lines)
    sys.stdout.write(f"{text}\n\n")
    sys.stdout.write(f"heap in use when the application starts: {found['heap']:,} bytes,")
    sys.stdout.write(f" {found['sector']:,} of them a buffer of one sector\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
