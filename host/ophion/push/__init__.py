"""Pushing images to devices over Bluetooth LE, UDP or a serial port, with the field's own client (smpclient).

async with aclosing(push(load_image("heartbeat-1.1.0.bin"), "ophion-sim")) as events:
    async for event in events:
        ...
async with Link("ophion-sim") as link:
    print(await link.images(), await link.log())
"""

from ophion.push.access import Access
from ophion.push.discovery import Found, scan
from ophion.push.events import (
    Chosen,
    Confirmed,
    Connected,
    Event,
    Marked,
    Patched,
    Reconnecting,
    Resetting,
    Resumed,
    Running,
    Uploaded,
    Uploading,
)
from ophion.push.link import Link
from ophion.push.radio import use_radio
from ophion.push.update import PushOptions, push

__all__ = [
    "Access",
    "Chosen",
    "Confirmed",
    "Connected",
    "Event",
    "Found",
    "Link",
    "Marked",
    "Patched",
    "PushOptions",
    "Reconnecting",
    "Resetting",
    "Resumed",
    "Running",
    "Uploaded",
    "Uploading",
    "push",
    "scan",
    "use_radio",
]
