"""Writes the generators' tables: base_ed25519.py, base_p256.py, odd_p256.py. test_crypto_tables.py checks."""

import sys
import types
from pathlib import Path

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "bootloader/ophion_boot/crypto"
sys.path.insert(0, str(ROOT / "bootloader"))
# The modules that make the tables import them.
for name, table in (("base_ed25519", "TABLE"), ("odd_p256", "ODD")):
    empty = types.ModuleType(f"ophion_boot.crypto.{name}")
    empty.__dict__[table] = b""
    sys.modules[empty.__name__] = empty

from as_module import as_module  # noqa: E402
from ophion_boot.crypto import ed25519_table, p256_table  # noqa: E402

ED25519 = (
    15112221349535400772501151409588531511454012693041857206046113283949847762202,
    46316835694926478169428394003475163141307993866256225615783033603165251855960,
)
P256 = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)


def main() -> None:
    """Write them."""
    about = "The comb table of Ed25519's generator (see `ed25519_table.comb_table`; a test makes it again)."
    (FOLDER / "base_ed25519.py").write_text(as_module(about, {"TABLE": ed25519_table.comb_table(*ED25519)}))
    about = "The comb table of P-256's generator (see `p256_table.comb_table`; a test makes it again)."
    (FOLDER / "base_p256.py").write_text(as_module(about, {"TABLE": p256_table.comb_table(*P256)}))
    about = "Odd multiples of P-256's generator (see `p256_table.odd_table`; a test makes them again)."
    (FOLDER / "odd_p256.py").write_text(as_module(about, {"ODD": p256_table.odd_table(*P256)}))


if __name__ == "__main__":
    main()
