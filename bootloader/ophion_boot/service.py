"""The update service of a device, and recovery. Imported when one of them starts: most boots need neither.

Part of the composition root. Groups, roads and access that a layout does not name are not imported: a board
leaves them out of its firmware.
"""

import sys
import time

from ophion_boot.compat import const
from ophion_boot.core.inbox import Inbox
from ophion_boot.core.progress import Progress
from ophion_boot.core.receive import Upload
from ophion_boot.core.recovery import led
from ophion_boot.core.smp_image import GROUP as IMAGE_GROUP
from ophion_boot.core.smp_image import Component, ImageGroup
from ophion_boot.core.smp_ophion import GROUP as OPHION_GROUP
from ophion_boot.core.smp_ophion import OphionGroup
from ophion_boot.core.smp_os import GROUP as OS_GROUP
from ophion_boot.core.smp_os import OsGroup
from ophion_boot.core.smp_session import UPLOAD, Session, SmpError
from ophion_boot.fmt.image import version_text

_BUF_SIZE = const(2475)
_BUF_COUNT = const(4)
_UDP_IN_FLIGHT = const(4)
_SERIAL_IN_FLIGHT = const(1)
_ROMFS_MAGIC = b"\xd2\xcd\x31"
_ESP_MAGIC = b"\xe9"
_COUNTERS = const(3)
_BATTERY = const(4)
_DELTA_BASE = const(5)


def server(device, notify=None):  # type: ignore[no-untyped-def]
    """The SMP service of `device` (main.Device) over what its board has, not started."""
    bonds = _bonds(device)

    def kind(inbox, session, restart):  # type: ignore[no-untyped-def]
        return device.board.server(device.layout["name"], inbox, session, restart, notify, bonds)

    return _Service(device).roads(kind)


def recover(device) -> None:  # type: ignore[no-untyped-def]
    """Serve SMP; without a central for `recovery_s` seconds, try the application again."""
    device.log.add("recovery", "", device.boot.reason or "asked for")
    service = device.server()
    service.start()
    print("ophion: recovery, advertising as " + device.layout["name"])
    quiet_since = time.ticks_ms()
    seen = 0
    while True:
        service.poll()
        device.feed()
        now: int = time.ticks_ms()  # type: ignore[assignment]
        device.board.led(led(now, service.connected()))
        device.board.idle()
        if service.connections != seen or service.connected():
            seen = service.connections
            quiet_since = time.ticks_ms()
        quiet_ms = time.ticks_diff(time.ticks_ms(), quiet_since)
        if device.boot.retry and quiet_ms > 1000 * device.layout["recovery_s"]:
            device.restart(0)


def _info(device) -> dict:  # type: ignore[no-untyped-def]
    """What SMP group 64 tells about `device`."""
    return {
        "name": device.layout["name"],
        "hw": device.layout["hw"],
        "strategy": device.strategy.name,
        "boot": device.version,
        "mode": "recovery" if device.recovery else "app",
        "runtime": "MicroPython %d.%d.%d" % tuple(sys.implementation.version[:3]),
        "access": device.layout["access"]["mode"],
    }


def _components(device) -> list[Component]:  # type: ignore[no-untyped-def]
    """What can be updated, by image number."""
    progress = Progress(device.board.cells, device.log.trim)

    def upload(strategy, number: int, magic: bytes):  # type: ignore[no-untyped-def]
        made = Upload(strategy, device.buffer, device.verifier, number, progress, magic)
        return _patching(device, made, strategy, number, progress)

    bootable = device.boot.image is not None
    found = [
        Component(
            device.strategy, upload(device.strategy, 0, _ROMFS_MAGIC), not device.recovery, "", bootable
        )
    ]
    runtime = device.runtime
    if runtime:
        found.append(Component(runtime, upload(runtime, 1, _ESP_MAGIC), True, version_text(runtime.version)))
    return found


