"""How fast an upload over BLE is, on a simulated link in virtual time: the same numbers in every run.

    python tools/bench/link [--kib N] [--profile NAME]... [--markdown]

Three runs for each profile: Ophion's uploader and unmodified smpclient to our device, and smpclient to a
device with the buffers that Zephyr has by default. Host, client and device are the real code; radio and flash
are times (radio.py and device.py state them and where they are from). The bound is what link or flash allow,
whichever is less: the link's is what back-to-back writes carry, the flash's is erasing and programming one
sector after the other. It ends with 1 when a figure that is held is missed.
"""

import argparse
import sys
from pathlib import Path

if not __package__:
    sys.path[0] = str(Path(__file__).parents[2])

from bench.link import device
from bench.link.clients import Outcome
from bench.link.figures import PROFILES, RUNS, Limits, Profile, bounds, broken, measure, ratios

KIB = 256
HEAD = ("link", "bound: link, flash", *(f"{client} to {kind.name}" for client, kind in RUNS))
HEAD += ("device busy", "of the bound", "over Zephyr-like", "over smpclient", "smpclient over Zephyr-like")


def row(profile: Profile, outcomes: list[Outcome]) -> list[str]:
    """The cells of one profile: kB/s, then ratios; what is not held stands in brackets."""
    link, flash = bounds(profile)
    cells = [profile.name, f"{link / 1000:.1f}, {flash / 1000:.1f}"]
    cells += [f"{outcome.rate / 1000:.1f}" for outcome in outcomes]
    cells.append(f"{100 * outcomes[0].busy / outcomes[0].seconds:.0f} %")
    for name, value in ratios(profile, outcomes).items():
        text = f"{100 * value:.0f} %" if name == "share" else f"{value:.2f}"
        cells.append(text if name in profile.held else f"({text})")
    return cells


def stated() -> str:
    """What the radio and the flash are."""
    erase, program = 1000 * device.ERASE_S, 1000 * device.PROGRAM_S
    request, write = 1000 * device.OURS.request_s, 1000 * device.OURS.write_s
    return (
        f"flash: {erase:.0f} ms a sector of {device.SECTOR}, {program:.1f} ms a page of {device.PAGE} "
        f"(W25Q32JV, typical); processor: {request:.1f} ms a request, {write:.1f} ms a write"
    )


def main(argv: list[str] | None = None, limits: Limits | None = None) -> int:
    """Measure and print; 0, or 1 when a figure is missed."""
    parser = argparse.ArgumentParser(prog="link", description=__doc__.splitlines()[0])
    parser.add_argument("--kib", type=int, default=KIB, metavar="N", help=f"size of the image, default {KIB}")
    names = [profile.name for profile in PROFILES]
    parser.add_argument("--profile", action="append", choices=names, help="only this one (again: more)")
    parser.add_argument("--markdown", action="store_true", help="print a table for a document")
    args = parser.parse_args(argv)
    chosen = [profile for profile in PROFILES if profile.name in (args.profile or names)]
    measured = [(profile, measure(profile, args.kib)) for profile in chosen]
    lines = [row(profile, outcomes) for profile, outcomes in measured]
    if args.markdown:
        table = [HEAD, ["---"] * len(HEAD), *lines]
        text = "\n".join("| " + " | ".join(cells) + " |" for cells in table)
    else:
        text = "\n".join(
            f"{cells[0]}\n"
            + "\n".join(f"  {what:28}{cell:>14}" for what, cell in zip(HEAD[1:], cells[1:], strict=True))
            for cells in lines
        )
    notes = [f"{profile.name}: {profile.why}" for profile in chosen if profile.why]
    problems = [line for profile, outcomes in measured for line in broken(profile, outcomes, limits)]
    sys.stdout.write("\n".join([text, "", "kB/s; " + stated(), *notes, *problems]) + "\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
