"""Writes base_ed25519.py, odd_ed25519.py and base_p256.py, the generators' tables.

test_crypto_tables.py checks them.
"""

import sys
import types
from pathlib import Path

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "bootloader/ophion_boot/crypto"
sys.path.insert(0, str(ROOT / "bootloader"))
# The modules that make the tables import them.
for name in ("base_ed25519", "odd_ed25519", "base_p256"):
    empty = types.ModuleType(f"ophion_boot.crypto.{name}")
    empty.__dict__["TABLE"] = b""
    sys.modules[empty.__name__] = empty

from ophion_boot.crypto import ed25519_table, p256_table  # noqa: E402

ED25519 = (
    15112221349535400772501151409588531511454012693041857206046113283949847762202,
    46316835694926478169428394003475163141307993866256225615783033603165251855960,
)
P256 = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)


def source(about: str, table: bytes) -> str:
    """The text of a module with one table."""
    rows = [table[i : i + 24] for i in range(0, len(table), 24)]
    lines = ['    b"' + "".join(f"\\x{byte:02x}" for byte in row) + '"' for row in rows]
    return f'"""{about}"""\n\n# fmt: off\nTABLE = (\n' + "\n".join(lines) + "\n)\n"


def main() -> None:
    """Write them."""
    about = "The comb table of Ed25519's generator (see `ed25519_table.comb_table`; a test makes it again)."
    (FOLDER / "base_ed25519.py").write_text(source(about, ed25519_table.comb_table(*ED25519)))
    about = "Odd multiples of Ed25519's generator: `ed25519_table.odd_table` of it (a test makes it again)."
    (FOLDER / "odd_ed25519.py").write_text(source(about, ed25519_table.odd_table(*ED25519)))
    about = "The table of P-256's generator: `p256_table.base_table` of it (a test makes it again)."
    (FOLDER / "base_p256.py").write_text(source(about, p256_table.base_table(*P256)))


if __name__ == "__main__":
    main()
