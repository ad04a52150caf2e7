"""Pairing and bonds as MicroPython on NimBLE has them, with a real security manager on the other side.

Every test names the source that it was taken from, in MicroPython (v1.25 to v1.29) or NimBLE.
"""

import asyncio

import pytest
from bleak.exc import BleakError, BleakGATTProtocolError
from bumble.device import Connection
from bumble.hci import HCI_Error
from bumble.keys import PairingKeys
from ophion.sim import pairing
from ophion.sim.bonds import CentralBonds

DISPLAY = "bond=True, mitm=True, le_secure=True, io=0"
NOTHING = "bond=True, mitm=False, le_secure=True, io=3"
AUTHENTICATED = "pairing.WRITE_ENCRYPTED | pairing.WRITE_AUTHENTICATED"


def main(config, flags=AUTHENTICATED, more=""):
    return f"import pairing\n{more}\npairing.start({flags}, {config})\npairing.forever()\n"


def digits(number):
    async def ask():
        return number

    return ask


@pytest.fixture
def files(rig):
    return {"pairing.py": rig.program("pairing.py")}


async def refused_with(client, characteristic):
    """The ATT error of a write."""
    with pytest.raises(BleakGATTProtocolError) as caught:
        await client.write_gatt_char(characteristic, b"1", response=True)
    return int(caught.value.code)


async def test_the_module_has_no_names_for_the_flags_of_security(rig):
    """mp_module_bluetooth_globals_table (extmod/modbluetooth.c) exports five flags."""
    program = "import bluetooth\nprint('flags', sorted(n for n in dir(bluetooth) if n.startswith('FLAG')))\n"
    async with rig.device(program) as sim:
        line = await sim.wait_console("flags")
        names = ["INDICATE", "NOTIFY", "READ", "WRITE", "WRITE_NO_RESPONSE"]
        assert line == "flags " + str(sorted("FLAG_" + name for name in names))


async def test_a_passkey_makes_an_authenticated_bond(rig, files):
    """The device is asked for the passkey that it shows (PASSKEY_ACTION 3), the secrets are stored, then the
    link is told to be encrypted (modbluetooth_nimble.c, ble_secret_store_write, BLE_GAP_EVENT_ENC_CHANGE)."""
    async with rig.device(main(DISPLAY), files=files) as sim:
        await sim.wait_console("ready")
        async with rig.client(sim) as client:
            characteristic = rig.characteristic(client)
            assert await refused_with(client, characteristic) == 0x05
            await client.pair(passkey=digits(123456))
            await client.write_gatt_char(characteristic, b"1", response=True)
        lines = [line for line in sim.console if line.split()[0] in ("PASSKEY", "SET", "ENCRYPTION")]
        assert lines[0] == "SET 10 3 16", "the device's own identity key, when the radio is switched on"
        assert lines[1] == "PASSKEY 3 0"
        assert [line.split()[:3] for line in lines[2:4]] == [["SET", "2", "7"], ["SET", "1", "7"]]
        assert lines[4] == "ENCRYPTION 0 1 1 1 16"


async def test_a_bond_encrypts_the_next_link_without_a_question(rig, files):
    """NimBLE asks for OUR_SEC under the peer's address when the central encrypts (ble_sm_ltk_req_rx)."""
    async with rig.device(main(DISPLAY), files=files) as sim:
        await sim.wait_console("ready")
        async with rig.client(sim) as client:
            await client.pair(passkey=digits(123456))
        async with rig.client(sim) as client:
            await client.write_gatt_char(rig.characteristic(client), b"1", response=True)
        assert sim.console.count("PASSKEY 3 0") == 1
        assert sim.console.count("ENCRYPTION 0 1 1 1 16") == 2


