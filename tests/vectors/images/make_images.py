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
    pieces = [content[at : at + 3800] + random.Random(at).randbytes(72) for at in range(0, 15200, 3800)]
    sign("d3", "3.0.0", b"".join(pieces) + content[:3808])
    sign("rd1", "1.0.0", app_image([(0x3C000020, content[:9000])]))
    sign("rd3", "1.3.0", app_image([(0x3C000020, b"".join(pieces)[:11000])]))
    for name, (version, size) in RUNTIMES.items():
        sign(name, version, app_image([(0x3C000020, random.Random(name).randbytes(size))]))


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
