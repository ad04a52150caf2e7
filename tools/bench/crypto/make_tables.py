"""Writes the tables of the generators: base_*.py and odd_*.py. test_crypto_tables.py checks them."""

import sys
import types
from pathlib import Path

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "bootloader/ophion_boot/crypto"
sys.path.insert(0, str(ROOT / "bootloader"))
# The modules that make the tables import them.
for name in ("odd_ed25519", "odd_p256"):
    empty = types.ModuleType(f"ophion_boot.crypto.{name}")
    empty.__dict__["TABLE"] = b""
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


TABLES = {
    "base_ed25519": ("The comb table of Ed25519's", ed25519_table.comb_table, ED25519),
    "odd_ed25519": ("Odd multiples of Ed25519's", ed25519_table.odd_table, ED25519),
    "base_p256": ("The comb table of P-256's", p256_table.comb_table, P256),
    "odd_p256": ("Odd multiples of P-256's", p256_table.odd_table, P256),
}


def main() -> None:
    """Write them."""
    for name, (about, make, point) in TABLES.items():
        source = f"{make.__module__.rpartition('.')[2]}.{make.__name__}"
        text = f"{about} generator: `{source}` of it (a test makes it again)."
        (FOLDER / f"{name}.py").write_text(as_module(text, {"TABLE": make(*point)}))


if __name__ == "__main__":
    main()
