"""Makes the images of this folder: payloads of given sizes, signed with the vectors' Ed25519 key.

Run from the repository root: `.venv/bin/python tests/vectors/images/make_images.py`. Ed25519 signatures
are deterministic, so the files only change when this script does. The encrypted ones (enc-*.bin) have a
content key of their own each time: they are made only when they are not there.
"""

import random
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from ophion.build.espimage import app_image
from ophion.keys import load_recipient, open_signer
from ophion.keys.recipient import generate_device_key
from ophion.sign import SignOptions
from ophion.sign import sign as make_image
from ophion.versions import parse_version

HERE = Path(__file__).parent
DELTA = HERE.parent / "delta"
KEY = HERE.parent / "mcuboot" / "key-ed25519.pem"
OVERHEAD = 32 + 4 + 36 + 36 + 68  # header, TLV info, digest, key hash, signature
# name: (version, bytes of the whole image); sectors are 4096 bytes.
IMAGES = {
    "one": ("1.0.0", 300),
    "two": ("2.0.0", 2 * 4096 - 100),
    "four": ("4.0.0", 4 * 4096 - 8),
    "six": ("6.0.0", 6 * 4096 - 1001),
    "full": ("7.0.0", 7 * 4096),
}
# Runtime images (ESP-IDF application images): name: (version, bytes of the segment).
RUNTIMES = {"rt1": ("1.0.0", 300), "rt2": ("1.1.0", 5000), "rt3": ("1.2.0", 9000)}
# Applications and runtimes that depend on the other image: MCUboot's (image number, least version).
NEEDS = {"rt3": "(0, 8.0.0)", "needs11": "(1, 1.1.0)", "needs12": "(1, 1.2.0)"}
# Encrypted images with the payloads of IMAGES: name: (the device's key, bits of AES, bytes left out at the
# end).
ENCRYPTED = {
    "one": ("key-x25519", 128, 0),
    "two": ("key-enc-p256", 128, 0),
    "four": ("key-x25519", 256, 0),
    "six": ("key-enc-p256", 256, 0),
    "full": ("key-x25519", 128, 96),
}
# Images that are alike, for patches: name: (version, the payload, cut to whole units of 32).
ALIKE = {"d1": ("1.0.0", "old.bin"), "d2": ("2.0.0", "new.bin")}
# The same, encrypted: name: (the device's key, bits of AES).
ALIKE_ENCRYPTED = {"d1": ("key-x25519", 128), "d4": ("key-enc-p256", 256)}
APPS = {"needs11": ("8.0.0", 5000), "needs12": ("9.0.0", 700)}


def main() -> None:
    for name, (version, size) in IMAGES.items():
        sign(name, version, random.Random(name).randbytes(size - OVERHEAD))
        made = (HERE / f"{name}.bin").stat().st_size
        assert made == size, (name, made)
    for name, (version, size) in APPS.items():
        sign(name, version, random.Random(name).randbytes(size))
    for name, (key, bits, less) in ENCRYPTED.items():
        version, size = IMAGES[name]
        if not (HERE / f"enc-{name}.bin").exists():
            payload = random.Random(name).randbytes(size - OVERHEAD)
            encrypt = ["-E", KEY.with_name(f"{key}-pub.pem"), "--encrypt-keylen", str(bits)]
            sign(f"enc-{name}", version, payload[: len(payload) - less], encrypt)
    for name, (version, payload) in ALIKE.items():
        content = (DELTA / payload).read_bytes()
        sign(name, version, content[: len(content) // 32 * 32])
    # A little in each sector: patches that are soon decoded.
    content = (DELTA / "old.bin").read_bytes()
    encrypted("d1", "1.0.0", content[: len(content) // 32 * 32])
    pieces = [content[at : at + 3800] + random.Random(at).randbytes(72) for at in range(0, 15200, 3800)]
    sign("d3", "3.0.0", b"".join(pieces) + content[:3808])
    # So much of it that the patch has several blocks and segments.
    more = [content[at : at + 3200] + random.Random(at).randbytes(672) for at in range(0, 15200, 3800)]
    sign("d4", "4.0.0", b"".join(more) + content[:3808])
    encrypted("d4", "4.0.0", b"".join(more) + content[:3808])
    sign("rd1", "1.0.0", app_image([(0x3C000020, content[:9000])]))
    sign("rd3", "1.3.0", app_image([(0x3C000020, b"".join(pieces)[:11000])]))
    for name, (version, size) in RUNTIMES.items():
        sign(name, version, app_image([(0x3C000020, random.Random(name).randbytes(size))]))


def encrypted(name: str, version: str, payload: bytes) -> None:
    """Make enc-NAME; with d4 also enc-many, for as many recipients as may be, the last one us."""
    key, bits = ALIKE_ENCRYPTED[name]
    if not (HERE / f"enc-{name}.bin").exists():
        options = ["-E", KEY.with_name(f"{key}-pub.pem"), "--encrypt-keylen", str(bits)]
        sign(f"enc-{name}", version, payload, options)
    if name == "d4" and not (HERE / "enc-many.bin").exists():
        others = [generate_device_key("ecdsa-p256").recipient for _ in range(15)]
        recipients = [*others, load_recipient(KEY.with_name(f"{key}-pub.pem"), allow_sample=True)]
        options = SignOptions(recipients=recipients, aes_bits=bits)
        signer = open_signer(f"file:{KEY}", allow_sample=True)
        (HERE / "enc-many.bin").write_bytes(make_image(payload, parse_version(version), signer, options))


def sign(name: str, version: str, content: bytes, encrypt: Sequence[object] = ()) -> None:
    payload = HERE / f"{name}.payload"
    payload.write_bytes(content)
    options = ["--version", version, "--header-size", "0x20", "--pad-header"]
    options += ["--slot-size", "0x10000", "--align", "4"]
    options += ["-d", NEEDS[name]] if name in NEEDS else []
    command = [sys.executable, "-m", "imgtool.main", "sign", "-k", KEY, *options, *encrypt, payload]
    subprocess.run([*command, HERE / f"{name}.bin"], check=True)
    payload.unlink()


if __name__ == "__main__":
    main()