def _patching(device, upload: Upload, strategy, number: int, progress: Progress):  # type: ignore[no-untyped-def]
    """What takes patches beside images, on a board that does."""
    if device.layout["delta"]:
        from ophion_boot.core.patching import Patching

        if device.layout["encryption"]:
            from ophion_boot.core.sealed_patching import SealedPatching

            return SealedPatching(upload, strategy, device.verifier, number, progress, device.log)
        return Patching(upload, strategy, device.verifier, number, progress, device.log)
    return upload


def _access(device):  # type: ignore[no-untyped-def]
    """Who may do what; None on a board that is open to everybody."""
    layout = device.layout
    policy = layout["access"]
    if policy["mode"] != "open":
        from ophion_boot.core.access import Access

        return Access(policy, lambda: layout["name"], device.board.uid(), device.board.entropy, time)
    return None


def _bonds(device):  # type: ignore[no-untyped-def]
    """The bonds of a board that wants its centrals to pair."""
    if device.layout["access"]["mode"] == "paired":
        from ophion_boot.core.bonds import Bonds

        return Bonds(device.board.cells, device.log.trim)
    return None


class _Service:
    """All roads of `device`, and what their sessions share."""

    def __init__(self, device) -> None:  # type: ignore[no-untyped-def]
        self._device = device
        self._images = ImageGroup(_components(device), device.verifier, device.confirm)
        self._parts = device.layout["smp"]
        self._started_ms = time.ticks_ms()
        self._access = _access(device)
        self._more = self._os()
        self._groups = self._chosen()
        # The roads' (session, what counts as dropped), as they are made.
        self._own: list = []
        self._server = None

    # Roads

    def roads(self, kind):  # type: ignore[no-untyped-def]
        """A server on the road that `kind` makes, and with it on the others of the layout.

        `kind(limits, session, restart)` makes one; `limits` is its Inbox, or what stands for one.
        """
        found = [self._road(Inbox(_BUF_COUNT, _BUF_SIZE), kind)]
        layout = self._device.layout
        if layout["udp"]:
            from ophion_boot.port.udp import DATAGRAM_BYTES, UdpServer
            from ophion_boot.port.wire import Limits

            def udp(limits, session, restart):  # type: ignore[no-untyped-def]
                return UdpServer(limits, session, restart, layout["udp"])

            found.append(self._road(Limits(DATAGRAM_BYTES, _UDP_IN_FLIGHT), udp))
        if layout["serial"]:
            from ophion_boot.port.wire import Limits

            stream = self._device.board.uart(layout["serial"])
            found.append(self._road(Limits(_BUF_SIZE, _SERIAL_IN_FLIGHT), _serial(layout["serial"], stream)))
        self._server = found[0]
        if len(found) > 1:
            from ophion_boot.port.roads import Roads

            self._server = Roads(found)  # type: ignore[assignment]
        return self._server

    def _road(self, limits, kind):  # type: ignore[no-untyped-def]
        """A server with a Session of its own."""
        device = self._device
        reset = _Reset(device, self._images)
        groups = dict(self._groups)
        groups[OS_GROUP] = OsGroup(limits, reset, device.strategy.name, self._more)
        groups[OPHION_GROUP] = OphionGroup(
            _info(device), device.log, reset, device.verifier.trust, device.on_trial, self._reads()
        )
        session = Session(
            groups, _BUF_SIZE, lambda reason: device.log.add("refused", "", reason), self._access
        )
        reset.session = session
        reset.server = kind(limits, session, reset.restart)
        self._own.append((session, limits))
        return reset.server

    # Groups

    def _os(self):  # type: ignore[no-untyped-def]
        """The handler of the OS group's further commands, or None."""
        if "os" in self._parts:
            from ophion_boot.core.smp_clock import OsMore, about

            device = self._device
            layout = device.layout
            return OsMore(device.board.clock, lambda: about(layout["name"], layout["hw"], device.version))
        return None

    def _reads(self) -> dict:
        """Commands of group 64 that only read."""
        counters = self._counters()
        found = {
            _COUNTERS: lambda: {"counters": {name: counters[name]() for name in counters}},
            _BATTERY: lambda: self._device.battery,
        }
        if self._device.layout["delta"]:
            from ophion_boot.core.patching import bases

            found[_DELTA_BASE] = lambda: bases(self._images.components)
            if self._device.layout["encryption"]:
                from ophion_boot.core.sealed_patching import bases as sealed_bases

                found[_DELTA_BASE] = lambda: sealed_bases(self._images.components)
        return found

    def _chosen(self) -> dict:
        """{number: handler} of the image group, and of the groups that the layout asks for."""
        found: dict = {IMAGE_GROUP: self._images}
        if "stat" in self._parts:
            from ophion_boot.core.smp_stat import GROUP, StatGroup

            found[GROUP] = StatGroup(self._counters())
        if "settings" in self._parts:
            from ophion_boot.core.smp_settings import GROUP as SETTINGS_GROUP
            from ophion_boot.core.smp_settings import SettingsGroup

            mode = self._device.layout["access"]["mode"].encode()
            facts = {"ophion/access": lambda: mode}
            found[SETTINGS_GROUP] = SettingsGroup(self._device.settings, facts, self._apply)
        return found

    def _apply(self) -> None:
        """A new name is heard from now on. A new period counts from the next start: nobody puts a reset off
        by setting it again and again."""
        name = self._device.settings.values["ophion/name"]
        self._device.layout["name"] = name
        if self._server:
            self._server.rename(name)

    # Counters

    def _counters(self) -> dict:
        return {"boot": self._boot, "events": self._device.log.totals, "link": self._link}

    def _boot(self) -> dict:
        device = self._device
        trial = device.boot.trial or (0, 0)
        return {
            "cause": device.board.reset_cause(),
            "up_s": time.ticks_diff(time.ticks_ms(), self._started_ms) // 1000,
            "misses": device.sanity.misses,
            "trial": trial[0],
            "trials": trial[1],
        }

    def _link(self) -> dict:
        sessions = [session for session, _ in self._own]
        return {
            "connections": self._server.connections if self._server else 0,
            "requests": sum([session.requests for session in sessions]),
            "refused": sum([session.refused for session in sessions]),
            "dropped": sum([limits.dropped for _, limits in self._own]),
            "uploads": self._images.uploads,
        }


