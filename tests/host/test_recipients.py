"""Several recipients of one ciphertext, keys of devices, what the commands say of encrypted images."""

import json
import stat

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from ophion.build.boards import board_layout
from ophion.build.device_module import device_module
from ophion.build.layout import LayoutError, load_layout
from ophion.errors import KeyFileError, UsageError, VerificationFailed
from ophion.keys import generate, generate_recipient, load_device_key, load_recipient
from ophion.package import parse_image, verify_image
from ophion.sign import SignOptions, image_digest, sign
from ophion.sim import Simulator
from ophion.versions import parse_version
from ophion_boot.core.area import Area
from ophion_boot.core.strategies import make

V = parse_version("1.2.3")
PAYLOAD = bytes(range(256)) * 2 + b"odd"


@pytest.fixture
def keys(tmp_path):
    """Two X25519 keys and a P-256 key, {name: path of the private half}; the public half is beside each."""
    paths = {name: tmp_path / f"{name}.pem" for name in ("own", "shared", "p256")}
    generate_recipient(paths["own"])
    generate_recipient(paths["shared"])
    private = ec.generate_private_key(ec.SECP256R1())
    plain = serialization.NoEncryption()
    pkcs8 = serialization.PrivateFormat.PKCS8
    paths["p256"].write_bytes(private.private_bytes(serialization.Encoding.PEM, pkcs8, plain))
    return paths


def encrypted(workshop, paths, bits=128):
    options = SignOptions(recipients=[load_recipient(path) for path in paths], aes_bits=bits)
    return sign(PAYLOAD, V, workshop.signer, options)


@pytest.mark.parametrize("bits", [128, 256])
def test_each_of_several_recipients_can_read_the_same_ciphertext(workshop, keys, bits):
    image = parse_image(encrypted(workshop, keys.values(), bits))
    assert image.aes_bits == bits and PAYLOAD[:32] not in image.data
    assert image.hash == image_digest(
        PAYLOAD, V, SignOptions(recipients=[load_recipient(keys["own"])], aes_bits=bits)
    )
    ids = [load_recipient(path).keyhash[:8] for path in keys.values()]
    assert [key_id for key_id, _, _ in image.wrapped()] == ids
    assert [tlv.kind for tlv in image.tlvs] == [0x10, 0x01, 0x24, 0x1A3]
    assert image.unsigned_reason() == "" and image.size == len(image.data)
    for path in keys.values():
        verify_image(image, [workshop.public], enc_keys=[load_device_key(path).entry])


def test_a_key_that_is_not_among_them_cannot(workshop, keys, tmp_path):
    generate_recipient(tmp_path / "other.pem")
    entry = load_device_key(tmp_path / "other.pem").entry
    several = parse_image(encrypted(workshop, [keys["own"], keys["shared"]]))
    with pytest.raises(VerificationFailed, match="no recipient is this device"):
        verify_image(several, [workshop.public], enc_keys=[entry])
    one = parse_image(encrypted(workshop, [keys["own"]]))
    with pytest.raises(VerificationFailed, match="changed, or for another device"):
        verify_image(one, [workshop.public], enc_keys=[entry])
    with pytest.raises(VerificationFailed, match="no X25519 key"):
        verify_image(one, [workshop.public], enc_keys=[load_device_key(keys["p256"]).entry])


def test_how_many_there_may_be(workshop, keys, tmp_path):
    paths = []
    for number in range(17):
        paths.append(tmp_path / f"n{number}.pem")
        generate_recipient(paths[-1])
    full = parse_image(encrypted(workshop, paths[:16]))
    verify_image(full, [workshop.public], enc_keys=[load_device_key(paths[15]).entry])
    with pytest.raises(UsageError, match="17 keys to encrypt to, more than 16"):
        encrypted(workshop, paths)
    with pytest.raises(UsageError, match="given twice"):
        encrypted(workshop, [keys["own"], keys["own"]])


def test_commands_for_encrypted_images(workshop, keys, cli, tmp_path):
    (tmp_path / "payload").write_bytes(PAYLOAD)
    out = tmp_path / "i.bin"
    words = ("sign", tmp_path / "payload", "--version", "1.2.3", "-k", workshop.key, "-o", out)
    made = cli(*words, "-E", tmp_path / "own.pub", "-E", tmp_path / "shared.pub", "--json").json()
    assert made["encrypted"] is True
    shown = cli("inspect", out)
    own = load_recipient(keys["own"]).keyhash[:8].hex()
    assert f"encrypted, AES-128, for ENC_X25519 {own}, ENC_X25519 " in shown.out
    assert "no ROMFS" not in shown.out and "RECIPIENTS 0x01a3" in shown.out
    listed = cli("inspect", out, "--json").json()["encrypted"]
    assert listed["aes_bits"] == 128 and listed["recipients"][0] == {"key_id": own, "type": "ENC_X25519"}
    verify = ("verify", out, "--key", workshop.pub)
    refused = cli(*verify)
    assert refused.code == 7 and "plain images only" in refused.err and "--enc-key" in refused.err
    assert cli(*verify, "--enc-key", keys["shared"], "--json").json()["encrypted"] is True
    assert cli(*verify, "--enc-key", keys["p256"]).code == 7
    assert cli(*verify, "--enc-key", tmp_path / "own.pub").code == 3


