"""Which radio `bleak` uses: the computer's own, or one that Bumble drives (the simulator's, for instance)."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

from ophion.errors import UsageError

RADIO_VARIABLE = "OPHION_RADIO"
DEFAULT_SIM_DIR = ".ophion/sim"
RADIO_FILE = "radio.json"
FORMS = "os, sim, sim:DIR or bumble:TRANSPORT"


def transport_of(radio: str) -> str | None:
    """The Bumble transport that `radio` means, None for the computer's own radio.

    `radio` is "os", "sim" (the simulator in `.ophion/sim`), "sim:DIR" or "bumble:TRANSPORT".
    Raises UsageError for another form, or when no simulator runs there.
    """
    kind, colon, rest = radio.partition(":")
    if radio in ("", "os"):
        return None
    if kind == "sim":
        return _simulator_transport(Path(rest or DEFAULT_SIM_DIR))
    if kind == "bumble" and colon and rest:
        return rest
    raise UsageError(f"unknown radio {radio!r}", f"write {FORMS}")


def use_radio(radio: str | None = None) -> Callable[[], None]:
    """Make bleak use `radio` (None: the environment's OPHION_RADIO) from now on; call the result to undo it.

    Raises UsageError as `transport_of` does, also when the part that drives Bumble is not installed.
    """
    transport = transport_of(os.environ.get(RADIO_VARIABLE, "os") if radio is None else radio)
    if transport is None:
        return lambda: None
    try:
        from ophion.sim import bleak_bumble
    except ImportError as error:
        raise UsageError(f"no simulated radio here: {error}", "pip install 'ophion[sim]'") from None
    return bleak_bumble.install(transport)


def _simulator_transport(folder: Path) -> str:
    path = folder / RADIO_FILE
    hint = f"start one with `ophion sim {folder}`"
    try:
        record = json.loads(path.read_text())
        transport, pid = str(record["transport"]), int(record["pid"])
    except FileNotFoundError:
        raise UsageError(f"no simulator runs in {folder}", hint) from None
    except (OSError, ValueError, KeyError, TypeError):
        raise UsageError(f"{path} is damaged", hint) from None
    if not _alive(pid):
        raise UsageError(f"the simulator in {folder} has ended", hint)
    return transport


def _alive(pid: int) -> bool:
    if os.name != "posix":  # elsewhere signal 0 is not a question but an end
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
