"""The delta decoder in a heap of 96 KB, compiled from source there, on real MicroPython."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = """
import sys
sys.path.insert(0, 'bootloader')
import hashlib
from ophion_boot.core.delta import Decoder
from ophion_boot.fmt.delta import HEADER_BYTES, Header

sha = hashlib.sha256()
with open('tests/vectors/delta/old.bin', 'rb') as old, open(sys.argv[1], 'rb') as patch:
    def read(at, buf):
        old.seek(at)
        old.readinto(buf)
    header = Header(patch.read(HEADER_BYTES))
    decoder = Decoder(header, read, sha.update)
    while True:
        chunk = patch.read(244)
        if not chunk:
            break
        decoder.feed(chunk)
decoder.finish()
header.check_result(sha.digest())
print('the image')
"""


@pytest.mark.parametrize("name", ["plain.patch", "packed.patch"])
def test_a_patch_is_applied_in_a_small_heap(tmp_path, name):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    line = [sys.executable, "-m", "micropython_unix", "-X", "heapsize=96k", str(program)]
    line.append(f"tests/vectors/delta/{name}")
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stdout == "the image\n", done.stdout + done.stderr
