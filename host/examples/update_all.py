"""Update every board in range: those that run the image already are left alone.

    python update_all.py IMAGE [RADIO...]

RADIO is what `--radio` of the command line takes; several are used one after the other, as a rig with several
adapters needs it (bumble:usb:0 bumble:usb:1). Ends with 1 when a board could not be updated.
"""

import asyncio
import sys
from contextlib import aclosing

from ophion.package import ImageFile, load_image
from ophion.push import Outcome, push_many, scan, use_radio


async def update_range(image: ImageFile) -> dict[str, Outcome]:
    """Push to everybody who is heard now."""
    names = {found.address: found.name for found in await scan(4.0)}
    outcomes = {}
    async with aclosing(push_many(image, list(names))) as steps:
        async for address, step in steps:
            if isinstance(step, Outcome):
                outcomes[names[address] or address] = step
    return outcomes


def main(path: str, radios: list[str]) -> int:
    image = load_image(path)
    failed = 0
    for radio in radios or ["os"]:
        undo = use_radio(radio)
        try:
            outcomes = asyncio.run(update_range(image))
        finally:
            undo()
        for name, outcome in outcomes.items():
            print(f"{name}: {outcome.error or f'runs {image.version_text}'}")
            failed += outcome.error is not None
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
