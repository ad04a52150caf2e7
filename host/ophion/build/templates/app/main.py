"""APP_NAME: prints a heartbeat and can be updated while it runs."""

import asyncio

import ophion_app


async def update_service():
    """Serve updates for ever, and call this image good as soon as the next update could reach it."""
    service = asyncio.create_task(ophion_app.serve())
    while not ophion_app.reachable():
        await asyncio.sleep_ms(100)
    if ophion_app.confirm():
        print("APP_NAME: confirmed")
    await service


async def work():
    """What this device is for. Replace it, and feed the watchdog from where the work is done."""
    beat = 0
    while True:
        beat += 1
        print("APP_NAME: beat", beat)
        ophion_app.feed()
        await asyncio.sleep_ms(2000)


async def main():
    print("APP_NAME", ophion_app.version())
    await asyncio.gather(update_service(), work())


asyncio.run(main())
