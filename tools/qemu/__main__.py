"""`python tools/qemu build|run|repl|names`."""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

if not __package__:
    sys.path[0] = str(Path(__file__).parents[1])

from qemu import build, names, rig


def arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="qemu", description="MicroPython on QEMU's RISC-V machine.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("build", help="build the firmware if it is not there, and print where it is")
    verbs.add_parser("names", help="print MicroPython's own names (micropython_names.txt)")
    run = verbs.add_parser("run", help="run a program and print what it prints")
    run.add_argument("program", type=Path, help="a Python file")
    repl = verbs.add_parser("repl", help="MicroPython's prompt; leave with Ctrl-A X")
    for verb in (run, repl):
        verb.add_argument(
            "-f",
            "--file",
            action="append",
            default=[],
            metavar="[NAME=]PATH",
            help="a file or folder in /rom",
        )
        verb.add_argument("--heap-kb", type=int, default=256, metavar="N", help="heap, default 256")
        verb.add_argument("--no-mpy", action="store_true", help="leave the .py among the files as they are")
    run.add_argument("--no-icount", action="store_true", help="real clocks; counts are noise then")
    run.add_argument("--timeout", type=float, default=60, metavar="S", help="default 60")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Run one verb; 0, or 1 with one error on standard error."""
    args = arguments(argv)
    try:
        if args.verb == "build":
            sys.stdout.write(f"{build.firmware().elf}\n")
        elif args.verb == "names":
            sys.stdout.write(names.text())
        elif args.verb == "run":
            sys.stdout.write(
                rig.run(
                    args.program.read_text(),
                    _files(args.file),
                    heap_kb=args.heap_kb,
                    icount=not args.no_icount,
                    mpy=not args.no_mpy,
                    timeout_s=args.timeout,
                )
            )
        else:
            _repl(args)
    except (build.BuildError, rig.RigError, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


def _files(items: list[str]) -> dict[str, rig.Content]:
    pairs = [item.rpartition("=") for item in items]
    return {name or Path(path).name: Path(path) for name, _, path in pairs}


def _repl(args: argparse.Namespace) -> None:
    firmware = build.firmware()
    with tempfile.TemporaryDirectory() as folder:
        blob = Path(folder) / "start.bin"
        blob.write_bytes(rig.packed(_files(args.file), firmware, args.heap_kb, not args.no_mpy))
        line = rig.command(firmware, blob, icount=False)
        line[line.index("stdio")] = "mon:stdio"
        subprocess.run(line, check=False)


if __name__ == "__main__":
    sys.exit(main())