def test_a_plain_image_needs_no_key_and_shows_none(workshop, keys, cli, tmp_path):
    image = parse_image(sign(PAYLOAD, V, workshop.signer))
    verify_image(image, [workshop.public], enc_keys=[load_device_key(keys["own"]).entry])
    assert image.aes_bits == 0 and image.wrapped() == []
    (tmp_path / "i.bin").write_bytes(image.data)
    assert cli("inspect", tmp_path / "i.bin", "--json").json()["encrypted"] == {
        "aes_bits": 0,
        "recipients": [],
    }


def test_new_keys_of_devices(cli, tmp_path):
    path = tmp_path / "device.pem"
    made = cli("keys", "new", path, "--type", "x25519", "--json").json()
    assert made["type"] == "x25519" and stat.S_IMODE(path.stat().st_mode) == 0o600
    key = load_device_key(path)
    assert key.recipient == load_recipient(tmp_path / "device.pub")
    assert key.recipient.keyhash.hex() == made["keyhash"]
    assert repr(key.private) not in repr(key) and key.entry[:2] == (key.recipient.keyhash[:8], 0x33)
    assert cli("keys", "new", path, "--type", "x25519").code == 2, "it is not overwritten"
    words = ("keys", "new", tmp_path / "locked.pem", "--type", "x25519", "--passphrase-file", tmp_path / "p")
    (tmp_path / "p").write_text("secret")
    assert cli(*words).code == 0 and b"ENCRYPTED" in (tmp_path / "locked.pem").read_bytes()
    with pytest.raises(KeyFileError, match="passphrase"):
        load_device_key(tmp_path / "locked.pem")


def test_keys_that_no_device_decrypts_with(keys, tmp_path, vectors):
    assert load_device_key(keys["p256"]).entry[1] == 0x32
    generate(tmp_path / "ed.pem")
    with pytest.raises(KeyFileError, match="not an X25519 or P-256 key"):
        load_device_key(tmp_path / "ed.pem")
    with pytest.raises(KeyFileError, match="not a private key in PEM form"):
        load_device_key(tmp_path / "own.pub")
    with pytest.raises(KeyFileError, match="public knowledge"):
        load_device_key(vectors / "key-x25519.pem", allow_sample=False)


def test_boards_with_encryption(keys, tmp_path):
    entry = load_device_key(keys["own"]).entry
    for board in ("sim", "sim-scratch", "sim-golden"):
        plain = load_layout(board_layout(board))
        with pytest.raises(LayoutError, match=r"update\.encryption is not true"):
            device_module(plain, "name", [bytes(32)], enc_keys=[entry])
        text = board_layout(board).read_text().replace("[update]\n", "[update]\nencryption = true\n", 1)
        (tmp_path / "layout.toml").write_text(text)
        layout = load_layout(tmp_path / "layout.toml")
        assert layout.encryption and layout == plain.with_encryption()
        made = {}
        exec(device_module(layout, "name", [bytes(32)], enc_keys=[entry]), made)
        assert made["LAYOUT"]["enc_keys"] == [entry] and made["LAYOUT"]["encryption"] is True

        def area(name, layout=layout):
            spec = layout.areas[name]
            return Area(None, spec.offset, spec.size, layout.sector, layout.write_size)

        strategy = make(layout.strategy, area, bytearray(layout.sector), layout.trials, secret=object())
        assert strategy.max_image_size == layout.max_image_size
    with pytest.raises(LayoutError, match="images run where they lie under"):
        load_layout(board_layout("sim-ab")).with_encryption()


def test_the_records_take_their_room(tmp_path):
    # 32-byte write units, 119 sectors: 7,616 bytes of marks and 480 beside them take two sectors, 320 more
    # do not fit.
    text = board_layout("sim").read_text()
    text = text.replace("write_size = 4 ", "write_size = 32 ")
    text = text.replace("size = 0x080000", "size = 0x077000")
    (tmp_path / "layout.toml").write_text(text)
    layout = load_layout(tmp_path / "layout.toml")
    assert layout.areas["primary"].size == 119 * 4096
    assert layout.max_image_size - layout.with_encryption().max_image_size == 4096


async def test_a_simulator_that_cannot_have_a_key_says_so(keys, tmp_path):
    entry = load_device_key(keys["own"]).entry
    with pytest.raises(LayoutError, match="images run where they lie under"):
        await Simulator.create(
            tmp_path / "device", layout=board_layout("sim-ab"), keys=[bytes(32)], enc_keys=[entry]
        )


def test_the_command_of_the_simulator_takes_a_key(keys, workshop, cli, tmp_path):
    folder = tmp_path / "device"
    image = tmp_path / "i.bin"
    image.write_bytes(sign(PAYLOAD, V, workshop.signer))
    words = ("sim", folder, "--image", image, "--key", workshop.pub, "--cut-at-op", "1", "--json")
    done = cli(*words, "--enc-key", keys["own"])
    assert done.code == 0 and json.loads(done.out.splitlines()[0])["event"] == "running"
    made = {}
    exec((folder / "frozen" / "ophion_layout.py").read_text(), made)
    assert made["LAYOUT"]["enc_keys"] == [load_device_key(keys["own"]).entry]
    again = cli("sim", folder, "--enc-key", keys["own"])
    assert again.code == 2 and "holds a device already" in again.err
