"""What a boot of an installed, confirmed image costs: flash reads, writes, erases, and instructions.

    python tools/bench/boot.py [--kib N]... [--strategy NAME]... [--jobs N]

For each strategy, on the simulated board that has it, an image of N KiB is installed by a real update and
confirmed. Then one more boot is counted, from the strategy to the image that may run. Mounting the payload is
not in it, nor the event log of the simulated board (its two sectors are read at a reset).

Flash is counted on CPython, which runs the same code. Instructions are those of callgrind (Valgrind) on
MicroPython's Unix port: a run that boots, less one that does all but the boot. They are x86-64 instructions,
and SHA-256 is software in C, so a chip's numbers are others. The heap is large enough that no garbage is
collected while they are counted.

It ends with 1 when a boot writes or erases anything.
"""

import argparse
import functools
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import namedtuple
from multiprocessing.pool import ThreadPool
from pathlib import Path

if not __package__:
    sys.path[0] = str(Path(__file__).parents[1])

from ophion.build.device_module import device_module
from ophion.build.layout import Layout, load_layout
from ophion.sim.runtime import find_runtime
from powercut import ROOT
from powercut.images import KEYS, signed

from bench.device import BenchError, Device

KIB = (32, 200)
HEAP = "16M"
PARTS = ("start", "boot", "hash", "signature")
"""What boot_on_micropython.py can do; all but `start` are counted less `start`."""
SCRIPT = Path(__file__).with_name("boot_on_micropython.py")

Figures = namedtuple("Figures", "strategy kib read reads programs erases")
"""Bytes read from flash and in how many reads, programs and erases, of one boot."""
Instructions = namedtuple("Instructions", "boot hash signature")


@functools.cache
def layouts() -> dict[str, Layout]:
    """The simulated board of each strategy."""
    found = [load_layout(path) for path in sorted((ROOT / "boards").glob("*/layout.toml"))]
    return {layout.strategy: layout for layout in found if layout.hw == "sim"}


def confirmed(strategy: str, kib: int) -> Device:
    """A device whose image of `kib` KiB came by an update and is confirmed."""
    layout = layouts()[strategy]
    areas = {name: (area.offset, area.size) for name, area in layout.areas.items()}
    device = Device(strategy, areas, layout.write_size, layout.trials)
    old, new = _images(kib)
    device.put("primary", old)
    if "golden" in areas:
        device.put("golden", old)
    device.upload(new)
    device.boot_runs(new)
    if not device.strategy().confirm():
        raise BenchError(f"{strategy}: there was no trial to confirm")
    return device


def _images(kib: int) -> tuple[bytes, bytes]:
    return signed(1, kib * 1024), signed(2, kib * 1024)


def count_flash(device: Device, kib: int) -> Figures:
    """Boot `device` once more; what that did to its flash."""
    flash = device.flash
    before = flash.read, flash.reads, flash.ops, flash.erases
    boot = device.boot()
    read, reads, ops, erases = (
        now - then
        for now, then in zip((flash.read, flash.reads, flash.ops, flash.erases), before, strict=True)
    )
    if boot.image is None or boot.image.version != "2.0.0" or boot.trial is not None:
        raise BenchError(f"{device.name}: the confirmed image did not boot ({boot.reason})")
    return Figures(device.name, kib, read, reads, ops - erases, erases)


def count_instructions(device: Device, valgrind: str) -> Instructions:
    """What that boot, and parts of it, take on MicroPython; `valgrind` is the program."""
    with tempfile.TemporaryDirectory() as folder:
        prepare(device, Path(folder))
        start, *counts = (_callgrind(valgrind, Path(folder), part) for part in PARTS)
    return Instructions(*(count - start for count in counts))


def prepare(device: Device, folder: Path) -> None:
    """Write what boot_on_micropython.py wants to find in `folder`."""
    layout = layouts()[device.name]
    (folder / "flash.bin").write_bytes(device.content())
    (folder / "ophion_layout.py").write_text(device_module(layout, "bench", [key for _, key in KEYS]))


def command(folder: Path, part: str) -> list[str]:
    """The command that runs `part` on MicroPython."""
    runtime = find_runtime()
    program = [sys.executable, "-m", "micropython_unix"] if runtime.startswith("module:") else [runtime]
    return [*program, "-X", f"heapsize={HEAP}", str(SCRIPT), str(ROOT), str(folder), str(PARTS.index(part))]


def _callgrind(valgrind: str, folder: Path, part: str) -> int:
    tool = [valgrind, "--tool=callgrind", f"--callgrind-out-file={folder / 'callgrind.out'}"]
    # The PyPI package runs inside CPython: its hashes must be the same in both runs.
    done = subprocess.run(
        [*tool, *command(folder, part)],
        env={**os.environ, "PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode or "done\n" not in done.stdout or found is None:
        raise BenchError(f"callgrind, {part}: {(done.stdout + done.stderr).strip()[-300:]}")
    return int(found.group(1))


def broken(figures: Figures) -> list[str]:
    """What a boot did that it must not do."""
    done = (("programs", figures.programs), ("erases", figures.erases))
    return [f"{figures.strategy}, {figures.kib} KiB: a boot {what} flash ({n})" for what, n in done if n]


def table(rows: list[tuple[Figures, Instructions | None]]) -> str:
    """The figures as text, one line each."""
    lines = ["strategy      image KiB  bytes read  beside image  reads  programs  erases"]
    if any(counts for _, counts in rows):
        lines[0] += "  | million instructions: boot    hash  signature  rest"
    for row, counts in rows:
        beside = row.read - row.kib * 1024
        line = f"{row.strategy:12}  {row.kib:9}  {row.read:10,}  {beside:12,}  {row.reads:5}"
        line += f"  {row.programs:8}  {row.erases:6}"
        if counts:
            rest = counts.boot - counts.hash - counts.signature
            line += f"  | {counts.boot / 1e6:26.2f}  {counts.hash / 1e6:6.2f}  {counts.signature / 1e6:9.2f}"
            line += f"  {rest / 1e6:4.2f}"
        lines.append(line)
    return "\n".join(lines)


def main(argv: list[str] | None = None, valgrind: str = "valgrind") -> int:
    """Count and print; 0, or 1 when a boot wrote to flash, or 2 when it could not be counted."""
    parser = argparse.ArgumentParser(prog="boot", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--kib", action="append", type=int, metavar="N", help="size of the image (again: more)"
    )
    parser.add_argument("--strategy", action="append", choices=layouts(), help="only this one (again: more)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), metavar="N")
    args = parser.parse_args(argv)
    program = shutil.which(valgrind)
    try:
        devices = [
            (confirmed(name, kib), kib) for name in args.strategy or layouts() for kib in args.kib or KIB
        ]
        flash = [count_flash(device, kib) for device, kib in devices]
        counts = [None] * len(devices)
        if program:
            with ThreadPool(args.jobs) as pool:
                counts = pool.map(lambda pair: count_instructions(pair[0], program), devices, chunksize=1)
    except (BenchError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    problems = [line for row in flash for line in broken(row)]
    out = [table(list(zip(flash, counts, strict=True)))]
    if not program:
        out.append(
            f"instructions were not counted: there is no {valgrind} (on Debian: apt-get install valgrind)"
        )
    sys.stdout.write("\n".join(out + problems) + "\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
