"""Makes the images of this folder: payloads of given sizes, signed with the vectors' Ed25519 key.

Run from the repository root: `.venv/bin/python tests/vectors/images/make_images.py`. Ed25519 signatures
are deterministic, so the files only change when this script does.
"""

import random
import subprocess
import sys
from pathlib import Path

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


def main() -> None:
    for name, (version, size) in IMAGES.items():
        payload = HERE / f"{name}.payload"
        payload.write_bytes(random.Random(name).randbytes(size - OVERHEAD))
        options = [
            "--version",
            version,
            "--header-size",
            "0x20",
            "--pad-header",
            "--slot-size",
            "0x10000",
            "--align",
            "4",
        ]
        image = HERE / f"{name}.bin"
        subprocess.run(
            [sys.executable, "-m", "imgtool.main", "sign", "-k", KEY, *options, payload, image], check=True
        )
        payload.unlink()
        assert image.stat().st_size == size, (name, image.stat().st_size)


if __name__ == "__main__":
    main()
