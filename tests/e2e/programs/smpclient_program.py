"""A program that knows smpclient and nothing of Ophion: what any user of smpclient would write.

Usage: smpclient_program.py NAME IMAGE
"""

import asyncio
import sys
import time
from pathlib import Path

from smpclient import SMPClient
from smpclient.generics import success
from smpclient.mcuboot import IMAGE_TLV, ImageInfo
from smpclient.requests.image_management import ImageStatesRead, ImageStatesWrite
from smpclient.requests.os_management import (
    BootloaderInformationRead,
    EchoWrite,
    MCUMgrParametersRead,
    ResetWrite,
)
from smpclient.transport.ble import SMPBLETransport


async def ask(client, request, timeout_s=40.0):
    response = await client.request(request, timeout_s)
    assert success(response), response
    return response


async def connect(name):
    deadline = time.monotonic() + 20
    while True:
        client = SMPClient(SMPBLETransport(), name)
        try:
            await client.connect(5.0)
            return client
        except Exception:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.3)


async def main(name, path):
    digest = ImageInfo.load_file(path).get_tlv(IMAGE_TLV.SHA256).value
    client = await connect(name)
    text = "x" * 400
    assert (await ask(client, EchoWrite(d=text))).r == text
    params = await ask(client, MCUMgrParametersRead())
    print("params", params.buf_size, params.buf_count)
    print("bootloader", (await ask(client, BootloaderInformationRead())).bootloader)
    before = (await ask(client, ImageStatesRead())).images
    print("before", before[0].version)
    async for offset in client.upload(Path(path).read_bytes(), first_timeout_s=40.0):
        last = offset
    print("uploaded", last)
    images = (await ask(client, ImageStatesWrite(hash=digest, confirm=False))).images
    assert [i.pending for i in images if i.hash == digest] == [True]
    await ask(client, ResetWrite())
    await asyncio.sleep(1.0)
    await client.disconnect()
    client = await connect(name)
    images = (await ask(client, ImageStatesRead())).images
    active = next(i for i in images if i.active)
    assert active.hash == digest, images
    images = (await ask(client, ImageStatesWrite(confirm=True))).images
    assert next(i for i in images if i.active).confirmed
    print("runs", active.version, "confirmed")
    await client.disconnect()


asyncio.run(main(*sys.argv[1:]))
