"""port/nvs_cells.py over the stand-in for ESP-IDF's NVS, whose flash is a NOR flash that can be cut."""

import io

import esp32
import idf
import pytest
from nor import NorFlash
from ophion_boot.port.nvs_cells import NvsCells

SECTOR = 4096


class Cut(Exception):
    """Power is gone."""


@pytest.fixture
def flash(monkeypatch):
    """A flash whose partitions are nvs and what Idf wants; `esp32.Partition` and `esp32.NVS` see it."""
    nor = NorFlash(io.BytesIO(b"\xff" * 16 * SECTOR), 16 * SECTOR, SECTOR, 4)
    rows = [("nvs", 1, 2, 0, 4), ("otadata", 1, 0, 4, 2), ("ota_0", 0, 0x10, 6, 4), ("ota_1", 0, 0x11, 10, 4)]
    table = [
        idf.Partition(label, kind, sub, at * SECTOR, size * SECTOR) for label, kind, sub, at, size in rows
    ]
    monkeypatch.setattr(esp32.Partition, "idf", idf.Idf(nor, table))
    return nor


def test_what_was_stored_is_there_after_a_start(flash):
    cells = NvsCells(esp32.NVS)
    assert cells.load("log") is None
    cells.store("log", b"one")
    cells.store("trust", bytes(range(200)))
    cells.store("log", bytearray(b"two"))
    again = NvsCells(esp32.NVS)
    assert (again.load("log"), again.load("trust"), again.load("boot")) == (b"two", bytes(range(200)), None)


def test_what_does_not_fit_is_a_value_error_and_changes_nothing(flash):
    cells = NvsCells(esp32.NVS)
    cells.store("log", b"kept")
    with pytest.raises(ValueError, match="a cell of 3969 bytes is longer than 3968"):
        cells.store("log", bytes(3969))
    cells.store("trust", bytes(2000))
    with pytest.raises(ValueError, match="NVS has no room for a cell of 3900 bytes"):
        cells.store("more", bytes(3900))
    assert cells.load("log") == b"kept" and cells.load("more") is None


def test_the_mark_is_a_number_of_its_own(flash):
    cells = NvsCells(esp32.NVS)
    assert cells.mark() == 0
    assert cells.mark(7) == 7 and cells.mark(2**30 - 1) == 2**30 - 1
    cells.store("mark", b"a blob of that name")
    assert NvsCells(esp32.NVS).mark() == 2**30 - 1
    assert NvsCells(esp32.NVS).mark(0) == 0 and cells.mark() == 0


def test_an_erased_nvs_is_an_empty_one(flash):
    NvsCells(esp32.NVS).store("log", b"gone")
    for sector in range(4):
        flash.ioctl(6, sector)
    assert NvsCells(esp32.NVS).load("log") is None


def test_a_cut_leaves_the_old_value_or_the_new_one(flash):
    NvsCells(esp32.NVS).store("log", b"old")
    seen = set()
    for op in (1, 2, 3):

        def cut():
            raise Cut

        flash.arm_cut(op, "before", 1, cut)
        with pytest.raises(Cut):
            NvsCells(esp32.NVS).store("log", b"new")
        seen.add(NvsCells(esp32.NVS).load("log"))
    assert seen == {b"old"}


def test_a_storage_that_cannot_be_opened_is_told_when_it_is_written(flash):
    class Broken:
        def __init__(self, namespace):
            raise OSError(-0x1101, "ESP_ERR_NVS_NOT_INITIALIZED")

    cells = NvsCells(Broken)
    assert cells.load("log") is None
    with pytest.raises(OSError, match="NOT_INITIALIZED"):
        cells.store("log", b"x")


def test_names_are_short(flash):
    with pytest.raises(OSError, match="KEY_TOO_LONG"):
        NvsCells(esp32.NVS).store("a-name-of-16-byte", b"x")
