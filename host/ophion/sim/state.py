"""The state directory of a simulated device: what would survive on a shelf, and who runs it now.

sim.json      name, addresses, flash geometry
flash.bin     the NOR flash
frozen/       the device's frozen Python files; of a board with partitions only the chip's stand-ins
radio.json    while it runs: {"pid": ..., "transport": "tcp-client:127.0.0.1:PORT"}
uart          while it runs: a link to the terminal that is the other end of its UART
console.log   everything the device printed
"""

from __future__ import annotations

import dataclasses
import fcntl
import json
import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from ophion.sim.errors import SimError

_VERSION = 1
_LONGEST_PATH = 200  # MicroPython keeps file names as qstrs of 255 bytes at most


@dataclasses.dataclass(frozen=True)
class Board:
    """What does not change in a device's life. Sizes in bytes, addresses as printed on a label."""

    name: str
    flash_size: int
    sector: int = 4096
    write_size: int = 4
    uid: str = ""
    address: str = ""
    partitions: tuple[tuple[str, int, int, int, int], ...] = ()
    """ESP-IDF's partition table (label, type, subtype, offset, size); empty: the chip starts `frozen/`."""

    @staticmethod
    def fresh(
        name: str,
        flash_size: int,
        sector: int,
        write_size: int,
        partitions: tuple[tuple[str, int, int, int, int], ...] = (),
    ) -> Board:
        """A new device with random addresses; the radio address is random static (top two bits set)."""
        address = bytes([0xC0 | secrets.randbits(6)]) + secrets.token_bytes(5)
        return Board(
            name=name,
            flash_size=flash_size,
            sector=sector,
            write_size=write_size,
            uid=secrets.token_bytes(6).hex(":"),
            address=address.hex(":").upper(),
            partitions=partitions,
        )


class StateDir:
    """Paths, checks and the lock of one state directory."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.flash = path / "flash.bin"
        self.frozen = path / "frozen"
        self.radio = path / "radio.json"
        self.uart = path / "uart"
        self.console = path / "console.log"
        self._board = path / "sim.json"
        self._lock: IO[str] | None = None

    def make(self, board: Board, flash: bytes, frozen: Mapping[str, bytes]) -> None:
        """Write a new device. A directory that holds anything but an older device is refused."""
        if self.path.exists() and any(self.path.iterdir()) and not self._board.exists():
            raise SimError(f"{self.path} is not empty and not a simulated device", "choose another directory")
        self.path.mkdir(parents=True, exist_ok=True)
        self.lock()
        try:
            self._board.write_text(
                json.dumps({"version": _VERSION, **dataclasses.asdict(board)}, indent=1) + "\n"
            )
            self.flash.write_bytes(flash)
            self.console.write_bytes(b"")
            self.stage(frozen)
        finally:
            self.unlock()

    def stage(self, frozen: Mapping[str, bytes]) -> None:
        """Replace the frozen files."""
        shutil.rmtree(self.frozen, ignore_errors=True)
        for name, content in frozen.items():
            target = self.frozen / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)

    def board(self) -> Board:
        """Read and check the directory; SimError says what is wrong with it."""
        hint = "make a device with `ophion sim --new`, or name the directory of one"
        try:
            fields: dict[str, Any] = json.loads(self._board.read_text())
            if fields.pop("version") != _VERSION:
                raise ValueError("another version")
            board = Board(**fields)
        except FileNotFoundError:
            raise SimError(f"{self.path} is not a simulated device: no sim.json", hint) from None
        except (OSError, ValueError, TypeError, KeyError) as e:
            raise SimError(f"{self._board} cannot be used: {e}", hint) from None
        size = self.flash.stat().st_size if self.flash.exists() else -1
        if size != board.flash_size:
            what = "is missing" if size < 0 else f"has {size} bytes, not {board.flash_size}"
            raise SimError(f"{self.flash} {what}", hint)
        if not (self.frozen / "start.py").exists():
            raise SimError(f"{self.frozen} holds no start.py", hint)
        if len(os.fsencode(self.frozen.absolute())) > _LONGEST_PATH:
            raise SimError(f"the path {self.path} is too long", "move the device nearer to the root")
        return board

    def lock(self) -> None:
        """Make sure that nobody else runs this device; the kernel frees the lock if we die."""
        lock = (self.path / "lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            raise SimError(
                f"{self.path} is already running{self._running_pid()}",
                "stop it, or use another directory",
            ) from None
        self._lock = lock

    def unlock(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def announce(self, transport: str) -> None:
        """Tell other programs where the radio is; whole or not at all."""
        draft = self.radio.with_suffix(".tmp")
        draft.write_text(json.dumps({"pid": os.getpid(), "transport": transport}) + "\n")
        draft.replace(self.radio)

    def withdraw(self) -> None:
        self.radio.unlink(missing_ok=True)

    def _running_pid(self) -> str:
        try:
            return f" (process {json.loads(self.radio.read_text())['pid']})"
        except (OSError, ValueError, KeyError, TypeError):
            return ""


def radio_of(directory: Path) -> str:
    """The Bumble transport of the device that runs in `directory`; SimError when none runs."""
    hint = "start it with `ophion sim` in another terminal"
    path = StateDir(Path(directory)).radio
    try:
        radio = json.loads(path.read_text())
        pid, transport = int(radio["pid"]), str(radio["transport"])
    except FileNotFoundError:
        raise SimError(f"no simulated device runs in {directory}", hint) from None
    except (OSError, ValueError, KeyError, TypeError) as e:
        raise SimError(f"{path} cannot be read: {e}", hint) from None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        raise SimError(f"the simulated device in {directory} has died", hint) from None
    except PermissionError:
        pass
    return transport
