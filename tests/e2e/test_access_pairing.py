"""Who may update a device by pairing: passkeys, bonds, what is lost on either side."""

import asyncio

import pytest
from access_bench import (
    NAME,
    another_computer,
    aside,
    board,
    digits,
    ophion,
    refused,
    running,
    slots,
    update,
)
from bleak import BleakClient, BleakScanner
from bleak.exc import BleakGATTProtocolError
from ophion.errors import RefusedError
from ophion.push import Access, Link
from ophion.sim import RadioOptions, pairing
from ophion.sim.bonds import CentralBonds
from smpclient.transport import SMP_CHARACTERISTIC_UUID as CHARACTERISTIC


async def test_paired_lets_in_who_has_paired_and_nobody_else(bench):
    old, new = bench.image("1.0.0"), bench.image("1.1.0", asset=6000)
    layout = board(bench, "paired", "123456", operators=())
    async with bench.device(old.image, layout) as sim:
        before = slots(sim)
        error = await refused(update(bench, new, None))
        assert "--pair" in error.hint
        with pytest.raises(RefusedError, match="pairing failed"):
            await update(bench, new, Access(pair=True, passkey=digits(654321)))
        await refused(update(bench, new, Access(pair=True)))  # just works: encrypted, by nobody knows whom
        assert slots(sim) == before and running(sim) == ["1.0.0"]
        await update(bench, new, Access(pair=True, passkey=digits(123456)))
        async with Link(NAME) as link:
            assert (await link.images())[0].version == "1.1.0", "the bond is enough from now on"
        with another_computer(sim):
            await refused(update(bench, old, None))
        assert running(sim) == ["1.0.0", "1.1.0"]


async def test_bonds_survive_resets_power_cuts_and_recovery(bench):
    layout = board(bench, "paired", "123456", operators=())
    async with bench.device(bench.image("1.0.0").image, layout) as sim:
        async with Link(NAME, access=Access(pair=True, passkey=digits(123456))) as link:
            await link.recover()
            assert await link.wait_gone(10)
        await sim.wait_console("recovery, advertising")
        async with Link(NAME) as link:
            assert (await link.info()).mode == "recovery"
        await sim.power_cut()
        await sim.power_on()
        await update(bench, bench.image("1.1.0"), None)


async def test_an_attribute_refuses_a_central_that_has_not_paired(bench):

    layout = board(bench, "paired", "123456", operators=())
    async with bench.device(bench.image("1.0.0").image, layout):
        found = await BleakScanner.find_device_by_name(NAME, timeout=5)
        async with BleakClient(found) as client:
            with pytest.raises(BleakGATTProtocolError) as caught:
                await client.write_gatt_char(CHARACTERISTIC, b"12345678", response=True)
            assert int(caught.value.code) == 0x05, "insufficient authentication"
            heard = []
            await client.start_notify(CHARACTERISTIC, lambda _, data: heard.append(data))
            # Parameters are for everybody, but here nobody even hears the question.
            await client.write_gatt_char(CHARACTERISTIC, bytes.fromhex("0800000000000006"), response=False)
            await asyncio.sleep(0.5)
            assert heard == []
            await client.pair(passkey=digits(123456))
            await client.write_gatt_char(CHARACTERISTIC, bytes.fromhex("0800000000000006"), response=False)
            for _ in range(100):
                if heard:
                    break
                await asyncio.sleep(0.05)
            assert len(heard) == 1


async def test_a_random_passkey_is_printed_for_who_stands_there(bench):
    layout = board(bench, "paired", operators=())
    async with bench.device(bench.image("1.0.0").image, layout) as sim:

        async def read_it():
            return int((await sim.wait_console("ophion: passkey")).split()[-1])

        await update(bench, bench.image("1.1.0"), Access(pair=True, passkey=read_it))
        shown = [line for line in sim.console if line.startswith("ophion: passkey")]
        assert len(shown) == 1 and len(shown[0].split()[-1]) == 6


async def test_just_works_where_the_board_says_so(bench):
    layout = board(bench, "paired", "none", operators=())
    async with bench.device(bench.image("1.0.0").image, layout) as sim:
        await refused(update(bench, bench.image("1.1.0"), None))
        await update(bench, bench.image("1.1.0"), Access(pair=True))
        assert running(sim) == ["1.0.0", "1.1.0"]


async def test_the_device_lost_its_bonds(bench):
    layout = board(bench, "paired", "123456", operators=())
    async with bench.device(bench.image("1.0.0").image, layout) as sim:
        known = Access(pair=True, passkey=digits(123456))
        async with Link(NAME, access=known) as link:
            assert await link.images()
        await sim.power_cut()
        with (sim.directory / "flash.bin").open("r+b") as flash:  # the cells
            flash.write(b"\xff" * 0x2000)
        await sim.power_on()
        await refused(update(bench, bench.image("1.1.0"), None))
        await update(bench, bench.image("1.1.0"), known)


