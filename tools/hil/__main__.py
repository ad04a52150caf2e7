"""Runs the scenarios on a board: `make hil KEY=key.pem BLE=NAME PORT=/dev/ttyUSB0`, see README.md.

Exit code 0: all of them passed, or there is no board; 1: one failed; 2: wrong usage.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

if not __package__:
    sys.path[0] = str(Path(__file__).parents[1])

from ophion.cli.key_verbs import passphrase_source
from ophion.cli.session import quiet_libraries
from ophion.errors import OphionError
from ophion.keys import open_signer
from ophion.push import Access, use_radio

from hil.bench import Board, Images
from hil.scenarios import SCENARIOS, Scenario

NO_BOARD = (
    "skipped: there is no board. Give BLE=NAME or ADDRESS, PORT=/dev/tty... (or raw:/dev/tty...), or both,"
    " and KEY=key.pem, which signs for it (tools/hil/README.md)"
)
_KINDS = ("raw:", "serial:", "udp:")


def arguments() -> argparse.ArgumentParser:
    """What can be given; empty values are as good as none, as make passes them."""
    parser = argparse.ArgumentParser(prog="hil", description=__doc__.splitlines()[0])
    parser.add_argument("--ble", default="", help="Bluetooth name or address of the board")
    parser.add_argument("--port", default="", help="its serial port: PATH (SMP over console) or raw:PATH")
    parser.add_argument("--key", default="", help="a key that it trusts: a file, or pkcs11:...")
    parser.add_argument("--sign", default="", help="more for `ophion sign`, as one word: '--chain x.chain'")
    parser.add_argument("--operator", default="", help="an operator's key, for a board that wants a token")
    parser.add_argument("--pair", action="store_true", help="pair first; the operating system asks")
    parser.add_argument("--radio", default="os", help="os, sim:DIR or bumble:TRANSPORT")
    parser.add_argument("--only", default="", help=f"some of: {','.join(SCENARIOS)}")
    parser.add_argument("--wait", type=float, default=120.0, help="how long a restart may take, in seconds")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    return parser


def devices(ble: str, port: str) -> list[str]:
    """The board by each of its roads, as `ophion.push.Link` takes it."""
    wire = port if not port or port.startswith(_KINDS) else f"serial:{port}"
    return [device for device in (ble, wire) if device]


async def run(board: Board, chosen: dict[str, Scenario], as_json: bool) -> int:
    """Run the scenarios one after the other; the number of those that failed."""
    failed = 0
    for name, scenario in chosen.items():
        started = time.monotonic()
        try:
            words, passed = await scenario(board), True
        except OphionError as error:
            words, passed = str(error), False
        failed += not passed
        report(board.device, name, passed, time.monotonic() - started, words, as_json)
    return failed


def report(device: str, name: str, passed: bool, seconds: float, words: str, as_json: bool) -> None:
    """One line for a scenario."""
    if as_json:
        value: dict[str, Any] = {"device": device, "scenario": name, "passed": passed}
        line = json.dumps({**value, "seconds": round(seconds, 1), "detail": words})
    else:
        line = f"{device:<20} {name:<12} {'pass' if passed else 'FAIL'} {seconds:7.1f} s  {words}"
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(argv: list[str] | None = None) -> int:
    """The command line; the exit code."""
    parser = arguments()
    given = parser.parse_args(argv)
    found = devices(given.ble, given.port)
    if not found:
        sys.stdout.write(NO_BOARD + "\n")
        return 0
    if not given.key:
        parser.error("KEY is missing: a private key that the board trusts, to sign the images for it")
    names = [name for name in given.only.split(",") if name] or list(SCENARIOS)
    if unknown := set(names) - set(SCENARIOS):
        parser.error(f"no scenario is called {', '.join(sorted(unknown))}")
    quiet_libraries()
    try:
        return work(found, {name: SCENARIOS[name] for name in names}, given)
    except OphionError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code


def work(found: list[str], chosen: dict[str, Scenario], given: argparse.Namespace) -> int:
    """All scenarios on each road of the board; 1 when one failed."""
    operator = open_signer(given.operator, passphrase_source(None)) if given.operator else None
    access = Access(operator, given.pair)
    undo = use_radio(given.radio)
    failed = 0
    try:
        for device in found:
            with tempfile.TemporaryDirectory(prefix="ophion-hil-") as folder:
                images = Images(Path(folder), f"--key {given.key} {given.sign}")
                failed += asyncio.run(run(Board(device, images, access, given.wait), chosen, given.json))
    finally:
        undo()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
