"""What an application says to the bootloader, and how it stays updatable while it runs.

    import ophion_app

    asyncio.create_task(ophion_app.serve())   # updates can be taken from now on
    ...
    ophion_app.confirm()                      # this version works: let it stay

Without `confirm()` an update is on trial: after a few boots the version before it comes back. While
`serve()` runs it also tells the bootloader that updates get through (`ophion_app.health`).
"""

import asyncio

from ophion_boot import main as _boot

from ophion_app import health

_POLL_MS = 20

_server = None


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
    return _server is not None and _server.reachable()


async def serve() -> None:
    """Serve updates while the application runs; ends only when cancelled."""
    global _server
    flag = asyncio.ThreadSafeFlag()
    server = _boot.device.server(flag.set)
    server.start()
    _server = server
    watch = health.Watch(server)
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
        _server = None
        health.report(False)
        server.stop()


async def _tick(flag: "asyncio.ThreadSafeFlag") -> None:
    # Not wait_for: a task that is cancelled while its wait_for times out is not told of it (MicroPython).
    while True:
        await asyncio.sleep_ms(_POLL_MS)
        flag.set()