async def test_the_computer_lost_its_bond_and_pairs_again(bench):

    layout = board(bench, "paired", "123456", operators=())
    async with bench.device(bench.image("1.0.0").image, layout) as sim:
        known = Access(pair=True, passkey=digits(123456))
        async with Link(NAME, access=known) as link:
            assert await link.images()
        bonds = CentralBonds.of(sim.transport)
        kept = dict(bonds._peers)
        bonds._peers.clear()
        await refused(update(bench, bench.image("1.1.0"), None))
        # Somebody with our address who begins to pair, and does not know the passkey, costs us nothing.
        with pytest.raises(RefusedError, match="pairing failed"):
            await update(bench, bench.image("1.1.0"), Access(pair=True, passkey=digits(999999)))
        bonds._peers.update(kept)
        async with Link(NAME) as link:
            assert await link.images(), "the old bond is as good as it was"
        bonds._peers.clear()
        await update(bench, bench.image("1.1.0"), known)


async def test_more_computers_than_there_is_room_for(bench):

    layout = board(bench, "paired", "123456", operators=())
    async with bench.device(bench.image("1.0.0").image, layout) as sim:
        bonds = CentralBonds.of(sim.transport)
        for turn in range(6):
            bonds.address = None  # another computer each time
            async with Link(NAME, access=Access(pair=True, passkey=digits(123456))) as link:
                assert await link.images(), turn
        await update(bench, bench.image("1.1.0"), None)


async def test_three_wrong_passkeys_close_pairing_for_a_while_but_not_for_the_bonded(bench):
    layout = board(bench, "paired", "123456", operators=())
    async with bench.device(bench.image("1.0.0").image, layout) as sim:
        right = Access(pair=True, passkey=digits(123456))
        async with Link(NAME, access=right) as link:
            assert await link.images()
        with another_computer(sim):
            for _ in range(3):
                with pytest.raises(RefusedError, match="pairing failed"):
                    async with Link(NAME, access=Access(pair=True, passkey=digits(1))):
                        pass
            with pytest.raises(RefusedError, match="pairing failed"):
                async with Link(NAME, access=right):
                    pass
        await update(bench, bench.image("1.1.0"), None)


async def test_legacy_pairing_is_refused_by_a_board_build_and_taken_by_stock_firmware(bench):

    layout = board(bench, "paired", "123456", operators=())
    for secure_only in (True, False):
        radio = RadioOptions(secure_only=secure_only)
        async with bench.device(bench.image("1.0.0").image, layout, radio=radio):
            found = await BleakScanner.find_device_by_name(NAME, timeout=5)
            async with BleakClient(found) as client:
                link = client._backend._require()
                try:
                    await pairing.pair(link, digits(123456), secure=False)
                    paired = True
                except Exception as error:
                    assert "AUTHENTICATION_REQUIREMENTS" in str(error)
                    paired = False
                assert paired is not secure_only
                if not paired:
                    with pytest.raises(BleakGATTProtocolError):
                        await client.write_gatt_char(CHARACTERISTIC, b"12345678", response=True)


async def test_the_command_line_pairs_once_and_keeps_the_bond(bench):
    layout = board(bench, "paired", "123456", operators=())
    async with bench.device(bench.image("1.0.0").image, layout) as sim:
        bench.image("1.1.0")
        words = ("device", "images", "--ble", NAME)
        code, output = await aside(ophion, bench, *words, sim=sim)
        assert code == 5 and "--pair" in output
        code, output = await aside(ophion, bench, *words, "--passkey", "12345", sim=sim)
        assert code == 2 and "six digits" in output
        code, output = await aside(ophion, bench, *words, "--passkey", "654321", sim=sim)
        assert code == 5 and "pairing failed" in output
        code, output = await aside(ophion, bench, *words, "--passkey", "123456", sim=sim)
        assert code == 0 and "1.0.0" in output
        kept = sim.directory / "bonds.json"
        assert kept.stat().st_mode & 0o777 == 0o600
        push_it = ("push", bench.directory / "1.1.0.bin", "--ble", NAME)
        code, output = await aside(ophion, bench, *push_it, sim=sim)
        assert code == 0 and "version 1.1.0 is confirmed" in output, "another process, the same computer"
        kept.write_text("{}")
        code, output = await aside(ophion, bench, *words, sim=sim)
        assert code == 3 and "bonds.json does not hold bonds" in output
