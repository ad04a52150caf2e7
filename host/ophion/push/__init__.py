"""Pushing images to devices over Bluetooth LE, UDP or a serial port, with the field's own client (smpclient).

```python
async with aclosing(push(load_image("heartbeat-1.1.0.bin"), "ophion-sim")) as events:
    async for event in events:
        ...
async with Link("ophion-sim") as link:
    print(await link.images(), await link.log())
async with aclosing(push_many(image, ["lamp-1", "udp:10.0.0.7", "sim:device"])) as steps:
    async for device, step in steps:        # events, then an Outcome for each device
        ...
```
"""

import logging

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
from ophion.push.many import Outcome, push_many
from ophion.push.radio import use_radio
from ophion.push.rollback import roll_back
from ophion.push.update import PushOptions, push

# smpclient tells by its log what is raised here, or is an event: quiet unless somebody has asked for more.
if logging.getLogger("smpclient").level == logging.NOTSET:
    logging.getLogger("smpclient").setLevel(logging.CRITICAL)

__all__ = [
    "Access",
    "Chosen",
    "Confirmed",
    "Connected",
    "Event",
    "Found",
    "Link",
    "Marked",
    "Outcome",
    "Patched",
    "PushOptions",
    "Reconnecting",
    "Resetting",
    "Resumed",
    "Running",
    "Uploaded",
    "Uploading",
    "push",
    "push_many",
    "roll_back",
    "scan",
    "use_radio",
]
