"""The tables of howto/provision.md, made from `ophion.provision.table`: `python tools/provision_tables.py`.

`--write` puts them into the document, between its marks.
"""

import re
import sys
from pathlib import Path

from ophion.provision.table import CHIPS, CLEAR, KEY, LEFT_ALONE, LINES, LOCK, Chip, Row

DOCUMENT = Path(__file__).parents[1] / "host" / "docs" / "howto" / "provision.md"
_WHEN = {
    "": "always",
    "quiet": "`--quiet-rom`",
    "nvs key": "`flash.nvs_encrypted`",
    "off": "`--download off`",
    "secure": "`--download secure`",
}


def tables() -> dict[str, str]:
    """{mark: Markdown between its marks}."""
    modern = [chip for chip in CHIPS.values() if chip.purposes]
    return {
        "lines": "\n".join(f"- *{name}*: {text}" for name, text in LINES.items()),
        "esp32": _rows([CHIPS["esp32"]]),
        "modern": _rows(modern),
        "left": "\n".join(
            ["| eFuse | why |", "|---|---|", *(f"| {k} | {v} |" for k, v in LEFT_ALONE.items())]
        ),
        "cannot": "\n\n".join(
            "\n".join([f"{chip.title}:", "", *(f"- {text}" for text in chip.cannot)])
            for chip in CHIPS.values()
        ),
    }


def _rows(chips: list[Chip]) -> str:
    rows: list[Row] = []
    for chip in chips:
        for row in chip.rows:
            if row not in rows:
                rows.append(row)
    lines = ["| eFuse | becomes | when | lines | what for |", "|---|---|---|---|---|"]
    for row in sorted(rows, key=lambda row: max(c.rows.index(row) for c in chips if row in c.rows)):
        mine = [chip for chip in chips if row in chip.rows]
        names = "" if len(mine) == len(chips) else f" ({', '.join(chip.title for chip in mine)})"
        cells = (f"`{row.target}`{names}", _becomes(row, mine[0]), _when(row), ", ".join(row.lines), row.why)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _becomes(row: Row, chip: Chip) -> str:
    if row.kind == LOCK:
        return "write-protected"
    if row.kind == CLEAR:
        return "stays 0"
    if row.kind != KEY:
        return f"{row.value:#x}" if row.value > 9 else str(row.value)
    what = "key, not readable" if row.secret else "digest, readable"
    return f"{what}, write-protected, in `{chip.blocks[row.target]}`"


def _when(row: Row) -> str:
    slot = re.fullmatch(r"(no )?digest (\d)", row.when)
    if slot is None:
        return _WHEN[row.when]
    number = ("first", "second", "third")[int(slot[2])]
    return f"no {number} `--boot-key`" if slot[1] else f"{number} `--boot-key`"


def filled(text: str) -> str:
    """`text` with every table between its marks."""
    for mark, table in tables().items():
        begin, end = f"<!-- made: {mark} -->\n", f"\n<!-- end: {mark} -->"
        head, found, rest = text.partition(begin)
        if not found or end not in rest:
            raise SystemExit(f"{DOCUMENT}: no marks for {mark}")
        text = head + begin + table + rest[rest.index(end) :]
    return text


if __name__ == "__main__":
    if "--write" in sys.argv:
        DOCUMENT.write_text(filled(DOCUMENT.read_text()))
    else:
        sys.stdout.write("\n\n".join(tables().values()) + "\n")
