"""What the bootloader of a board takes of a chip's flash: frozen bytes on RV32, by module.

    python tools/bench/size.py [--board NAME ...] [--no-delta] [--all] [--no-roots] [--modules]

The board's firmware is what its layout asks for, linked, with an Ed25519 key and (unless --no-roots) a root
set of three. The figure is the difference between two firmwares for QEMU's RISC-V: with it, and without.
Both have MicroPython's asyncio. The heap that it takes is counted by tools/bench/qemu.py.
"""

import argparse
import dataclasses
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

if not __package__:
    sys.path[0] = str(Path(__file__).parents[1])

from ophion.build.boards import board_layout
from ophion.build.frozen import frozen_files, linked
from ophion.build.layout import Layout, load_layout
from ophion_boot.fmt.key import ALGORITHMS
from qemu import build

ROOTS = build.ROOT / "tests" / "vectors" / "bad" / "roots.chain"
KEY = (build.ROOT / "tests" / "vectors" / "mcuboot" / "key-ed25519-pub.raw").read_bytes()[-32:]
_BARE = {"_boot.py": b""}
_SHARED = "native code, tables, names and texts"


def typical() -> Layout:
    """The board that the limits are for, as it is delivered: it takes deltas."""
    return load_layout(board_layout("esp32c3"))


def without_delta(layout: Layout) -> Layout:
    """The same board, which takes whole images only."""
    return dataclasses.replace(layout, delta=False)


def everything(layout: Layout) -> Layout:
    """The same board with all algorithms and encryption."""
    return dataclasses.replace(layout.with_encryption(), signatures=tuple(ALGORITHMS))


def frozen_bytes(layout: Layout, roots: bool = True) -> int:
    """What the bootloader's frozen modules add to the firmware."""
    firmware = build.firmware(linked(_files(layout, roots)).files, "size")
    return _size(firmware) - _size(build.firmware(_BARE, "bare"))


def by_module(layout: Layout, roots: bool = True) -> dict[str, int]:
    """{module: bytes of its functions and classes}, and what cannot be told apart."""
    made = linked(_files(layout, roots))
    firmware = build.firmware(made.files, "size")
    done = subprocess.run(
        ["riscv64-unknown-elf-nm", "-S", str(firmware.elf)], capture_output=True, text=True, check=True
    )
    places = {root.replace(".", "_"): names for root, names in made.origins.items()}
    found: Counter[str] = Counter()
    for _, size, name in re.findall(r"^(\w+) (\w+) \w (\w+)$", done.stdout, re.M):
        found[_module(name, places)] += int(size, 16)
    del found[""]
    del found[_SHARED]
    found[_SHARED] = frozen_bytes(layout, roots) - sum(found.values())
    return dict(found)


def _module(symbol: str, places: dict[str, dict[str, str]]) -> str:
    """Which module a symbol of the frozen content belongs to, "" for none of ours."""
    match = re.match(r"(?:fun_data|proto_fun|children)_(.+)", symbol)
    for place, origins in places.items():
        if match and match[1].startswith(place + "_"):
            rest = match[1].removeprefix(place + "_")
            names = [name for name in origins if rest == name or rest.startswith(name + "_")]
            return origins[max(names, key=len)] if names else _SHARED
    return ""


def _files(layout: Layout, roots: bool) -> dict[str, bytes]:
    return frozen_files(layout, layout.name, [KEY], roots=ROOTS.read_bytes() if roots else b"")


def _size(firmware: build.Firmware) -> int:
    line = ["riscv64-unknown-elf-size", "-A", str(firmware.elf)]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    return sum(int(number) for number in re.findall(r"^\.(?:text|data)\s+(\d+)", done.stdout, re.M))


def main(argv: list[str] | None = None) -> int:
    """Measure and print; 0, or 1 with one error when the firmware could not be built."""
    parser = argparse.ArgumentParser(prog="size", description=__doc__.splitlines()[0])
    parser.add_argument("--board", action="append", metavar="NAME", help="default: the typical board")
    parser.add_argument("--all", action="store_true", help="with all algorithms and encryption")
    parser.add_argument("--no-delta", action="store_true", help="without deltas")
    parser.add_argument("--no-roots", action="store_true", help="keys alone, no chain")
    parser.add_argument("--modules", action="store_true", help="how much each module takes")
    args = parser.parse_args(argv)
    layouts = [load_layout(board_layout(name)) for name in args.board or []] or [typical()]
    try:
        for layout in layouts:
            chosen = everything(layout) if args.all else without_delta(layout) if args.no_delta else layout
            sys.stdout.write(f"{frozen_bytes(chosen, not args.no_roots):>8,}  {layout.name}\n")
            if args.modules:
                rows = sorted(by_module(chosen, not args.no_roots).items(), key=lambda row: -row[1])
                sys.stdout.writelines(f"{size:>8,}  {name}\n" for name, size in rows)
    except build.BuildError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