def _serial(spec: dict, stream):  # type: ignore[no-untyped-def]
    """What makes a server on the UART `stream`, by the framing of the layout."""
    if spec["framing"] == "raw":
        from ophion_boot.port.raw import RawServer

        return lambda limits, session, restart: RawServer(limits, session, restart, stream)
    from ophion_boot.port.console import ConsoleServer

    return lambda limits, session, restart: ConsoleServer(limits, session, restart, stream)


class _Reset:
    """The reset of one road, whose `server` and `session` are known only after this was passed on.

    A client that resets right after the last chunk of an upload wants that image to run, and has no other
    way to say so (smpmgr's upgrade): it is tried as if it had been asked for.
    """

    server = None
    session: Session = None  # type: ignore[assignment]

    def __init__(self, device, images: ImageGroup) -> None:  # type: ignore[no-untyped-def]
        self._device = device
        self._images = images
        self._try = False

    def __call__(self, boot_mode: int) -> None:
        self._try = boot_mode == 0 and self.session.before == UPLOAD
        self.server.request_reset(boot_mode)  # type: ignore[attr-defined]

    def restart(self, boot_mode: int) -> None:
        """The answer is out, and there is time for what it may take."""
        if self._try:
            try:
                self._images.try_uploaded()
            except SmpError as e:
                self._device.log.add("refused", "", e.reason)
        self._device.restart(boot_mode)
