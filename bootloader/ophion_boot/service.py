"""The parts of the SMP service that a board chooses (`[smp]` of its layout): groups, counters, other roads.

Part of the composition root. What a layout does not name is not imported.
"""

import sys
import time

from ophion_boot import VERSION

_COUNTERS, _BATTERY, _DELTA_BASE = 3, 4, 5
_UDP_IN_FLIGHT = 4
_SERIAL_IN_FLIGHT = 1


class Service:
    """The choice of `device` (ophion_boot.main.Device). `images` is its ImageGroup, `buf_size` the
    most bytes of a request; `own` are the roads' (session, what counts as dropped) as they are made."""

    def __init__(self, device, images, buf_size: int) -> None:  # type: ignore[no-untyped-def]
        self._device = device
        self._images = images
        self._buf_size = buf_size
        self._parts = device.layout["smp"]
        self._started_ms = time.ticks_ms()
        self.own: list = []
        self.server = None  # what `roads` returned

    # Groups

    def os(self):  # type: ignore[no-untyped-def]
        """The handler of the OS group's further commands, or None."""
        if "os" not in self._parts:
            return None
        from ophion_boot.core.smp_clock import OsMore

        return OsMore(self._device.board.clock, self._about)

    def reads(self) -> dict:
        """Commands of group 64 that only read."""
        counters = self._counters()
        return {
            _COUNTERS: lambda: {"counters": {name: counters[name]() for name in counters}},
            _BATTERY: lambda: self._device.battery,
            _DELTA_BASE: lambda: {"bases": self._images.bases()},
        }

    def groups(self) -> dict:
        """{number: handler} of the groups that the layout asks for."""
        found: dict = {}
        if "stat" in self._parts:
            from ophion_boot.core import smp_stat

            found[smp_stat.GROUP] = smp_stat.StatGroup(self._counters())
        if "settings" in self._parts:
            from ophion_boot.core import smp_settings

            mode = self._device.layout["access"]["mode"].encode()
            facts = {"ophion/access": lambda: mode}
            found[smp_settings.GROUP] = smp_settings.SettingsGroup(self._device.settings, facts, self._apply)
        return found

    def _apply(self) -> None:
        """A new name is heard from now on. A new period counts from the next start: nobody puts a reset off
        by setting it again and again."""
        name = self._device.settings.values["ophion/name"]
        self._device.layout["name"] = name
        if self.server:
            self.server.rename(name)

    def _about(self) -> dict:
        """The texts of the info command (core/smp_clock.py has the letters)."""
        device = self._device
        version = sys.version
        return {
            "s": sys.implementation.name,
            "n": device.layout["name"],
            "r": "%d.%d.%d" % tuple(sys.implementation.version[:3]),
            "v": version[version.find("; ") + 2 :] if "; " in version else version,
            "m": getattr(sys.implementation, "_machine", sys.platform),
            "p": sys.platform,
            "i": device.layout["hw"],
            "o": "Ophion " + VERSION,
        }

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
        sessions = [session for session, _ in self.own]
        return {
            "connections": self.server.connections if self.server else 0,
            "requests": sum([session.requests for session in sessions]),
            "refused": sum([session.refused for session in sessions]),
            "dropped": sum([limits.dropped for _, limits in self.own]),
            "uploads": self._images.uploads,
        }

    # Roads

    def roads(self, first, make):  # type: ignore[no-untyped-def]
        """`first`, and with it the other roads of the layout; `make(limits, kind)` makes one with a session:
        `kind(limits, session, restart)`."""
        found = [first]
        layout = self._device.layout
        if layout["udp"]:
            from ophion_boot.port.udp import DATAGRAM_BYTES, UdpServer
            from ophion_boot.port.wire import Limits

            address = layout["udp"]
            found.append(
                make(
                    Limits(DATAGRAM_BYTES, _UDP_IN_FLIGHT),
                    lambda limits, session, restart: UdpServer(limits, session, restart, address),
                )
            )
        if layout["serial"]:
            found.append(self._serial(layout["serial"], make))
        self.server = first
        if len(found) > 1:
            from ophion_boot.port.roads import Roads

            self.server = Roads(found)  # type: ignore[assignment]
        return self.server

    def _serial(self, spec: dict, make):  # type: ignore[no-untyped-def]
        from ophion_boot.port.wire import Limits

        if spec["framing"] == "raw":
            from ophion_boot.port.raw import RawServer as Kind
        else:
            from ophion_boot.port.console import ConsoleServer as Kind  # type: ignore[assignment]
        stream = self._device.board.uart(spec)
        return make(
            Limits(self._buf_size, _SERIAL_IN_FLIGHT),
            lambda limits, session, restart: Kind(limits, session, restart, stream),
        )
