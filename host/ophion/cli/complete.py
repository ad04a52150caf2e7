"""What the shell offers after TAB: only what is known without asking a device."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

from ophion.cli.profiles import config_devices

_SEEN_FILE = "devices.json"
_SEEN_MAX = 50
_PORTS = ("ttyACM*", "ttyUSB*", "cu.usb*")
_SIM_DIR = Path(".ophion")


def device_names(incomplete: str) -> list[str]:
    """Devices of the configuration, those seen by the last `ophion device list`, and simulated ones here."""
    simulated = [f"sim:{folder}" for folder in _simulated()]
    return _fitting([*config_devices(), *_seen(), *simulated], incomplete)


def setting_names(incomplete: str) -> list[str]:
    """Settings that can be changed."""
    return _fitting(("name", "period_s"), incomplete)


def board_names(incomplete: str) -> list[str]:
    """The boards that come with ophion, and layout files."""
    from ophion.build.boards import board_list

    return _fitting([*board_list(), *_paths(incomplete, (".toml",))], incomplete)


def keys(incomplete: str) -> list[str]:
    """Key files, and the beginning of a token's URI."""
    return _fitting(["pkcs11:", *_paths(incomplete, (".pem", ".pub", ".der"))], incomplete)


def folders(incomplete: str) -> list[str]:
    """Folders; those of simulated devices first."""
    return _fitting([*map(str, _simulated()), *_paths(incomplete, ())], incomplete)


def radios(incomplete: str) -> list[str]:
    """Kinds of radio, and those of simulated devices here."""
    simulated = [f"sim:{folder}" for folder in _simulated()]
    return _fitting(["os", "sim", *simulated, "bumble:"], incomplete)


def ports(incomplete: str) -> list[str]:
    """Serial ports."""
    found = sorted(str(path) for pattern in _PORTS for path in Path("/dev").glob(pattern))
    return _fitting([*found, *_paths(incomplete, ("uart",))], incomplete)


def remember_devices(names: Iterable[str]) -> None:
    """Keep the names that were seen, for the next TAB; where that cannot be, nothing is kept."""
    known = [name for name in names if name]
    file = _seen_file()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(known[:_SEEN_MAX]))
    except OSError:
        return


def _seen() -> list[str]:
    try:
        return [str(name) for name in json.loads(_seen_file().read_text())]
    except (OSError, ValueError, TypeError):
        return []


def _seen_file() -> Path:
    from ophion.build.fetch import cache_folder

    return cache_folder() / _SEEN_FILE


def _simulated() -> list[Path]:
    here = [path.parent for path in sorted(Path().glob("*/sim.json"))]
    return [*(path.parent for path in sorted(_SIM_DIR.glob("*/sim.json"))), *here]


def _paths(incomplete: str, endings: tuple[str, ...]) -> list[str]:
    """Folders, and files with one of `endings`, that begin as `incomplete` does."""
    folder = Path(incomplete if incomplete.endswith("/") else os.path.dirname(incomplete))
    found = []
    for path in sorted(folder.glob("*")):
        if path.is_dir():
            found.append(f"{path}/")
        elif path.name.endswith(endings or ("/",)):
            found.append(str(path))
    return found


def _fitting(words: Iterable[str], incomplete: str) -> list[str]:
    return [word for word in dict.fromkeys(words) if word.startswith(incomplete)]
