"""The composition root: makes the device out of its parts, boots it, runs the application.

`start()` is called by the frozen `_boot.py`, `run()` by the frozen `main.py`; importing this module
touches nothing.
"""

import gc
import sys
import time

import vfs

from ophion_boot import VERSION
from ophion_boot.core import bootmode
from ophion_boot.core.boot import Boot, Bootloader
from ophion_boot.core.eventlog import EventLog
from ophion_boot.core.install import settle
from ophion_boot.core.sanity import Memory, Sanity
from ophion_boot.core.strategies import make
from ophion_boot.core.trust import Trust
from ophion_boot.core.trust_rules import Device as TrustDevice
from ophion_boot.core.verdict import judge
from ophion_boot.core.verify import Verifier

_APP = "/app"

device: "Device" = None  # type: ignore[assignment]


class Device:
    """What the bootloader knows of this boot; applications reach it through `ophion_app`."""

    def __init__(self, board, layout: dict) -> None:  # type: ignore[no-untyped-def]
        self.version = VERSION
        self.board = board
        self.layout = layout
        self.log = EventLog(board.cells)
        self.settings = _settings(board, layout)
        self._settle()
        memory = Memory(board.rtc_memory, board.cells, self.log.trim)
        self.sanity = Sanity(memory, layout["health"], time)
        self.buffer = bytearray(layout["sector"])
        secret = _secret(board, layout)
        self.verifier = Verifier(_trust(board, layout), self.buffer, secret)
        self.strategy = make(layout["strategy"], board.area, self.buffer, layout["trials"], self.feed, secret)
        self.runtime = _runtime(board, layout)
        self.boot: Boot = None  # type: ignore[assignment]
        self.recovery = False
        self.recovery_asked = False
        self.watchdog = None
        self.battery: dict = {}

    def decide(self) -> Boot:
        """Choose what this boot runs; what the last run left is read once and cleared."""
        asked = self.sanity.read(self.board.reset_cause(), self.board.button())
        loader = Bootloader(self.strategy, self.verifier, self.log, self.runtime)
        boot = loader.run(asked)
        trial = boot.image is not None and self.on_trial()
        boot, recovery = judge(self.sanity, loader, boot, trial, self.layout["health"]["misses"])
        self.boot = boot
        self.recovery_asked = asked
        self.recovery = recovery
        self.sanity.arm(boot.image.hash if boot.image else bootmode.NOBODY, self.recovery)
        return boot

    def watch(self) -> None:
        """Arm the watchdog; an application has it reset periodically, too."""
        if self.layout["watchdog_ms"]:
            self.watchdog = self.board.watchdog(self.layout["watchdog_ms"])
        if not self.recovery:
            self.sanity.start(self.board.random() % (self.layout["health"]["jitter_s"] + 1))

    def feed(self) -> None:
        """Keep the watchdog quiet, if it is armed; the periodic reset comes here when it is due."""
        if self.watchdog:
            self.watchdog.feed()
        if self.sanity.due():
            print("ophion: periodic reset")
            self.board.reset()

    def report(self, reachable: bool, proven: bool = False) -> None:
        """The application says whether it can be updated; see core/sanity.py."""
        if self.sanity.report(reachable, proven) and self.layout["health"]["confirm"] == "health":
            self.confirm("can be reached")

    def crashed(self, error: Exception) -> None:
        """The application ended with `error`: reset, into whatever the table says."""
        sys.modules.pop("main", None)
        gc.collect()  # it may have filled the heap
        try:
            self.sanity.announce(bootmode.CRASHED)
            sys.print_exception(error)
            self.log.add("crashed", self.boot.image.version, "%s: %s" % (type(error).__name__, error))
        finally:
            self.board.reset()

    def confirm(self, reason: str) -> bool:
        """Let what runs stay, the runtime before the application; True when it was on trial until now."""
        if self.boot.image is None:
            return False
        changed = self.runtime is not None and self.runtime.confirm()
        if self.strategy.confirm() or changed:
            self.log.add("confirmed", self.boot.image.version, reason)
            settle(self.verifier, self.boot.image, self.runtime)
            return True
        return False

    def on_trial(self) -> bool:
        """What runs goes back unless it is confirmed."""
        return self.strategy.on_trial() or (self.runtime is not None and self.runtime.on_trial())

    def restart(self, boot_mode: int) -> None:
        """Reset; `boot_mode` 1 asks for recovery."""
        self.sanity.announce(bootmode.RECOVERY if boot_mode else bootmode.ASKED)
        self.board.reset()

    def server(self, notify=None):  # type: ignore[no-untyped-def]
        """The SMP service of this device over what its board has, not started."""
        from ophion_boot.service import server

        return server(self, notify)

    def _settle(self) -> None:
        """What was set stands in for the layout's own values; the time of a reset from the next start on."""
        if self.settings is not None:
            self.layout["name"] = self.settings.values["ophion/name"]
            self.layout["health"]["period_s"] = self.settings.values["ophion/period_s"]


