"""A share of the states, booted on real MicroPython: what runs and flash afterwards are those of CPython.

States are drawn by their names, evenly from all cases, and made again from them. One process boots a
batch of them (there.py); images and flash are handed over in files.
"""

import hashlib
import json
import subprocess
import sys
import tempfile
from collections import namedtuple
from pathlib import Path

from powercut import ROOT
from powercut.campaign import Run, split
from powercut.cases import Case
from powercut.images import KEYS

Checked = namedtuple("Checked", "states failures")
"""How many states MicroPython booted; [(name, problems)] of those that came out otherwise."""

BATCH = 40
_HEAP = "heapsize=16M"
_SECONDS_MAX = 500
_NAME = "micropython"


def draw(results: list, count: int) -> list[str]:
    """The names of at most `count` of the states that the results drew, cases side by side."""
    drawn = sorted(entry for result in results for entry in result.drawn)[:count]
    return sorted(name for _, name in drawn)


def batches(names: list[str]) -> list[list[str]]:
    """The names in lots of one process each."""
    return [names[at : at + BATCH] for at in range(0, len(names), BATCH)]


def check(names: list[str]) -> Checked:
    """Boot the states called `names` on both; a process that fails is a failure of all of them."""
    lot = _Lot()
    for name in names:
        lot.add(name)
    with tempfile.TemporaryDirectory() as folder:
        problem = lot.boot(Path(folder))
        if problem:
            return Checked(0, [(names[0], [f"and {len(names) - 1} more: {problem}"])])
        return Checked(len(names), lot.differences(Path(folder)))


class _Lot:
    """The states of one process: `given` is there.py's in.json."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._runs: dict[Case, tuple[int, Run]] = {}
        self._expected: list[tuple[str, list]] = []
        keys = [[list(part) for part in key] for key in KEYS]
        self.given: dict = {"keys": keys, "devices": [], "states": []}

    def add(self, name: str) -> None:
        case, cut = split(name)
        number, run = self._run(case)
        state = run.named(cut)
        boots = run.settle(state)
        self.given["states"].append(
            {
                "device": number,
                "at": self._put(state.flash),
                "confirms": run.confirms(state),
                "boots": len(boots),
            }
        )
        self._expected.append((name, boots))

    def boot(self, folder: Path) -> str:
        """Let MicroPython boot them all; nothing, or what went wrong."""
        (folder / "in.bin").write_bytes(self._data)
        (folder / "in.json").write_text(json.dumps(self.given))
        there = Path(__file__).with_name("there.py")
        command = [sys.executable, "-m", "micropython_unix", "-X", _HEAP, str(there), str(ROOT), str(folder)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS_MAX, check=False)
        except subprocess.TimeoutExpired as error:
            return str(error)
        # Its exit code tells nothing; out.json is the last thing that it writes.
        if not (folder / "out.json").exists():
            return f"MicroPython did not finish: {(done.stdout + done.stderr).strip()[-400:]}"
        return ""

    def differences(self, folder: Path) -> list:
        """[(name, problems)] of the states that MicroPython saw otherwise."""
        given = answer(folder)
        flash = (folder / "out.bin").read_bytes()
        if given["implementation"] != _NAME or len(given["boots"]) != len(self._expected):
            return [(name, [f"answered by {given['implementation']}"]) for name, _ in self._expected]
        found = []
        at = 0
        for (name, expected), seen in zip(self._expected, given["boots"], strict=True):
            last = expected[-1].state
            problems = differing(expected, seen)
            if flash[at : at + len(last)] != last:
                problems.append("flash after the last boot differs")
            at += len(last)
            if problems:
                found.append((name, problems))
        return found

    def _run(self, case: Case) -> tuple[int, Run]:
        if case not in self._runs:
            run = Run(case)
            self._runs[case] = (len(self.given["devices"]), run)
            self.given["devices"].append(self._describe(run))
        return self._runs[case]

    def _describe(self, run: Run) -> dict:
        device, layout = run.device, run.device.layout
        return {
            "strategy": run.case.strategy,
            "sector": layout.sector,
            "write_size": layout.write_size,
            "two": layout.two,
            "trials": device.trials,
            "real": device.real,
            "dead": device.dead,
            "device_keys": [(list(name), kind, list(private)) for name, kind, private in device.device_keys],
            **{
                kind: {name: [self._put(image), len(image)] for name, image in images.items()}
                for kind, images in (
                    ("images", device.images),
                    ("runtimes", device.runtimes),
                    ("running", device.running),
                )
            },
        }

    def _put(self, data: bytes) -> int:
        at = len(self._data)
        self._data += data
        return at


def answer(folder: Path) -> dict:
    """What there.py wrote: {"implementation", "boots": [[a boot, ...] for each state]}."""
    return json.loads((folder / "out.json").read_text())


def differing(expected: list, seen: list) -> list[str]:
    """What MicroPython saw (`seen`, as there.py writes it) otherwise than CPython (`expected`, boots)."""
    found = []
    for number, (ours, theirs) in enumerate(zip(expected, seen, strict=True), 1):
        digest = hashlib.sha256(ours.state).hexdigest()
        row = [
            ours.runs,
            ours.place,
            ours.trial,
            ours.runtime,
            list(ours.starts),
            ours.ops,
            bool(ours.problem),
        ]
        if [*row, digest] != theirs:
            found.append(f"boot {number}: MicroPython has {theirs}, CPython {[*row, digest]}")
    return found
