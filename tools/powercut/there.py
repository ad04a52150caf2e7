"""The end of on_micropython.py that runs on MicroPython: `micropython there.py ROOT FOLDER`.

FOLDER/in.json says what is in FOLDER/in.bin: images, and the flash of each state. Every state is booted as
often as CPython booted it; FOLDER/out.json gets what ran each time, FOLDER/out.bin flash after the last boot.
"""

import hashlib
import json
import sys

root, folder = sys.argv[1:3]
_stand_ins = root + "/host/ophion/sim/device"
sys.path[:0] = [root + "/bootloader", _stand_ins, root + "/tools"]
# Models of the flash and of ESP-IDF; the stand-ins for built-in modules are not wanted here.
import esp32  # noqa: E402, F401
import idf  # noqa: E402, F401
import nor  # noqa: E402, F401

sys.path.remove(_stand_ins)
from powercut.chip import Chip, Ran, confirm, content  # noqa: E402
from powercut.targets import TARGETS  # noqa: E402


def chip_of(device, keys, data):
    """The Chip that in.json describes as `device`."""
    layout = TARGETS[device["strategy"]].on(
        device["sector"], device["write_size"], device["two"], bool(device["device_keys"])
    )
    named = []
    for kind in ("images", "runtimes", "running"):
        found = {}
        for name, (at, size) in device[kind].items():
            found[name] = data[at : at + size]
        named.append(found)
    images, runtimes, running = named
    trials, real, dead = device["trials"], device["real"], device["dead"]
    own = [(bytes(id), kind, bytes(private)) for id, kind, private in device["device_keys"]]
    return Chip(layout, images, runtimes, trials, keys, real, dead, None, running, own)


def boot(chip, state, confirms):
    """One boot: (what ran, for JSON; flash afterwards)."""
    flash = chip.flash(state)
    ran = Ran("", 0, False, "", (), "")
    try:
        ran, parts = chip.run(flash)
        if ran.runs and ran.trial and confirms:
            confirm(parts)
        problem = ran.problem
    except Exception as e:
        problem = "raised " + repr(e)
    after = content(flash)
    digest = "".join(f"{byte:02x}" for byte in hashlib.sha256(after).digest())
    seen = [ran.runs, ran.place, ran.trial, ran.runtime, list(ran.starts), flash.ops, bool(problem), digest]
    return seen, after


def main():
    with open(folder + "/in.json") as f:
        given = json.load(f)
    with open(folder + "/in.bin", "rb") as f:
        data = f.read()
    keys = [tuple(bytes(part) for part in key) for key in given["keys"]]
    chips = [chip_of(device, keys, data) for device in given["devices"]]
    answers = []
    with open(folder + "/out.bin", "wb") as out:
        for state in given["states"]:
            chip = chips[state["device"]]
            flash = data[state["at"] : state["at"] + chip.layout.size]
            seen = []
            for _ in range(state["boots"]):
                one, flash = boot(chip, flash, state["confirms"])
                seen.append(one)
            out.write(flash)
            answers.append(seen)
    with open(folder + "/out.json", "w") as f:
        json.dump({"implementation": sys.implementation.name, "boots": answers}, f)


main()
