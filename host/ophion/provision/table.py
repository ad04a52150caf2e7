"""The mission's memory-protection table as eFuses: rows of each chip, in order, and what it cannot do.

Pure data. Names of fields, key purposes and blocks are espefuse's (esptool, espefuse/efuse_defs), which a
test compares. What has to be set is what ESP-IDF sets for release mode (components/bootloader_support/src:
secure_boot_v2/secure_boot.c, flash_encryption/flash_encrypt.c, CHIP/*_secure_features.c) and recommends
("Security Features Enablement Workflows"); what is left out is in `LEFT_ALONE`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ophion.build.layout_esp32 import NVS_KEY_ID

LINES = {
    "bootloader": "Bootloader area: no access from the MCU's memory or with an external programmer",
    "firmware": "Active and download firmware areas: for the bootloader, not for an external programmer",
    "keys": "Keys of encryption and authentication: one-time programmable, for the bootloader only",
}
"""The three lines of the table: row name -> what it asks for."""

KEY, SET, LOCK, CLEAR = "key", "set", "lock", "clear"
"""Kinds of row: a key in a block, bits to be set, a field to be write-protected, bits that stay clear."""

OFF, SECURE = "off", "secure"
"""What becomes of the ROM's download mode."""

_ALL = ("bootloader", "firmware", "keys")
_CODE = ("bootloader", "firmware")


@dataclass(frozen=True)
class Row:
    """One row: `target` is a field or a key's purpose; `when` names the wish that asks for it ("": always).

    secret    a key that is read-protected; others are digests and have to stay readable
    reverse   the chip wants the bytes of this key in reverse order (espefuse does that)
    after     "start": what has to wait for a flash key; "close": what ends the access to the eFuses
    """

    target: str
    kind: str
    lines: tuple[str, ...]
    why: str
    value: int = 1
    when: str = ""
    secret: bool = False
    reverse: bool = False
    after: str = ""

    @property
    def name(self) -> str:
        """What errors and records call this row."""
        return f"{self.target} write-protected" if self.kind == LOCK else self.target


@dataclass(frozen=True)
class Chip:
    """A chip; `blocks` maps the purpose of a key to the block that it gets.

    least_revision  major * 100 + minor, as espefuse counts
    purposes        whether a key block has a field KEY_PURPOSE_n; on the ESP32 the block is the purpose
    boot_keys       types of Secure Boot keys, `ophion keys` names them
    digests         Secure Boot keys that fit
    cannot          what this chip cannot do, one sentence each
    """

    name: str
    title: str
    least_revision: int
    purposes: bool
    boot_keys: tuple[str, ...]
    digests: int
    blocks: Mapping[str, str]
    rows: tuple[Row, ...]
    cannot: tuple[str, ...]

    @property
    def flash_key(self) -> Row:
        """The row of the flash-encryption key."""
        return next(row for row in self.rows if row.kind == KEY and row.secret and row.when == "")

    @property
    def counter(self) -> Row:
        """The row that switches flash encryption on for good."""
        return next(row for row in self.rows if row.target.endswith("_CRYPT_CNT"))

    @property
    def secure_boot(self) -> tuple[str, ...]:
        """Purposes of the Secure Boot keys, in the order of their slots."""
        return tuple(row.target for row in self.rows if row.kind == KEY and not row.secret)

    @property
    def nvs_key(self) -> Row | None:
        """The row of the key that encrypts NVS, None on a chip without one."""
        return next((row for row in self.rows if row.when == "nvs key"), None)


LEFT_ALONE = {
    "SECURE_VERSION": "ESP-IDF's counter against old app images, one eFuse for each step. Ours is signed "
    "into every image; its floor rises in NVS when an image is confirmed (SPEC 8.6)",
    "SECURE_BOOT_AGGRESSIVE_REVOKE": "one failed verification, a glitch say, would revoke a key for good",
    "DIS_ICACHE / DIS_CACHE": "would stop the chip from running; the lock of its group keeps it clear",
    "DIS_USB_SERIAL_JTAG": "would end USB as a console; must not stand beside DIS_USB_JTAG on the ESP32-S3",
    "DIS_FORCE_DOWNLOAD": "leads to the download mode only, which is off or secure",
    "WR_DIS of what is set": "bits that are all set cannot be cleared, so a lock adds nothing",
}
"""Fields that stay as they are, and why."""

