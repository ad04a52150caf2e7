"""How long the command line takes, beside an interpreter that does nothing.

    python tools/bench/cli.py [--runs N]

Every command runs in a process of its own, all in turn, N times; printed is the median of the elapsed time,
of the processor time (which other work on the machine disturbs less), and the ratio of the latter to that of
`python -c pass`. The application is the one that `ophion new app` makes.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

OPHION = [sys.executable, "-m", "ophion.cli"]
BARE = "python -c pass"
LIMITS_S = {"ophion --help": 0.3, "ophion build && ophion sign": 2.0}
"""What the project wants of the elapsed time, on a machine that does nothing else."""


def commands(folder: Path) -> dict[str, list[list[str]]]:
    """{what is printed: processes, one after the other}; `folder` gets an application and a key."""
    app, key = folder / "blinky", folder / "key.pem"
    image = str(app / "build" / "blinky-1.0.0.bin")
    for words in (["new", "app", str(app)], ["keys", "new", str(key)]):
        _run([*OPHION, *words], folder)
    build = [*OPHION, "build", str(app)]
    sign = [*OPHION, "sign", str(app / "build" / "blinky-1.0.0.romfs"), "--key", str(key)]
    return {
        BARE: [[sys.executable, "-c", "pass"]],
        "ophion --help": [[*OPHION, "--help"]],
        "ophion build --help": [[*OPHION, "build", "--help"]],
        "ophion build && ophion sign": [build, sign],
        "ophion size": [[*OPHION, "size", image, "--board", "esp32c3"]],
        "ophion diff": [[*OPHION, "diff", image, image]],
        "ophion inspect": [[*OPHION, "inspect", image]],
    }


def measure(runs: int) -> dict[str, tuple[float, float]]:
    """{command: (median of the elapsed seconds, median of the processor's)}."""
    with tempfile.TemporaryDirectory(prefix="ophion-bench-") as temporary:
        todo = commands(Path(temporary))
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in todo}
        for _ in range(runs):
            for name, processes in todo.items():
                found[name].append(_timed(processes, Path(temporary)))
    return {
        name: (statistics.median(row[0] for row in rows), statistics.median(row[1] for row in rows))
        for name, rows in found.items()
    }


def table(figures: dict[str, tuple[float, float]]) -> str:
    """The figures as Markdown."""
    bare = figures[BARE][1]
    lines = [
        "| command | elapsed, ms | wanted below | processor, ms | times an empty interpreter |",
        "|---|---|---|---|---|",
    ]
    for name, (elapsed, processor) in figures.items():
        limit = f"{1000 * LIMITS_S[name]:.0f}" if name in LIMITS_S else "-"
        row = (
            f"`{name}`",
            f"{1000 * elapsed:.0f}",
            limit,
            f"{1000 * processor:.0f}",
            f"{processor / bare:.1f}",
        )
        lines.append(f"| {' | '.join(row)} |")
    return "\n".join(lines)


def _timed(processes: list[list[str]], folder: Path) -> tuple[float, float]:
    before, start = _processor(), time.perf_counter()
    for words in processes:
        _run(words, folder)
    return time.perf_counter() - start, _processor() - before


def _processor() -> float:
    """Seconds that the ended processes of this one took of processors."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _run(words: list[str], folder: Path) -> None:
    subprocess.run(words, cwd=folder, stdout=subprocess.DEVNULL, check=True)


def main(argv: list[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="cli", description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=11, metavar="N", help="how often each (default 11)")
    args = parser.parse_args(argv)
    if args.runs < 1:
        parser.error("--runs must be 1 or more")
    sys.stdout.write(table(measure(args.runs)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
