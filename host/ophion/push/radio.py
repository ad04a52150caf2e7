"""Which radio `bleak` uses: the computer's own, or one that Bumble drives (the simulator's, for instance)."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

from ophion.errors import UsageError

RADIO_VARIABLE = "OPHION_RADIO"
BONDS_VARIABLE = "OPHION_BONDS"
DEFAULT_SIM_DIR = ".ophion/sim"
RADIO_FILE = "radio.json"
BONDS_FILE = "bonds.json"
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
        return simulator_transport(Path(rest or DEFAULT_SIM_DIR))
    if kind == "bumble" and colon and rest:
        return rest
    raise UsageError(f"unknown radio {radio!r}", f"write {FORMS}")


def use_radio(radio: str | None = None) -> Callable[[], None]:
    """Make bleak use `radio` (None: the environment's OPHION_RADIO) from now on; call the result to undo it.

    Raises UsageError as `transport_of` does, also when the part that drives Bumble is not installed.
    """
    radio = os.environ.get(RADIO_VARIABLE, "os") if radio is None else radio
    transport = transport_of(radio)
    if transport is None:
        return lambda: None
    try:
        from ophion.sim import bleak_bumble
    except ImportError as error:
        raise UsageError(
            f"no simulated radio here: {error}", "the simulator runs on Linux, with `pip install ophion`"
        ) from None
    bonds = bonds_file(radio)
    if bonds is not None:
        bleak_bumble.keep_bonds(transport, bonds)
    return bleak_bumble.install(transport)


def bonds_file(radio: str) -> Path | None:
    """Where what was paired over `radio` is kept: OPHION_BONDS, or beside a simulated device; None: nowhere.

    The computer's own radio keeps its bonds itself.
    """
    kind, _, rest = radio.partition(":")
    if BONDS_VARIABLE in os.environ:
        return Path(os.environ[BONDS_VARIABLE])
    return Path(rest or DEFAULT_SIM_DIR) / BONDS_FILE if kind == "sim" else None


def simulator_transport(folder: Path) -> str:
    """The Bumble transport of the simulator that runs in `folder`; raises UsageError when none does."""
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