_XTS = Row(
    "XTS_AES_128_KEY",
    KEY,
    _ALL,
    "flash is encrypted with it, 256 bits, AES-128 in XTS; no code and no programmer reads it",
    secret=True,
    reverse=True,
    after="start",
)
_COUNTER = Row("SPI_BOOT_CRYPT_CNT", SET, _ALL, "flash encryption is on, for good", value=7, after="start")
_RD_DIS = Row(
    "RD_DIS", LOCK, ("keys",), "no digest can be made unreadable, which would stop the chip", after="start"
)
_NVS = Row(
    "HMAC_UP",
    KEY,
    ("keys",),
    "NVS is encrypted with a key that is derived from it: the device's own keys lie there",
    when="nvs key",
    secret=True,
)


def _digest(slot: int) -> Row:
    why = "SHA-256 of the public key that signs the second-stage bootloader and the runtime"
    return Row(f"SECURE_BOOT_DIGEST{slot}", KEY, ("bootloader", "keys"), why, when=f"digest {slot}")


def _revoke(slot: int) -> tuple[Row, ...]:
    field, lines = f"SECURE_BOOT_KEY_REVOKE{slot}", ("bootloader", "keys")
    used = Row(field, CLEAR, lines, "the key of this slot is in use", when=f"digest {slot}")
    free = Row(field, SET, lines, "nobody adds a key to an unused slot", when=f"no digest {slot}")
    return (used, free) if slot else (used,)


def _modern(caches: tuple[str, ...], clear: tuple[Row, ...] = ()) -> tuple[Row, ...]:
    """Rows of the chips with key purposes, in the order in which they are burned."""
    usb = "the USB port cannot become JTAG"
    return (
        *clear,
        _NVS,
        *(_digest(slot) for slot in range(3)),
        *(row for slot in range(3) for row in _revoke(slot)),
        Row("DIS_DOWNLOAD_MANUAL_ENCRYPT", SET, _CODE, "the download mode cannot have data encrypted"),
        *(Row(name, SET, _CODE, "the download mode cannot read decrypted flash") for name in caches),
        Row("DIS_DIRECT_BOOT", SET, _CODE, "no start past the second-stage bootloader"),
        Row("DIS_PAD_JTAG", SET, _ALL, "JTAG is off at its pins, for good (hard)"),
        Row("DIS_USB_JTAG", SET, _ALL, usb),
        Row(
            "SOFT_DIS_JTAG",
            SET,
            _ALL,
            "JTAG is off (soft): the HMAC engine could undo it, were it not for the rows above",
            value=7,
        ),
        Row("DIS_ICACHE", LOCK, _CODE, "the bits of this group that stop a chip stay clear"),
        Row("SECURE_BOOT_EN", SET, _CODE, "the ROM runs a signed second-stage bootloader only"),
        _XTS,
        _RD_DIS,
        _COUNTER,
        Row("UART_PRINT_CONTROL", SET, _CODE, "the ROM logs nothing on the UART", 3, "quiet", after="start"),
        Row(
            "DIS_USB_SERIAL_JTAG_ROM_PRINT",
            SET,
            _CODE,
            "the ROM logs nothing over USB",
            when="quiet",
            after="start",
        ),
        Row(
            "ENABLE_SECURITY_DOWNLOAD",
            SET,
            _ALL,
            "the download mode reads, writes and erases flash as it lies there, and nothing else",
            when=SECURE,
            after="close",
        ),
        Row(
            "DIS_DOWNLOAD_MODE",
            SET,
            _ALL,
            "there is no download mode: UART, USB and SPI",
            when=OFF,
            after="close",
        ),
    )


_BLOCKS = {
    "XTS_AES_128_KEY": "BLOCK_KEY0",
    "SECURE_BOOT_DIGEST0": "BLOCK_KEY1",
    "SECURE_BOOT_DIGEST1": "BLOCK_KEY2",
    "SECURE_BOOT_DIGEST2": "BLOCK_KEY3",
    "HMAC_UP": f"BLOCK_KEY{NVS_KEY_ID}",
}

_CANNOT = (
    "No eFuse parts the bootloader from an application that it runs: code that runs reads flash decrypted "
    "and can write it. What it changed does not run at the next start (Secure Boot checks bootloader and "
    "runtime, the runtime checks images)",
    "Code that runs can use a key that it cannot read, through the engine that the key is for",
)
_SECURE_DOWNLOAD = (
    "In its secure download mode a programmer can read flash as it lies there (encrypted), and erase it"
)

