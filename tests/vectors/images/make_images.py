"""Makes the images of this folder: payloads of given sizes, signed with the vectors' Ed25519 key.

Run from the repository root: `.venv/bin/python tests/vectors/images/make_images.py`. Ed25519 signatures
are deterministic, so the files only change when this script does.
"""

import random
import subprocess
import sys
from pathlib import Path

from ophion.build.espimage import app_image

HERE = Path(__file__).parent
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
APPS = {"needs11": ("8.0.0", 5000), "needs12": ("9.0.0", 700)}


def main() -> None:
    for name, (version, size) in IMAGES.items():
        sign(name, version, random.Random(name).randbytes(size - OVERHEAD))
        made = (HERE / f"{name}.bin").stat().st_size
        assert made == size, (name, made)
    for name, (version, size) in APPS.items():
        sign(name, version, random.Random(name).randbytes(size))
    for name, (version, size) in RUNTIMES.items():
        sign(name, version, app_image([(0x3C000020, random.Random(name).randbytes(size))]))


def sign(name: str, version: str, content: bytes) -> None:
    payload = HERE / f"{name}.payload"
    payload.write_bytes(content)
    options = ["--version", version, "--header-size", "0x20", "--pad-header"]
    options += ["--slot-size", "0x10000", "--align", "4"]
    options += ["-d", NEEDS[name]] if name in NEEDS else []
    command = [sys.executable, "-m", "imgtool.main", "sign", "-k", KEY, *options, payload]
    subprocess.run([*command, HERE / f"{name}.bin"], check=True)
    payload.unlink()


if __name__ == "__main__":
    main()
