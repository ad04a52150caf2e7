"""Sealed patches made on the host: what is in them, byte by byte, who opens them, and what the verbs say."""

import hashlib
import hmac
import random
import struct

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from ophion.delta import apply_patch, describe_patch, is_patch, make_image_patch
from ophion.delta.sealed import OpenImage, unseal_patch
from ophion.errors import PatchError
from ophion.keys import generate_recipient, load_device_key, load_recipient
from ophion.package import parse_image
from ophion.sign import SignOptions, sign
from ophion.versions import parse_version

OLD = random.Random(1).randbytes(9000)
NEW = OLD[:4000] + random.Random(2).randbytes(1500) + OLD[4000:]


@pytest.fixture
def keys(tmp_path):
    """Files of private keys; the public halves are beside them."""
    paths = {name: tmp_path / f"{name}.pem" for name in ("own", "shared", "stranger")}
    for path in paths.values():
        generate_recipient(path)
    return paths


def entries(*paths):
    return [load_device_key(path).entry for path in paths]


def signed(workshop, payload, version="1.0.0", paths=(), bits=128):
    options = SignOptions(recipients=[load_recipient(path) for path in paths], aes_bits=bits)
    return parse_image(sign(payload, parse_version(version), workshop.signer, options))


def ctr(key, counter, data):
    return Cipher(algorithms.AES(key), modes.CTR(counter)).encryptor().update(data)


def nonce_of(patch):
    return patch[6:14]


def test_no_key_stream_is_used_for_two_patches_and_the_same_patch_is_made_again(workshop, keys):
    own = [keys["own"]]
    olds = [signed(workshop, OLD + bytes([n]), paths=own) for n in range(3)]
    new = signed(workshop, NEW, "2.0.0", own)
    made = [make_image_patch(old, new, enc_keys=entries(*own)) for old in [*olds, None]]
    assert made == [make_image_patch(old, new, enc_keys=entries(*own)) for old in [*olds, None]]
    assert len({nonce_of(patch) for patch in made}) == len(made)
    assert all(
        is_patch(patch) and OLD[100:116] not in patch and NEW[4100:4116] not in patch for patch in made
    )
    small = make_image_patch(olds[0], new, small=True, enc_keys=entries(*own))
    assert nonce_of(small) != nonce_of(made[0])


