"""The files that the simulated device has frozen in: the product's own and the chip's stand-ins."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from ophion.sim.errors import SimError

ENCRYPTION = frozenset(
    f"ophion_boot/{name}.py"
    for name in (
        "core/seals",
        "core/secret",
        "crypto/aes_ctr",
        "crypto/aes_ctr_plain",
        "crypto/aes_ctr_viper",
        "crypto/ecies",
        "crypto/hkdf",
        "crypto/montgomery",
        "crypto/x25519",
        "fmt/wrapped",
    )
)
"""Frozen files that a board without `update.encryption` never imports, and may leave out."""

KEY_TABLES = frozenset({"ophion_boot/crypto/base_p256.py"})
"""Frozen files that only a board with `update.key_tables` and a key of P-256 imports."""
ROADS = frozenset(f"ophion_boot/{name}.py" for name in ("fmt/stream", "port/raw", "port/roads", "port/udp"))
"""Frozen files that a board without UDP and `[serial]` never imports, and may leave out."""

SMP_PARTS = ROADS | {
    f"ophion_boot/{name}.py"
    for name in (
        "core/settings",
        "core/smp_clock",
        "core/smp_settings",
        "core/smp_stat",
        "fmt/console",
        "port/console",
        "port/wire",
    )
}
"""What a board with a radio and without `[smp]` groups, UDP and `[serial]` may leave out."""

_OF_THE_HOST = ("ophion_boot/crypto/ed25519_table.py", "ophion_boot/crypto/p256_table.py")
"""What is in the device's tree and no device imports: the host makes the tables with it."""

_STAND_INS = Path(__file__).parent / "device"


def stand_ins() -> dict[str, bytes]:
    """The files that stand for the chip: machine, bluetooth, time, select, the link and start.py."""
    files = _python_files(_STAND_INS, "")
    del files["__init__.py"]  # only there so that the host can import the message numbers
    return files


def device_files() -> dict[str, bytes]:
    """Everything but the generated `ophion_layout.py`, as {name in frozen/: content}."""
    return {**stand_ins(), **product_files()}


def product_files() -> dict[str, bytes]:
    """The product's own frozen files: bootloader, what applications import, the files that start them."""
    boot = _package_dir("ophion_boot")
    boot_files = _python_files(boot, "ophion_boot/")
    files = {
        n: c
        for n, c in boot_files.items()
        if not n.startswith("ophion_boot/frozen/") and n not in _OF_THE_HOST
    }
    files.update(_python_files(_package_dir("ophion_app"), "ophion_app/"))
    files.update(_python_files(_first_dir(boot / "frozen", boot.parent / "frozen"), ""))
    return files


def _package_dir(name: str) -> Path:
    """A device package: importable, or in the source tree beside the bootloader."""
    spec = importlib.util.find_spec(name)
    if spec is not None and spec.submodule_search_locations:
        return Path(spec.submodule_search_locations[0])
    root = Path(__file__).parents[3]
    return _first_dir(root / "bootloader" / name, root / "firmware" / name)


def _first_dir(*candidates: Path) -> Path:
    for path in candidates:
        if path.is_dir():
            return path
    raise SimError(f"the device's files are missing: {candidates[0]}", "reinstall ophion")


def _python_files(root: Path, prefix: str) -> dict[str, bytes]:
    return {
        prefix + path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*.py"))
        if "__pycache__" not in path.parts
    }
