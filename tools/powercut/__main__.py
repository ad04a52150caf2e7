"""`python tools/powercut`, or `python -m powercut` with tools on the path."""

import argparse
import functools
import multiprocessing
import sys
import time
from pathlib import Path

if not __package__:
    sys.path[0] = str(Path(__file__).parents[1])

from powercut import campaign, judge, mutations, report
from powercut.targets import TARGETS


def arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="powercut", description=campaign.__doc__)
    parser.add_argument("--strategy", action="append", choices=TARGETS, help="only this one (again: more)")
    parser.add_argument("--action", action="append", choices=judge.RULES, help="only this one (again: more)")
    parser.add_argument("--quick", action="store_true", help="a sample, for every day")
    parser.add_argument("--real-verifier", action="store_true", help="Ed25519 in every case; slow")
    parser.add_argument("--without", choices=mutations.MUTATIONS, default="", help="switch a mending off")
    parser.add_argument("--replay", metavar="NAME", help="one state, by the name that a failure shows")
    parser.add_argument("--html", metavar="FILE", type=Path, help="write the table as a page, too")
    parser.add_argument("--jobs", type=int, default=multiprocessing.cpu_count(), metavar="N")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Run; 0 when nothing failed, 1 when something did."""
    args = arguments(argv)
    if args.replay:
        return _replay(args.replay, args.without)
    started = time.monotonic()
    results = run(args)
    seconds = time.monotonic() - started
    sys.stdout.write(report.text(results, seconds) + "\n")
    if args.html:
        title = "Power-cut campaign" + (f", without {args.without}" if args.without else "")
        args.html.write_text(report.page(results, seconds, title))
    return 1 if not results or any(result.failed for result in results) else 0


def run(args: argparse.Namespace) -> list:
    """All cases on `args.jobs` cores; results in the order of the cases."""
    cases = campaign.cases(args.strategy, args.action, args.quick, args.real_verifier)
    plan = campaign.QUICK if args.quick else campaign.FULL
    work = functools.partial(campaign.run_case, plan=plan, without=args.without)
    if args.jobs == 1:
        return [work(case) for case in cases]
    with multiprocessing.Pool(args.jobs) as pool:
        return pool.map(work, cases, chunksize=1)


def _replay(name: str, without: str) -> int:
    try:
        problems = campaign.replay(name, without)
    except (ValueError, KeyError, IndexError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write("\n".join(problems or ["no problem"]) + "\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
