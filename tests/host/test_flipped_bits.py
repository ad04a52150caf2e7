"""Every single bit of a signed image, flipped, by the device's own verifier (MicroPython takes a sample)."""

import pytest
from ophion_boot.core.area import Area
from ophion_boot.core.verify import Verifier, VerifyError
from support import SECTOR, ram_flash, read_file, vector_keys


@pytest.mark.parametrize("name", ["plain-ed25519.bin", "prot-ed25519.bin", "seccnt-auto-ed25519.bin"])
def test_every_flipped_bit_is_refused(name):
    good = read_file(name)
    flash = ram_flash(2, content=good)
    area = Area(flash, 0, 2 * SECTOR)
    verifier = Verifier(vector_keys(), bytearray(SECTOR))
    verifier.verify(area, 2 * SECTOR)
    backing = flash._file
    refused = 0
    for bit in range(8 * len(good)):
        at, mask = bit >> 3, 1 << (bit & 7)
        backing.seek(at)
        backing.write(bytes((good[at] ^ mask,)))
        with pytest.raises(VerifyError):
            verifier.verify(area, 2 * SECTOR)
        refused += 1
        backing.seek(at)
        backing.write(good[at : at + 1])
    assert refused == 8 * len(good)
    verifier.verify(area, 2 * SECTOR)
