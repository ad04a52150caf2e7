"""The update service of a device, and recovery. Imported when one of them starts: most boots need neither."""

import sys
import time

from ophion_boot.compat import const
from ophion_boot.core.inbox import Inbox
from ophion_boot.core.receive import Upload
from ophion_boot.core.recovery import led
from ophion_boot.core.smp_image import GROUP as IMAGE_GROUP
from ophion_boot.core.smp_image import Component, ImageGroup
from ophion_boot.core.smp_ophion import GROUP as OPHION_GROUP
from ophion_boot.core.smp_ophion import OphionGroup
from ophion_boot.core.smp_os import GROUP as OS_GROUP
from ophion_boot.core.smp_os import OsGroup
from ophion_boot.core.smp_session import Session
from ophion_boot.fmt.image import version_text

_BUF_SIZE = const(2475)
_BUF_COUNT = const(4)
_ROMFS_MAGIC = b"\xd2\xcd\x31"
_ESP_MAGIC = b"\xe9"


def server(device, notify=None):  # type: ignore[no-untyped-def]
    """The SMP service of `device` (main.Device) over what its board has, not started."""
    inbox = Inbox(_BUF_COUNT, _BUF_SIZE)
    reset = _Later()
    groups = {
        OS_GROUP: OsGroup(inbox, reset),
        IMAGE_GROUP: ImageGroup(_components(device), device.verifier, device.confirm),
        OPHION_GROUP: OphionGroup(info(device), device.log, reset, device.verifier.trust, device.on_trial),
    }
    session = Session(groups, _BUF_SIZE, lambda reason: device.log.add("refused", "", reason))
    made = device.board.server(device.layout["name"], inbox, session, device.restart, notify)
    reset.server = made
    return made


def info(device) -> dict:  # type: ignore[no-untyped-def]
    """What SMP group 64 tells about `device`."""
    return {
        "name": device.layout["name"],
        "hw": device.layout["hw"],
        "strategy": device.strategy.name,
        "boot": device.version,
        "mode": "recovery" if device.recovery else "app",
        "runtime": "MicroPython %d.%d.%d" % tuple(sys.implementation.version[:3]),
    }


def recover(device) -> None:  # type: ignore[no-untyped-def]
    """Serve SMP; without a central for `recovery_s` seconds, try the application again."""
    device.log.add("recovery", "", device.boot.reason or "asked for")
    service = server(device)
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


def _components(device) -> list[Component]:  # type: ignore[no-untyped-def]
    """What can be updated, by image number."""
    upload = Upload(device.strategy, device.buffer, device.verifier)
    found = [Component(device.strategy, upload, not device.recovery, _ROMFS_MAGIC)]
    runtime = device.runtime
    if runtime:
        upload = Upload(runtime, device.buffer, device.verifier, 1)
        found.append(Component(runtime, upload, True, _ESP_MAGIC, version_text(runtime.version)))
    return found


class _Later:
    """The reset of a server that is known only after this was passed on."""

    server = None

    def __call__(self, boot_mode: int) -> None:
        self.server.request_reset(boot_mode)  # type: ignore[attr-defined]