def _trust(board, layout: dict) -> Trust:  # type: ignore[no-untyped-def]
    """What this device trusts: the keys and roots of its firmware, and what its cell adds."""
    facts = TrustDevice(layout["hw"], sys.implementation.version[:3])
    return Trust(layout["keys"], layout["roots"], board.cells, facts, layout["trust_cache"], layout["tables"])


def _secret(board, layout: dict):  # type: ignore[no-untyped-def]
    """The Secret of a board that takes encrypted images; others need none of its code."""
    if layout["encryption"]:
        from ophion_boot.core.secret import Secret, own_keys

        return Secret(list(layout["enc_keys"]) + own_keys(board.cells))
    return None


def _settings(board, layout: dict):  # type: ignore[no-untyped-def]
    """What an operator has set on a board that lets him; None elsewhere."""
    if "settings" in layout["smp"]:
        from ophion_boot.core.settings import Settings

        return Settings(board.cells, layout)
    return None


def _runtime(board, layout: dict):  # type: ignore[no-untyped-def]
    """The Runtime of a board that has it as a component of its own; others need none of its code."""
    if "ota_0" in layout["areas"]:
        from ophion_boot.core.runtime import Runtime

        return Runtime(board.ota(), layout["trials"])
    return None


def _board(port: str):  # type: ignore[no-untyped-def]
    """The class Board of the module `port`; the others may be missing."""
    if port == "qemu":
        from ophion_boot.port.qemu import Board

        return Board
    if port == "esp32":
        from ophion_boot.port.esp32 import Board  # type: ignore[assignment]

        return Board
    if port == "stock":
        from ophion_boot.port.stock import Board  # type: ignore[assignment]

        return Board
    from ophion_boot.port.unix import Board  # type: ignore[assignment]

    return Board


def start() -> None:
    """Boot: install, verify, mount. Called before any file of the user is looked at."""
    global device
    from ophion_layout import LAYOUT

    Board = _board(LAYOUT["port"])
    # Nothing on a file system that nobody signed may stand in for a frozen module.
    sys.path[:] = Board.frozen
    device = Device(Board(LAYOUT), LAYOUT)
    before = device.log.read()
    known = before[-1]["n"] if before else 0
    boot = device.decide()
    for entry in device.log.read():
        if entry["n"] > known:
            print("ophion: %s %s: %s" % (entry["event"], entry["version"], entry["reason"]))
    if boot.restart and not device.recovery_asked:
        print("ophion: " + boot.reason)
        device.restart(0)
    if boot.image is None:
        print("ophion: nothing to run: " + boot.reason)
    elif not device.recovery:
        _mount_app(boot)
    _mount_user()


def _mount_app(boot: Boot) -> None:
    image = boot.image
    try:
        vfs.mount(device.board.payload(boot.area, image.payload_at, image.payload_size), _APP)
    except (OSError, MemoryError) as e:
        device.recovery = True
        boot.reason = "the payload cannot be mounted: %s" % e
        device.log.add("crashed", image.version, boot.reason)
        return
    sys.path[:0] = [_APP, _APP + "/lib"]
    trial = " (trial %d of %d)" % boot.trial if boot.trial else ""
    print("ophion: %s runs%s" % (image.version, trial))


def _mount_user() -> None:
    """Mount the user's files at `/`; made anew when they are not a file system, never in the way."""
    bdev = device.board.block_device("user")
    try:
        try:
            vfs.mount(bdev, "/")
        except OSError:
            vfs.VfsLfs2.mkfs(bdev)
            vfs.mount(bdev, "/")
    except OSError as e:
        print("ophion: no user file system: %s" % e)


def run() -> None:
    """Run the application, or recovery; an application that ends with an error is answered for."""
    device.watch()
    if device.recovery:
        from ophion_boot.service import recover

        recover(device)
    try:
        __import__("main")
    except Exception as e:
        device.crashed(e)
