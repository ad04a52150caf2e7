"""Flash wear of an update: erases at boot, of one sector, and bytes programmed, beside MCUboot's.

    python tools/bench/erases.py [--sectors N]... [--strategy NAME]...

For each strategy and each number of sectors N of the images (old and new are of one size), a device is
updated five times through the real upload, bootloader and verifier on the simulator's NOR flash: from the
factory, after a confirmed update, and after one that went back. Printed is the most that any of them cost.
It ends with 1 when a bound is broken.

MCUboot's numbers are those of its source (github.com/mcu-tools/mcuboot, boot/bootutil/src), with trailers of
one sector: swap_offset.c (`swap_run`, `fixup_revert`), swap_scratch.c (`boot_swap_sectors`), loader.c
(`boot_copy_image` with MCUBOOT_OVERWRITE_ONLY_FAST). direct-XIP copies nothing (docs/design.md).
"""

import argparse
import sys
from collections import namedtuple
from pathlib import Path

if not __package__:
    sys.path[0] = str(Path(__file__).parents[1])

from powercut.images import signed

from bench.device import SECTOR, BenchError, Device, smallest_areas

SECTORS = (1, 8, 32, 128)
HISTORY = ("confirmed", "reverted", "confirmed", "confirmed", "reverted")
"""What becomes of each update in turn."""

Bound = namedtuple("Bound", "per_sector trailers more back once worn")
"""Erases by the boot that installs: `per_sector` N + `trailers` for each trailer sector + `more`; `back` more
by the one that goes back. Of one sector (not of scratch): `once` by a boot, `worn` by upload and boot."""
Formula = namedtuple("Formula", "mode per_sector more back")
"""MCUboot's mode; erases of an upgrade, and what a revert adds to them (None: there is no way back)."""
Cost = namedtuple("Cost", "erases worst scratch programmed")
"""Erases; those of the most erased sector outside scratch and in it; bytes programmed."""
Figures = namedtuple("Figures", "strategy sectors trailer upload install revert upgrade")
"""Trailer sectors of a slot; the Costs of the upload with its request, of the boot that installs, of the boot
that goes back, and of upload and installing boot together."""

BOUNDS = {
    "swap_offset": Bound(2, 2, 0, 1, 1, 2),
    "swap_scratch": Bound(3, 2, 1, 0, 1, 2),
    "golden": Bound(1, 2, 1, 0, 1, 2),
    "ab": Bound(0, 0, 0, 0, 0, 2),
}
MCUBOOT = {
    # Both trailers; a revert erases the secondary's twice more, and the sector that it frees.
    "swap_offset": Formula("swap-offset", 2, 2, 3),
    # Both trailers, and the one that scratch has first.
    "swap_scratch": Formula("swap-scratch", 3, 3, 0),
    # The primary trailer, then header and trailer of the secondary slot.
    "golden": Formula("overwrite-only, fast", 1, 3, None),
    "ab": Formula("direct-XIP", 0, 0, None),
}


def measure(strategy: str, sectors: int) -> Figures:
    """Update a device of `strategy` with images of `sectors` sectors; BenchError when one does not run."""
    areas, trailer = smallest_areas(strategy, sectors)
    device = Device(strategy, areas)
    images = [signed(version, sectors * SECTOR) for version in range(1, len(HISTORY) + 2)]
    device.put("primary", images[0])
    if "golden" in areas:
        device.put("golden", images[0])
    runs = images[0]
    uploads, installs, reverts, upgrades = [], [], [], []
    for new, end in zip(images[1:], HISTORY, strict=True):
        begin = _counters(device)
        device.upload(new)
        uploaded = _counters(device)
        device.boot_runs(new)
        uploads.append(_cost(device, begin, uploaded))
        installs.append(_cost(device, uploaded))
        upgrades.append(_cost(device, begin))
        if end == "confirmed":
            device.strategy().confirm()
            runs = new
        else:
            runs = images[0] if "golden" in areas else runs
            installed = _counters(device)
            device.boot_runs(runs)
            reverts.append(_cost(device, installed))
    return Figures(strategy, sectors, trailer, *map(_most, (uploads, installs, reverts, upgrades)))


def _counters(device: Device):
    flash = device.flash
    return dict(flash.erased), flash.programmed


