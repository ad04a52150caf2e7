"""What only one device can read: its NVS partition and its flash, opened with the keys that were burned."""

import io
import struct
import subprocess
import sys

import espsecure
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, x25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from ophion.errors import InputError, UsageError
from ophion.keys import generate_device_key
from ophion.provision import Job
from ophion.provision.identity import CELL, Identity, nvs_keys, nvs_partition
from ophion_boot.fmt.cbor import decode_map

ENTRY, PAGE = 32, 4096
NAMESPACE, BLOB, BLOB_INDEX = 0x01, 0x42, 0x48


def tool(*words, cwd):
    """Espressif's own command."""
    command = [sys.executable, "-m", "esp_idf_nvs_partition_gen", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def decrypted(data, hmac_key, folder):
    """The partition in the clear, by Espressif's tool, which derives the keys from the HMAC key itself."""
    (folder / "hmac.bin").write_bytes(hmac_key)
    (folder / "sealed.bin").write_bytes(data)
    tool(
        *("generate-key", "--keyfile", "keys.bin", "--key_protect_hmac"),
        *("--kp_hmac_inputkey", folder / "hmac.bin", "--outdir", folder),
        cwd=folder,
    )
    tool("decrypt", folder / "sealed.bin", folder / "keys" / "keys.bin", folder / "clear.bin", cwd=folder)
    return (folder / "clear.bin").read_bytes()


def blobs(data):
    """{(namespace, key): bytes} of an NVS partition in the clear (ESP-IDF, "NVS internals")."""
    names, found = {}, {}
    for page in range(0, len(data), PAGE):
        at = page + 2 * ENTRY
        while at < page + PAGE:
            space, kind, span = data[at], data[at + 1], data[at + 2]
            key = data[at + 8 : at + 24].rstrip(b"\0\xff").decode("ascii", "replace")
            if space == 0xFF:
                break
            if kind == NAMESPACE and space == 0:
                names[data[at + 24]] = key
            elif kind == BLOB:
                size = struct.unpack_from("<H", data, at + 24)[0]
                found[(names[space], key)] = data[at + ENTRY : at + ENTRY + size]
            at += ENTRY * span
    return found


def test_the_nvs_of_a_device_opens_with_its_key_only(bench, tmp_path):
    device = bench("esp32c3")
    device.run(close=False)
    record = device.record()
    sealed = (record.folder / "nvs.bin").read_bytes()
    area = device.layout.areas["nvs"]
    assert len(sealed) == area.size
    assert record.keys["HMAC_UP"]["sealed"]["nvs.bin"]["address"] == area.offset
    found = blobs(decrypted(sealed, device.made["HMAC_UP"], tmp_path))
    identity = decode_map(found[("ophion", CELL)])
    ((key_id, kind, private),) = identity["keys"]
    public = x25519.X25519PrivateKey.from_private_bytes(bytes(private)).public_key()
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert identity["id"] == record.device["id"] and kind == 0x33
    assert der.hex() == record.device["public_key"] and record.device["keyhash"].startswith(
        bytes(key_id).hex()
    )
    assert decode_map(found[("ophion", "settings")]) == {"ophion/name": "lamp"}
    assert bytes(private) not in sealed and b"lamp" not in sealed


def test_a_private_key_for_p256(tmp_path):
    key = generate_device_key("ecdsa-p256")
    cells = Identity("one", "", key).cells
    assert list(cells) == [CELL]
    ((_, kind, private),) = decode_map(cells[CELL])["keys"]
    numbers = ec.derive_private_key(int.from_bytes(bytes(private), "big"), ec.SECP256R1()).public_key()
    assert kind == 0x32
    assert numbers.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) == key.recipient.der
    with pytest.raises(UsageError, match="no such type of device key: 'rsa'"):
        generate_device_key("rsa")


def test_the_flash_of_a_device_opens_with_its_key_only(bench):
    for chip in ("esp32", "esp32c6"):
        device = bench(chip, chip)
        device.run(close=False)
        purpose = device.wishes.table.flash_key.target
        sealed = device.record().keys[purpose]["sealed"]
        assert {facts["address"] for facts in sealed.values()} == set(device.job.files)
        for name, facts in sealed.items():
            data = (device.record().folder / name).read_bytes()
            plain = device.job.files[facts["address"]]
            out = io.BytesIO()
            espsecure.decrypt_flash_data(
                io.BytesIO(device.made[purpose]),
                out,
                facts["address"],
                0xF,
                chip != "esp32",
                io.BytesIO(data),
            )
            assert out.getvalue()[: len(plain)] == plain and plain[:64] not in data


def test_a_board_without_encrypted_nvs_gets_no_secret(bench):
    device = bench("esp32")
    record = device.record()
    device.job.plain_nvs(record)
    found = blobs((record.folder / "nvs.bin").read_bytes())
    assert decode_map(found[("ophion", CELL)]) == {"id": "000000000000", "keys": []}
    assert device.record().device == {"id": "000000000000", "name": "lamp"}
    assert device.made == {}


def test_a_copy_of_a_devices_key_has_a_passphrase(bench):
    device = bench("esp32c3")
    device.job = Job(
        device.layout, device.job.files, device.job.boot_keys, "", "", "ecdsa-p256", b"correct horse"
    )
    device.run(close=False)
    record = device.record()
    pem = (record.folder / "device.pem").read_bytes()
    key = load_pem_private_key(pem, b"correct horse")
    der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert der.hex() == record.device["public_key"] and b"ENCRYPTED" in pem
    with pytest.raises(UsageError, match="a copy of a device's key needs a passphrase"):
        generate_device_key("x25519", record.folder / "other.pem")


def test_data_that_do_not_fit_into_nvs():
    with pytest.raises(InputError, match="do not fit into its NVS of 12288 bytes"):
        nvs_partition({f"cell{number}": bytes(3000) for number in range(4)}, 0x3000, nvs_keys(bytes(32)))
