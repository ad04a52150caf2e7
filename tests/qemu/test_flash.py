"""The driver of the NOR flash, on QEMU's model: what a chip does, and an error where the model does not."""

from pathlib import Path

import pytest
from qemu import rig

BOOT = Path(__file__).parents[2] / "bootloader" / "ophion_boot"
SIZE = 32 << 20
SECTOR = 0x40000
START = "from ophion_boot.port.cfi import CfiFlash\nflash = CfiFlash(0x22000000)\nS = flash.sector\n"


@pytest.fixture
def flash(tmp_path, firmware):
    """Runs a program with a flash; `flash.file` is what it holds, all erased at first."""

    class Flash:
        file = tmp_path / "flash.bin"

        def run(self, program, **options):
            drive = ("-drive", f"if=pflash,unit=1,format=raw,file={self.file}")
            files = {"ophion_boot": BOOT}
            return rig.run(START + program, files, heap_kb=2048, firmware=firmware, qemu=drive, **options)

    Flash.file.write_bytes(b"\xff" * SIZE)
    return Flash()


def test_the_chips_tell_their_geometry(flash):
    program = "print(flash.sector, flash.size, flash.ioctl(4, 0), flash.ioctl(5, 0), flash.ioctl(6, 0))"
    assert flash.run(program) == f"{SECTOR} {SIZE} {SIZE // SECTOR} {SECTOR} 0\n"


def test_what_is_programmed_is_read_and_in_the_file(flash):
    program = """
data = bytes(i * 7 & 255 for i in range(5000))
flash.writeblocks(3, data, 1000)
back = bytearray(5000)
flash.readblocks(3, back, 1000)
print(back == data, bytes(flash.memory[3 * S + 1000 : 3 * S + 6000]) == data)
flash.writeblocks(127, data[:4], S - 4)
"""
    assert flash.run(program) == "True True\n"
    expected = bytearray(b"\xff" * SIZE)
    data = bytes(i * 7 & 255 for i in range(5000))
    expected[3 * SECTOR + 1000 : 3 * SECTOR + 6000] = data
    expected[-4:] = data[:4]
    assert flash.file.read_bytes() == expected


def test_an_erase_takes_one_sector_and_a_whole_write_erases(flash):
    flash.file.write_bytes(bytes(SIZE))
    assert flash.run("flash.ioctl(6, 2)\nflash.writeblocks(4, b'\\x5a' * S)\nprint('done')") == "done\n"
    expected = bytearray(SIZE)
    expected[2 * SECTOR : 3 * SECTOR] = b"\xff" * SECTOR
    expected[4 * SECTOR : 5 * SECTOR] = b"\x5a" * SECTOR
    assert flash.file.read_bytes() == expected


def test_data_that_lies_in_the_flash_itself_can_be_programmed(flash):
    program = """
flash.writeblocks(1, bytes(range(256)) * 16, 0)
flash.writeblocks(2, flash.memory[S : S + 4096], 0)
print(bytes(flash.memory[2 * S : 2 * S + 4096]) == bytes(range(256)) * 16)
"""
    assert flash.run(program) == "True\n"


def test_cells_can_be_cleared_again_but_not_set(flash):
    program = """
flash.writeblocks(1, b"\\xf0\\xff\\xff\\x0f", 8)
flash.writeblocks(1, b"\\xf0\\x00\\xff\\x0f", 8)
try:
    flash.writeblocks(1, b"\\xf1\\x00\\xff\\x0f", 8)
except OSError as e:
    print(e)
print(bytes(flash.memory[S + 4 : S + 16]))
"""
    error, cells = flash.run(program).splitlines()
    assert error == "[Errno 5] EIO: program at 0x40008: cells are not erased"
    assert cells == r"b'\xff\xff\xff\xff\xf0\x00\xff\x0f\xff\xff\xff\xff'"


@pytest.mark.parametrize(
    "access",
    [
        "flash.writeblocks(0, bytes(4), 2)",
        "flash.writeblocks(0, bytes(3), 0)",
        "flash.writeblocks(127, bytes(8), S - 4)",
        "flash.writeblocks(-1, bytes(4), 0)",
        "flash.writeblocks(0, bytes(4096))",
        "flash.readblocks(128, bytearray(1))",
        "flash.ioctl(6, 128)",
    ],
)
def test_an_access_that_does_not_fit_is_refused_and_changes_nothing(flash, access):
    program = f"try:\n {access}\nexcept OSError as e:\n print(e.errno)"
    assert flash.run(program) == "22\n"
    assert flash.file.read_bytes() == b"\xff" * SIZE


def test_an_address_without_a_flash_is_told(flash):
    program = "try:\n CfiFlash(0x85000000)\nexcept OSError as e:\n print(e)"
    assert flash.run(program) == "[Errno 19] ENODEV: no flash with the Intel command set at 0x85000000\n"