@pytest.mark.parametrize("bits", [128, 256])
@pytest.mark.parametrize("base", ["encrypted", "plain", "none"])
def test_every_byte_is_what_the_specification_says(workshop, keys, bits, base):
    paths = [keys["own"], keys["shared"]]
    old = {
        "encrypted": signed(workshop, OLD, paths=paths[1:]),
        "plain": signed(workshop, OLD),
        "none": None,
    }[base]
    new = signed(workshop, NEW, "2.0.0", paths, bits)
    both = entries(*paths)
    patch = make_image_patch(old, new, enc_keys=both)
    content = OpenImage(new, both, "new").key
    assert len(content) * 8 == bits
    size = len(new.wrapped_tlv().value)
    fields = struct.unpack_from("<4sBB8sIIHH", patch)
    nonce = fields[3]
    assert fields == (b"OPHS", 1, bits // 8, nonce, 32, new.payload_size, 0x1A3, size) and nonce != bytes(8)
    assert patch[26 : 26 + size] == new.wrapped_tlv().value
    key = (OpenImage(old, both, "old").key if base == "encrypted" else b"") + content
    inner = b""
    body = patch[26 + size :]
    for number, at in enumerate(range(0, len(body), 1040)):
        block, tag = body[at : at + 1040][:-16], body[at : at + 1040][-16:]
        text = hashlib.sha256(patch[: 26 + size]).digest() + struct.pack("<I", number) + block
        assert hmac.digest(key, text, "sha256")[:16] == tag
        inner += block
    assert number > 0
    inner = ctr(content, nonce + bytes(8), inner)
    assert inner == unseal_patch(patch, both, key[: -len(content)])
    # The patch is between the images in the clear, but for the hash of the new one.
    assert inner[22:30] == hashlib.sha256(new.image).digest()[:8]
    clear = new.image[:32] + ctr(content, bytes(16), new.payload) + new.image[32 + new.payload_size :]
    before = OpenImage(old, both, "old").data if old else b""
    plain = inner[:22] + hashlib.sha256(clear).digest()[:8] + inner[30:]
    assert apply_patch(before, plain) == clear and NEW in clear


def test_a_key_that_opens_each_image_is_needed(workshop, keys):
    old = signed(workshop, OLD, paths=[keys["own"]])
    new = signed(workshop, NEW, "2.0.0", [keys["own"], keys["shared"]])
    plain = signed(workshop, NEW, "2.0.0")
    own, shared, stranger = (entries(keys[name]) for name in keys)
    for before, after, given, words in (
        (old, new, [], "the new image is encrypted, and its patch is made of what is in it"),
        (old, new, stranger, "no key that was given opens the new image: no recipient is this device"),
        (old, new, shared, "no key that was given opens the old image: wrapped key: changed, or"),
        (None, new, stranger, "no key that was given opens the new image"),
        (old, plain, own, "the old image is encrypted, the new one is not"),
    ):
        with pytest.raises(PatchError, match=words):
            make_image_patch(before, after, enc_keys=given)
    assert make_image_patch(old, new, enc_keys=stranger + own)
    # What the device of another recipient opens is what was made.
    patch = make_image_patch(None, new, enc_keys=own)
    assert unseal_patch(patch, shared) == unseal_patch(patch, own)
    with pytest.raises(PatchError, match="no recipient is this device"):
        unseal_patch(patch, stranger)


def test_an_image_as_it_runs_is_a_base_too_but_is_not_sent(workshop, keys):
    old = signed(workshop, OLD, paths=[keys["own"]])
    new = signed(workshop, NEW, "2.0.0", [keys["own"]])
    own = entries(keys["own"])
    running = parse_image(OpenImage(old, own, "old").data)
    assert running.image != old.image and OLD in running.image
    patches = [make_image_patch(base, new, enc_keys=own) for base in (old, running)]
    key = OpenImage(old, own, "old").key
    assert unseal_patch(patches[0], own, key) == unseal_patch(patches[1], own, key)
    with pytest.raises(PatchError, match="not encrypted, though it says so"):
        make_image_patch(old, parse_image(OpenImage(new, own, "new").data), enc_keys=own)
    damaged = bytearray(old.image)
    damaged[500] ^= 1
    with pytest.raises(PatchError, match="the old image is damaged"):
        make_image_patch(parse_image(bytes(damaged)), new, enc_keys=own)


def test_what_was_changed_does_not_open(workshop, keys):
    patch = make_image_patch(
        signed(workshop, OLD), signed(workshop, NEW, "2.0.0", [keys["own"]]), enc_keys=entries(keys["own"])
    )
    for at in (7, 15, 19, 30, 200, 1000, len(patch) - 1):
        bad = bytearray(patch)
        bad[at] ^= 1
        with pytest.raises(PatchError, match="sealed patch: "):
            unseal_patch(bytes(bad), entries(keys["own"]))
    for bad in (patch[:20], patch[:60], patch[:5] + b"\x07" + patch[6:]):
        with pytest.raises(PatchError, match="sealed patch"):
            describe_patch(bad)


def test_the_verbs(cli, workshop, keys):
    folder = workshop.folder
    old = signed(workshop, OLD, paths=[keys["own"]])
    new = signed(workshop, NEW, "2.0.0", [keys["own"], keys["shared"]])
    (folder / "old.bin").write_bytes(old.image)
    (folder / "new.bin").write_bytes(new.image)
    words = ("delta", folder / "old.bin", folder / "new.bin")
    made = cli(*words, "--enc-key", keys["stranger"], "--enc-key", keys["own"])
    assert made.code == 0 and "for devices that have 1.0.0" in made.out, made.err
    size = (folder / "new.delta").stat().st_size
    shown = cli("inspect", folder / "new.delta")
    assert f"new.delta: a sealed patch of {size} bytes\n" in shown.out
    ids = [load_recipient(keys[name]).keyhash[:8].hex() for name in ("own", "shared")]
    assert f"for      {ids[0]}..., {ids[1]}...\n" in shown.out
    value = cli("inspect", folder / "new.delta", "--json").json()
    assert value["sealed"]["aes_bits"] == 128 and value["size"] == size
    assert value["sealed"]["payload"] == {"offset": 32, "size": new.payload_size}
    assert [one["key"] for one in value["sealed"]["recipients"]] == ids
    alone = cli("delta", "--no-base", folder / "new.bin", "--enc-key", keys["own"], "--json").json()
    assert alone["from"] is None and alone["sealed"]["patch"] < alone["size"]
    (folder / "new.delta").unlink()
    for more, reason in (
        ((), "the new image is encrypted"),
        (("--enc-key", keys["stranger"]), "no key that was given opens the new image"),
        (("--enc-key", keys["shared"]), "no key that was given opens the old image"),
    ):
        refused = cli(*words, *more)
        assert refused.code == 3 and f"error: {reason}" in refused.err
        assert refused.err.count("\n") <= 2 and not (folder / "new.delta").exists()
    refused = cli(*words, "--enc-key", keys["own"].with_suffix(".pub"))
    assert refused.code == 3 and "not a private key" in refused.err
