"""howto/provision.md says what the code says, its sessions run, and every name is espefuse's own."""

import re
import sys
from pathlib import Path

import pytest
from ophion.build.layout_esp32 import CHIPS as BOARD_CHIPS
from ophion.provision.table import CHIPS, CLEAR, KEY, LINES, LOCK, SET

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "host" / "docs" / "howto" / "provision.md"
sys.path.append(str(ROOT / "tools"))


def test_the_tables_of_the_document_are_the_codes():
    import provision_tables

    assert provision_tables.filled(DOCUMENT.read_text()) == DOCUMENT.read_text(), (
        "tools/provision_tables.py --write"
    )
    for chip in CHIPS.values():
        for row in chip.rows:
            assert f"| `{row.target}`" in DOCUMENT.read_text()


def test_every_chip_that_a_board_may_have_has_a_table():
    assert set(CHIPS) == set(BOARD_CHIPS)


@pytest.mark.parametrize("chip", CHIPS)
def test_names_and_sizes_are_espefuses(chip, make_bench, tmp_path):
    commands = make_bench(chip, tmp_path).commands()
    efuses, table = commands.efuses, CHIPS[chip]
    fields = {name: item for item in efuses for name in item.all_names}
    blocks = {block.name: block for block in efuses.blocks}
    for row in table.rows:
        assert row.lines and set(row.lines) <= set(LINES) and row.why
        if row.kind != KEY:
            assert row.target in fields, row.target
            assert fields[row.target].block == 0
        if row.kind == SET:
            assert 0 < row.value < 1 << fields[row.target].bit_len
            full = row.value == (1 << fields[row.target].bit_len) - 1
            assert full, f"{row.target}: some bits stay clear, so it needs a lock"
        if row.kind == LOCK:
            assert fields[row.target].write_disable_bit is not None
        if row.kind == CLEAR:
            assert fields[row.target].bit_len == 1
    for purpose, name in table.blocks.items():
        block = blocks[name]
        assert block.get_block_len() == 32 and block.write_disable_bit is not None
        row = next(row for row in table.rows if row.target == purpose)
        if not table.purposes:
            assert purpose in block.alias
            continue
        field = efuses[block.key_purpose_name]
        assert purpose in field.KEY_PURPOSES_NAME
        assert field.need_rd_protect(purpose) == row.secret
        assert bool(field.need_reverse(purpose)) == row.reverse
        if row.secret:
            assert block.read_disable_bit is not None


@pytest.mark.parametrize("chip", CHIPS)
def test_the_order_can_be_burned(chip):
    """Locks come after what they lock, and what ends the access is last."""
    table = CHIPS[chip]
    place = {(row.target, row.kind): number for number, row in enumerate(table.rows)}
    secrets = [number for number, row in enumerate(table.rows) if row.kind == KEY and row.secret]
    assert max(secrets) < place["RD_DIS", LOCK] < place[table.counter.target, SET]
    closing = [number for number, row in enumerate(table.rows) if row.after == "close"]
    assert closing == list(range(len(table.rows) - len(closing), len(table.rows))) and closing
    assert place[table.flash_key.target, KEY] < place[table.counter.target, SET]


def sessions():
    blocks = [
        part.split("```console\n")[1].split("```")[0]
        for part in DOCUMENT.read_text().split("<!-- session -->")[1:]
    ]
    lines = [line for block in blocks for line in block.splitlines()]
    assert len(blocks) == 2 and all(line.startswith("$ ") for line in lines) and len(lines) == 11
    return [line.removeprefix("$ ") for line in lines]


def test_the_sessions_of_the_document_run(shell):
    said = shell(sessions())
    assert "done; nothing reaches the eFuses any more" in said
    assert "DIS_DOWNLOAD_MODE = 1" in said and "MISSING" in said
    assert "MISSING" not in said.rpartition("done; nothing")[2]


def test_the_document_names_every_option():
    from ophion.cli import provision_verbs

    source = Path(provision_verbs.__file__).read_text()
    options = set(re.findall(r'"(--[a-z][a-z-]+)"', source)) - {"--json"}
    assert {"--boot-key", "--keep-key", "--close", "--yes", "--irreversible"} <= options
    text = DOCUMENT.read_text()
    for option in options | {
        "--virtual",
        "--flash-key",
        "--download",
        "--device-id",
        "--name",
        "--device-key",
    }:
        assert option in text, option


def test_the_readme_and_the_template_point_to_it():
    for place in ("README.md", "boards/template/board.md"):
        assert "provision.md" in (ROOT / place).read_text(), place
