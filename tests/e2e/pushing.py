"""What the tests of whole updates share: the device's name, and a push whose events are all seen."""

from contextlib import aclosing

from ophion.push import PushOptions, push

NAME = "e2e-device"
AS_IT_IS = PushOptions(compress=False)
"""The whole image goes out, byte by byte."""


async def push_all(image, options=AS_IT_IS):
    """Push `image` to the device called NAME; return the events, in their order."""
    async with aclosing(push(image, NAME, options)) as events:
        return [event async for event in events]