def _cost(device: Device, before, after=None) -> Cost:
    """What was done between two `_counters`, or since one."""
    erased, programmed = after or _counters(device)
    counts = {sector: count - before[0].get(sector, 0) for sector, count in erased.items()}
    offset, size = device.areas.get("scratch", (0, 0))
    scratch = range(offset // SECTOR, (offset + size) // SECTOR)
    inside = [count for sector, count in counts.items() if sector in scratch]
    outside = [count for sector, count in counts.items() if sector not in scratch]
    return Cost(sum(counts.values()), max(outside, default=0), max(inside, default=0), programmed - before[1])


def _most(costs: list[Cost]) -> Cost:
    return Cost(*(max(values) for values in zip(*costs, strict=True)))


def broken(figures: Figures, bounds: dict = BOUNDS) -> list[str]:
    """What `figures` are over: a line for each bound that they break."""
    bound = bounds[figures.strategy]
    limit = _limit(figures, bound)
    checks = (
        ("erases by the boot that installs", figures.install.erases, limit),
        ("erases by the boot that goes back", figures.revert.erases, limit + bound.back),
        ("erases of one sector by the boot that installs", figures.install.worst, bound.once),
        ("erases of one sector by the boot that goes back", figures.revert.worst, bound.once),
        ("erases of one sector by an upgrade, its upload included", figures.upgrade.worst, bound.worn),
    )
    return [
        f"{figures.strategy}, {figures.sectors} sectors: {what}: {found}, over {most}"
        for what, found, most in checks
        if found > most
    ]


def _limit(figures: Figures, bound: Bound) -> int:
    return bound.per_sector * figures.sectors + bound.trailers * figures.trailer + bound.more


COLUMNS = "strategy N | install bound MCUboot | revert MCUboot | install revert upgrade scratch "
COLUMNS += "| upload install revert"
LEGEND = """N: sectors of the image. Erases by the boot that installs and by the one that goes back; then
those of the most erased sector (scratch apart) by these boots and by an upgrade with its upload, and of one
scratch sector by a boot; last the KiB programmed.
MCUboot's modes: """


def table(rows: list[Figures], bounds: dict = BOUNDS) -> str:
    """The figures as text, one line each, and what they are."""
    lines = [COLUMNS.split(), *([str(cell) for cell in _cells(row, bounds)] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    text = ["  ".join(map(str.rjust, line, widths)) for line in lines]
    names = dict.fromkeys(row.strategy for row in rows)
    return "\n".join([*text, "", LEGEND + "; ".join(f"{name}: {MCUBOOT[name].mode}" for name in names) + "."])


def _cells(row: Figures, bounds: dict) -> list:
    formula = MCUBOOT[row.strategy]
    back = "-" if formula.back is None else _sum(row.sectors, formula.per_sector, formula.more + formula.back)
    return [
        *(row.strategy, row.sectors, "|"),
        *(row.install.erases, _limit(row, bounds[row.strategy])),
        *(_sum(row.sectors, formula.per_sector, formula.more), "|", row.revert.erases, back, "|"),
        *(row.install.worst, row.revert.worst, row.upgrade.worst, row.install.scratch or "-", "|"),
        *(f"{cost.programmed / 1024:.1f}" for cost in (row.upload, row.install, row.revert)),
    ]


def _sum(sectors: int, per_sector: int, more: int) -> str:
    """`per_sector` N + `more`, and the formula."""
    formula = f"{per_sector if per_sector > 1 else ''}N+{more}" if per_sector else str(more)
    return f"{formula}={per_sector * sectors + more}" if per_sector else formula


def main(argv: list[str] | None = None, bounds: dict = BOUNDS) -> int:
    """Measure and print; 0 when every bound holds, 1 when one does not, 2 when an update did not happen."""
    parser = argparse.ArgumentParser(prog="erases", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--sectors", action="append", type=int, metavar="N", help="of the images (again: more)"
    )
    parser.add_argument("--strategy", action="append", choices=BOUNDS, help="only this one (again: more)")
    args = parser.parse_args(argv)
    if min(args.sectors or SECTORS) < 1:
        parser.error("an image has one sector or more")
    try:
        rows = [measure(name, n) for name in args.strategy or BOUNDS for n in args.sectors or SECTORS]
    except BenchError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    problems = [line for row in rows for line in broken(row, bounds)]
    out = [table(rows, bounds), "", *(problems or ["every bound holds"])]
    sys.stdout.write("\n".join(out) + "\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