_ESP32 = (
    Row(
        "secure_boot_v2",
        KEY,
        ("bootloader", "keys"),
        "SHA-256 of the public key that signs the second-stage bootloader and the runtime, in BLOCK2",
        when="digest 0",
    ),
    Row("FLASH_CRYPT_CONFIG", SET, _CODE, "the whole key is varied with the address", value=0xF),
    Row("DISABLE_DL_ENCRYPT", SET, _CODE, "the download mode cannot have data encrypted"),
    Row("DISABLE_DL_DECRYPT", SET, _CODE, "the download mode cannot have flash decrypted"),
    Row("DISABLE_DL_CACHE", SET, _CODE, "the download mode cannot read decrypted flash"),
    Row("JTAG_DISABLE", SET, _ALL, "JTAG is off, for good (hard)"),
    Row("CONSOLE_DEBUG_DISABLE", SET, _CODE, "no BASIC interpreter in the ROM"),
    Row("DIS_CACHE", LOCK, _CODE, "the bits of this group that stop a chip stay clear"),
    Row("ABS_DONE_1", SET, _CODE, "the ROM runs a signed second-stage bootloader only"),
    Row(
        "flash_encryption",
        KEY,
        _ALL,
        "flash is encrypted with it, AES-256, in BLOCK1; no code and no programmer reads it",
        secret=True,
        reverse=True,
        after="start",
    ),
    _RD_DIS,
    Row("FLASH_CRYPT_CNT", SET, _ALL, "flash encryption is on, for good", value=0x7F, after="start"),
    Row(
        "UART_DOWNLOAD_DIS",
        SET,
        _ALL,
        "there is no download mode; shares its lock with FLASH_CRYPT_CNT, which is therefore not locked",
        when=OFF,
        after="close",
    ),
)

CHIPS = {
    chip.name: chip
    for chip in (
        Chip(
            "esp32",
            "ESP32",
            300,
            False,
            ("rsa-3072",),
            1,
            {"flash_encryption": "BLOCK1", "secure_boot_v2": "BLOCK2"},
            _ESP32,
            (
                "Before revision 3.0 it has no Secure Boot v2, and UART_DOWNLOAD_DIS no effect: refused",
                "With the coding scheme 3/4 a block has 192 bits, and the digest does not fit: refused",
                "One Secure Boot key, RSA-3072, in BLOCK2, and no revocation: it can never be changed",
                "No secure download mode: off, or as it was",
                "No HMAC engine: NVS cannot be encrypted with a key from eFuse, so a device's private key "
                "cannot be put there; it goes into the firmware",
                "No eFuse silences the ROM's log: pin GPIO15 at reset does",
                "JTAG has no soft switch and no USB variant",
                *_CANNOT,
            ),
        ),
        Chip(
            "esp32s3",
            "ESP32-S3",
            0,
            True,
            ("rsa-3072",),
            3,
            _BLOCKS,
            _modern(
                ("DIS_DOWNLOAD_ICACHE", "DIS_DOWNLOAD_DCACHE"),
                (
                    Row(
                        "DIS_USB_SERIAL_JTAG",
                        CLEAR,
                        _CODE,
                        "must not stand beside DIS_USB_JTAG: a fault of the ROM",
                    ),
                ),
            ),
            (
                "Secure Boot keys are RSA-3072; no ECDSA",
                "AES-256 for flash would need two key blocks; boards here are built for AES-128, the default",
                _SECURE_DOWNLOAD,
                *_CANNOT,
            ),
        ),
        Chip(
            "esp32c3",
            "ESP32-C3",
            3,
            True,
            ("rsa-3072",),
            3,
            _BLOCKS,
            _modern(("DIS_DOWNLOAD_ICACHE",)),
            (
                "Before revision 0.3 there is no Secure Boot v2: refused",
                "Secure Boot keys are RSA-3072; no ECDSA",
                "Flash encryption is AES-128 only",
                _SECURE_DOWNLOAD,
                *_CANNOT,
            ),
        ),
        Chip(
            "esp32c6",
            "ESP32-C6",
            0,
            True,
            ("rsa-3072", "ecdsa-p256"),
            3,
            _BLOCKS,
            _modern(("DIS_DOWNLOAD_ICACHE",)),
            (
                "Secure Boot keys are RSA-3072 or ECDSA P-256, all of one type: the firmware is built for "
                "one. Boards here are built for RSA",
                "It checks ECDSA in its ROM, and has no engine that signs with a key in eFuse",
                "Flash encryption is AES-128 only",
                _SECURE_DOWNLOAD,
                *_CANNOT,
            ),
        ),
    )
}
"""Chips that can be provisioned, by the name that `board.chip` has."""
