"""What an application says to the bootloader, and how it stays updatable while it runs.

    import ophion_app

    asyncio.create_task(ophion_app.serve())   # updates can be taken from now on
    ...
    ophion_app.confirm()                      # this version works: let it stay

A program without asyncio calls `ophion_app.poll(ms)` in its loop instead of sleeping.

Without `confirm()` an update is on trial: after a few boots the version before it comes back. While
it serves it also tells the bootloader that updates get through (`ophion_app.health`).
"""

import asyncio
import time

from ophion_boot import main as _boot

from ophion_app import health

_POLL_MS = 20

_service: tuple = ()  # (server, health.Watch) while updates are served


def version() -> str:
    """The version of the running image, `major.minor.revision`."""
    return _boot.device.boot.image.version


def trial() -> tuple[int, int] | None:
    """(boot, boots) when this version is on trial, else None."""
    return _boot.device.boot.trial


def confirm() -> bool:
    """Let the running version stay; True when it was on trial until now."""
    return _boot.device.confirm("by the application")


def feed() -> None:
    """Feed the watchdog that the bootloader armed; call it from where the work is really done.

    The periodic reset comes from here, when it is due.
    """
    _boot.device.feed()


def enter_recovery() -> None:
    """Reset into the bootloader's own update service; does not return."""
    _boot.device.restart(1)


def events() -> list[dict]:
    """What happened to updates on this device, oldest first (see SMP group 64)."""
    return _boot.device.log.read()


def reachable() -> bool:
    """True when the update service of this application can be found or is in use."""
    return bool(_service) and _service[0].reachable()


def battery(percent: int, millivolts: int = 0) -> None:
    """Tell hosts how full the battery is, 0 to 100, and its voltage if it is known; call it as it changes."""
    _boot.device.battery = {"percent": percent, "mv": millivolts} if millivolts else {"percent": percent}


def poll(ms: int = 0) -> None:
    """Serve updates from a plain loop: do what is due, and go on for `ms` milliseconds, instead of a sleep.

        while True:
            measure()
            ophion_app.feed()
            ophion_app.poll(1000)

    The first call starts the service, `stop()` ends it. A program that calls it rarely is updated slowly.
    """
    if not _service:
        _start(None)
    server, watch = _service
    end = time.ticks_add(time.ticks_ms(), ms)
    while True:
        server.poll()
        watch()
        if time.ticks_diff(end, time.ticks_ms()) <= 0:
            return
        if not server.busy():
            time.sleep_ms(1)


def stop() -> None:
    """End the service that `poll` started."""
    global _service
    if _service:
        server = _service[0]
        _service = ()
        health.report(False)
        server.stop()


def _start(notify) -> None:  # type: ignore[no-untyped-def]
    global _service
    server = _boot.device.server(notify)
    server.start()
    _service = server, health.Watch(server)


async def serve() -> None:
    """Serve updates while the application runs (asyncio); ends only when cancelled."""
    flag = asyncio.ThreadSafeFlag()
    _start(flag.set)
    server, watch = _service
    ticks = asyncio.create_task(_tick(flag))
    try:
        while True:
            server.poll()
            watch()
            if server.busy():
                await asyncio.sleep_ms(1)
            else:
                await flag.wait()
    finally:
        ticks.cancel()
        stop()


async def _tick(flag: "asyncio.ThreadSafeFlag") -> None:
    # Not wait_for: a task that is cancelled while its wait_for times out is not told of it (MicroPython).
    while True:
        await asyncio.sleep_ms(_POLL_MS)
        flag.set()