async def test_a_wrong_passkey_is_told_as_an_update_that_says_not_encrypted(rig, files):
    """ENC_CHANGE comes with the state of the link whatever its status is (modbluetooth_nimble.c)."""
    async with rig.device(main(DISPLAY), files=files) as sim:
        await sim.wait_console("ready")
        async with rig.client(sim) as client:
            with pytest.raises(BleakError):
                await client.pair(passkey=digits(654321))
            await sim.wait_console("ENCRYPTION 0 0 0 0 0")
            assert await refused_with(client, rig.characteristic(client)) == 0x05
            await client.pair(passkey=digits(123456))
            await client.write_gatt_char(rig.characteristic(client), b"1", response=True)


async def test_just_works_is_encrypted_and_not_authenticated(rig, files):
    """Without a keyboard on the other side nothing is entered (Core, Vol 3 Part H, table 2.8)."""
    for flags, config in ((AUTHENTICATED, DISPLAY), ("pairing.WRITE_ENCRYPTED", NOTHING)):
        async with rig.device(main(config, flags), files=files) as sim:
            await sim.wait_console("ready")
            async with rig.client(sim) as client:
                await client.pair()
                await sim.wait_console("ENCRYPTION 0 1 0 1 16")
                if flags == AUTHENTICATED:
                    assert await refused_with(client, rig.characteristic(client)) == 0x05
                else:
                    await client.write_gatt_char(rig.characteristic(client), b"1", response=True)


async def test_reads_have_flags_of_their_own(rig, files):
    """BLE_GATT_CHR_F_READ_ENC, _READ_AUTHEN: 0x0200, 0x0400 (extmod/modbluetooth.h)."""
    flags = "pairing.READ_ENCRYPTED | pairing.READ_AUTHENTICATED"
    async with rig.device(main(DISPLAY, flags), files=files) as sim:
        await sim.wait_console("ready")
        async with rig.client(sim) as client:
            characteristic = rig.characteristic(client)
            await client.write_gatt_char(characteristic, b"free", response=True)
            with pytest.raises(BleakGATTProtocolError) as caught:
                await client.read_gatt_char(characteristic)
            assert int(caught.value.code) == 0x05
            await client.pair(passkey=digits(123456))
            assert await client.read_gatt_char(characteristic) == b"free"


async def test_a_bond_that_is_not_used_is_another_error(rig, files):
    """ble_att_svr_check_perms (NimBLE): insufficient encryption when a key for the peer is there."""
    async with rig.device(main(DISPLAY), files=files) as sim:
        await sim.wait_console("ready")
        async with rig.client(sim) as client:
            await client.pair(passkey=digits(123456))
        bonds = CentralBonds.of(sim.transport)
        kept, bonds._peers = bonds._peers, {}
        async with rig.client(sim) as client:
            assert await refused_with(client, rig.characteristic(client)) == 0x0F
        bonds._peers = kept


async def test_a_device_without_secrets_forgets(rig, files):
    """SET_SECRET that returns False: the pairing holds for its link (reference: ble_store_write fails)."""
    async with rig.device(main(DISPLAY, more="pairing.keep = False"), files=files) as sim:
        await sim.wait_console("ready")
        async with rig.client(sim) as client:
            await client.pair(passkey=digits(123456))
            await client.write_gatt_char(rig.characteristic(client), b"1", response=True)
        async with rig.client(sim) as client:
            # PIN or key missing: the central's backend forgets its side, as BlueZ users do by hand.
            assert await refused_with(client, rig.characteristic(client)) == 0x05
        assert CentralBonds.of(sim.transport)._peers == {}


async def test_another_key_ends_the_link(rig, files):
    """Core, Vol 6 Part B, 5.1.3: a link whose two ends have different keys fails its integrity check."""
    async with rig.device(main(DISPLAY), files=files) as sim:
        await sim.wait_console("ready")
        async with rig.client(sim) as client:
            await client.pair(passkey=digits(123456))
        bonds = CentralBonds.of(sim.transport)
        name, keys = next(iter(bonds._peers.items()))
        bonds._peers[name] = PairingKeys(ltk=PairingKeys.Key(bytes(16), authenticated=True))
        with pytest.raises(BleakError, match="disconnected"):
            async with rig.client(sim):
                pass
        assert sim.console.count("ENCRYPTION 0 1 1 1 16") == 1
        bonds._peers[name] = keys
        async with rig.client(sim) as client:
            await client.write_gatt_char(rig.characteristic(client), b"1", response=True)


