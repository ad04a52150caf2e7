"""A board definition for MicroPython's own build (`make BOARD_DIR=`), made from a layout and keys.

Names are those of MicroPython 1.25 to 1.28, ports/esp32/boards: `mpconfigboard.cmake` lists sdkconfig
fragments, later ones win; `mpconfigboard.h` has C settings; `manifest.py` says what is frozen.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ophion.build.frozen import linked
from ophion.build.layout import Layout
from ophion.build.layout_error import LayoutError
from ophion.build.layout_esp32 import NVS_KEY_ID
from ophion.build.partitions import csv

# Frozen in by the port itself, all but its _boot.py: ours takes its place, and two of that name do not link.
PORT_MODULES = ("apa106.py", "espnow.py", "flashbdev.py", "inisetup.py")
_FRAGMENTS = {
    "esp32": ("sdkconfig.base", "sdkconfig.ble"),
    "esp32s3": ("sdkconfig.base", "sdkconfig.usb", "sdkconfig.ble", "sdkconfig.spiram_sx"),
    "esp32c3": ("sdkconfig.base", "sdkconfig.ble"),
    "esp32c6": ("sdkconfig.base", "sdkconfig.c6", "sdkconfig.ble"),
}
_SIZES = (4, 8, 16)
NAMES = "names.txt"
"""The map of the short names in the firmware, for `ophion board traceback`."""


def board_files(layout: Layout, frozen: Mapping[str, bytes], folder: Path) -> dict[str, bytes]:
    """{path: content} of the folder BOARD_DIR, which is to be `folder`; `frozen` is what `frozen_files` gave.

    Raises LayoutError for a board of another port.
    """
    if layout.port != "esp32":
        raise LayoutError(f"board.port {layout.port!r}: only firmware of the port esp32 is built")
    files = {
        "partitions.csv": csv(layout),
        "mpconfigboard.cmake": _cmake(layout),
        "mpconfigboard.h": _header(layout),
        "sdkconfig.board": _sdkconfig(layout, folder),
        "manifest.py": _manifest(),
    }
    made = linked(frozen)
    files[NAMES] = made.names
    modules = {f"modules/{path}": data for path, data in made.files.items()}
    return {**{name: text.encode() for name, text in files.items()}, **modules}


def _manifest() -> str:
    names = ", ".join(repr(name) for name in PORT_MODULES)
    return (
        '"""Made by ophion from layout.toml: do not edit."""\n\n'
        f'freeze("$(PORT_DIR)/modules", ({names}))\n'
        'include("$(MPY_DIR)/extmod/asyncio")\n'
        'freeze("$(BOARD_DIR)/modules", opt=3)\n'
    )


def _cmake(layout: Layout) -> str:
    lines = [f"set(IDF_TARGET {layout.chip})", "set(SDKCONFIG_DEFAULTS"]
    lines += [f"    boards/{name}" for name in _FRAGMENTS[layout.chip]]
    lines.append("    ${MICROPY_BOARD_DIR}/sdkconfig.board")
    lines += [")", "set(MICROPY_FROZEN_MANIFEST ${MICROPY_BOARD_DIR}/manifest.py)"]
    return "\n".join(lines) + "\n"


def _header(layout: Layout) -> str:
    lines = {
        "MICROPY_HW_BOARD_NAME": f'"{layout.name}"',
        "MICROPY_HW_MCU_NAME": f'"{layout.chip.upper()}"',
        "MICROPY_VFS_ROM": "(1)",
        "MICROPY_HW_ENABLE_UART_REPL": "(1)",
    }
    if layout.chip == "esp32":  # its only console is the UART
        del lines["MICROPY_HW_ENABLE_UART_REPL"]
    if layout.chip == "esp32c6":
        lines["MICROPY_PY_MACHINE_I2S"] = "(0)"
    return "".join(f"#define {name} {value}\n" for name, value in lines.items())


def _sdkconfig(layout: Layout, folder: Path) -> str:
    # Fragments are joined as they are: nothing replaces a variable in them, so paths are whole ones.
    size = layout.flash_size >> 20
    lines = [f"CONFIG_ESPTOOLPY_FLASHSIZE_{n}MB={'y' if n == size else ''}" for n in _SIZES]
    lines += [
        "CONFIG_PARTITION_TABLE_CUSTOM=y",
        f'CONFIG_PARTITION_TABLE_CUSTOM_FILENAME="{folder / "partitions.csv"}"',
        f"CONFIG_PARTITION_TABLE_OFFSET={layout.table_at:#x}",
        "CONFIG_BOOTLOADER_APP_ROLLBACK_ENABLE=y",
    ]
    lines += [*_secure_boot(layout), *_encryption(layout)]
    return "\n".join(lines) + "\n"


def _secure_boot(layout: Layout) -> list[str]:
    """Secure Boot v2, with images that are signed elsewhere."""
    if not layout.secure_boot:
        return []
    lines = [
        "CONFIG_SECURE_BOOT=y",
        "CONFIG_SECURE_BOOT_V2_ENABLED=y",
        "CONFIG_SECURE_BOOT_BUILD_SIGNED_BINARIES=n",
    ]
    return [*lines, "CONFIG_ESP32_REV_MIN_3=y"] if layout.chip == "esp32" else lines


def _encryption(layout: Layout) -> list[str]:
    """Flash encryption as for production: the chip makes its key, and nothing switches it off again."""
    if not layout.flash_encrypted:
        return []
    lines = ["CONFIG_SECURE_FLASH_ENC_ENABLED=y", "CONFIG_SECURE_FLASH_ENCRYPTION_MODE_RELEASE=y"]
    mode = "SECURE_DISABLE_ROM_DL_MODE" if layout.chip == "esp32" else "SECURE_ENABLE_SECURE_ROM_DL_MODE"
    lines.append(f"CONFIG_{mode}=y")
    if not layout.nvs_encrypted:  # cells hold no secret then
        return [*lines, "CONFIG_NVS_ENCRYPTION=n"]
    # The key comes from `ophion provision`; a private key of the device lies there.
    lines += ["CONFIG_NVS_ENCRYPTION=y", "CONFIG_NVS_SEC_KEY_PROTECT_USING_HMAC=y"]
    return [*lines, f"CONFIG_NVS_SEC_HMAC_EFUSE_KEY_ID={NVS_KEY_ID}"]
