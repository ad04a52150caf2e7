"""`python tools/powercut`, or `python -m powercut` with tools on the path."""

import argparse
import functools
import multiprocessing
import sys
import time
from pathlib import Path

if not __package__:
    sys.path[0] = str(Path(__file__).parents[1])

from powercut import campaign, mutations, on_micropython, report
from powercut.targets import TARGETS

SHARE = 2_500
QUICK_SHARE = 100


def arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="powercut", description=campaign.__doc__)
    parser.add_argument("--strategy", action="append", choices=TARGETS, help="only this one (again: more)")
    parser.add_argument(
        "--action", action="append", choices=campaign.ACTIONS, help="only this one (again: more)"
    )
    parser.add_argument("--quick", action="store_true", help="a sample, for every day")
    parser.add_argument("--real-verifier", action="store_true", help="Ed25519 in every case; slow")
    parser.add_argument("--without", choices=mutations.MUTATIONS, default="", help="switch a mending off")
    parser.add_argument("--replay", metavar="NAME", help="one state, by the name that a failure shows")
    parser.add_argument("--html", metavar="FILE", type=Path, help="write the table as a page, too")
    parser.add_argument(
        "--micropython",
        type=_count,
        metavar="N",
        help=f"boot N states on MicroPython, too (by default {SHARE:,}; --quick {QUICK_SHARE}; --without: 0)",
    )
    parser.add_argument("--jobs", type=int, default=multiprocessing.cpu_count(), metavar="N")
    return parser.parse_args(argv)


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{number} is less than 0")
    return number


def main(argv: list[str] | None = None) -> int:
    """Run; 0 when nothing failed, 1 when something did."""
    args = arguments(argv)
    if args.replay:
        return _replay(args.replay, args.without)
    share = _share(args)
    if share and args.without:
        sys.stderr.write("--micropython: MicroPython runs the bootloader as it is, not --without\n")
        return 2
    started = time.monotonic()
    results = run(args, share)
    checked = run_share(results, share, args.jobs) if share else None
    seconds = time.monotonic() - started
    sys.stdout.write(report.text(results, seconds, checked) + "\n")
    if args.html:
        title = "Power-cut campaign" + (f", without {args.without}" if args.without else "")
        args.html.write_text(report.page(results, seconds, title, checked))
    return 0 if passed(results, checked) else 1


def _share(args: argparse.Namespace) -> int:
    if args.micropython is not None:
        return args.micropython
    if args.without:
        return 0
    return QUICK_SHARE if args.quick else SHARE


def passed(results: list, checked: list | None) -> bool:
    """Something was run, and nothing failed; so on MicroPython, if it was asked for."""
    if not results or any(result.failed for result in results):
        return False
    if checked is None:
        return True
    return any(lot.states for lot in checked) and not any(lot.failures for lot in checked)


def run(args: argparse.Namespace, share: int = 0) -> list:
    """All cases on `args.jobs` cores; results in the order of the cases."""
    cases = campaign.cases(args.strategy, args.action, args.quick, args.real_verifier)
    plan = campaign.QUICK if args.quick else campaign.FULL
    draw = -(-share // len(cases))
    work = functools.partial(campaign.run_case, plan=plan, without=args.without, draw=draw)
    return _on_cores(work, cases, args.jobs)


def run_share(results: list, share: int, jobs: int) -> list:
    """[Checked]: `share` of the states on MicroPython."""
    lots = on_micropython.batches(on_micropython.draw(results, share))
    return _on_cores(on_micropython.check, lots, jobs)


def _on_cores(work, items: list, jobs: int) -> list:
    if jobs == 1:
        return [work(item) for item in items]
    with multiprocessing.Pool(jobs) as pool:
        return pool.map(work, items, chunksize=1)


def _replay(name: str, without: str) -> int:
    try:
        problems = campaign.replay(name, without)
        excluded = campaign.replay_excluded(name, without)
    except (ValueError, KeyError, IndexError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    quiet = f"excluded: {excluded}" if excluded else "no problem"
    sys.stdout.write("\n".join(problems or [quiet]) + "\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