async def test_pairing_anew_deletes_the_old_bond_first(rig, files):
    """BLE_GAP_EVENT_REPEAT_PAIRING: ble_store_util_delete_peer, then retry (modbluetooth_nimble.c)."""
    async with rig.device(main(DISPLAY), files=files) as sim:
        await sim.wait_console("ready")
        async with rig.client(sim) as client:
            await client.pair(passkey=digits(123456))
        bonds = CentralBonds.of(sim.transport)
        bonds._peers.clear()
        async with rig.client(sim) as client:
            with pytest.raises(BleakError):
                await client.pair(passkey=digits(1))
            await sim.wait_console("ENCRYPTION 0 0 0 0 0")
        deleted = [line for line in sim.console if line.startswith("SET") and line.endswith("None")]
        assert deleted == ["SET 1 7 None", "SET 2 7 None"], "gone, though the pairing came to nothing"


async def test_numbers_are_compared_where_both_sides_can(rig, files):
    """io 1 (display and yes/no) on both sides: PASSKEY_ACTION 4 with the number that both show."""
    from bumble.pairing import PairingConfig, PairingDelegate

    shown = []

    class YesNo(PairingDelegate):
        async def compare_numbers(self, number, digits):
            shown.append(number)
            return True

    config = "bond=True, mitm=True, le_secure=True, io=1"
    async with rig.device(main(config, more="pairing.passkey = 1"), files=files) as sim:
        await sim.wait_console("ready")
        async with rig.client(sim) as client:
            link: Connection = client._backend._require()
            delegate = YesNo(PairingDelegate.DISPLAY_OUTPUT_AND_YES_NO_INPUT)
            link.device.smp_manager.session_proxy = pairing.CentralSession
            link.device.pairing_config_factory = lambda _: PairingConfig(delegate=delegate)
            await link.pair()
            await sim.wait_console("ENCRYPTION 0 1 1 1 16")
        assert f"PASSKEY 4 {shown[0]}" in sim.console


async def test_a_security_request_reaches_the_central(rig, files):
    """gap_pair from the peripheral's side is a security request (ble_gap_security_initiate)."""
    more = """
import time
asked = []
def asking(event, data):
    if event == 1:
        asked.append(data[0])
    return base(event, data)
base, pairing.irq = pairing.irq, asking
"""
    wait = "print('ready')\nwhile not asked:\n    time.sleep_ms(5)\ntime.sleep_ms(300)\n"
    program = main(DISPLAY, more=more).replace(
        "pairing.forever()", wait + "pairing.ble.gap_pair(asked[0])\npairing.forever()"
    )
    async with rig.device(program, files=files) as sim:
        await sim.wait_console("ready")
        async with rig.client(sim) as client:
            link = client._backend._require()
            request = asyncio.get_running_loop().create_future()
            link.on(Connection.EVENT_SECURITY_REQUEST, request.set_result)
            wanted = await asyncio.wait_for(request, 10)
            assert wanted & 0x0D == 0x0D, "bonding, MITM protection, Secure Connections"


async def test_a_key_that_nobody_has_is_refused_to_the_central(rig, files):
    """PIN or key missing (0x06), and the link goes on as it was."""
    async with rig.device(main(DISPLAY), files=files) as sim:
        await sim.wait_console("ready")
        async with rig.client(sim) as client:
            link = client._backend._require()
            bonds = CentralBonds.of(sim.transport)
            bonds._peers[str(link.peer_address)] = PairingKeys(ltk=PairingKeys.Key(bytes(16)))
            with pytest.raises(HCI_Error) as caught:
                await link.encrypt()
            assert caught.value.error_code == 0x06
            assert await refused_with(client, rig.characteristic(client)) == 0x05
