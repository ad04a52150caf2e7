"""A chip's eFuses through espefuse, as a library: read as a State, burned one Step at a time.

Keys are handed over in memory: none is written to a file. espefuse's own output is dropped, so that nothing
of a key can show up in it.
"""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ophion.errors import DeviceNotFound, InputError, OphionError, UsageError
from ophion.ports import PORT_ERRORS
from ophion.provision.plan import DATA, PURPOSE, READ_PROTECT, Step
from ophion.provision.state import Block, Field, State
from ophion.provision.table import CHIPS, SET

_NUMBERS = ("bool", "uint", "int")
_INSTALL = "pip install 'ophion[provision]'"
# What the ROM tells in its secure download mode: espefuse's field -> flag (esptool, get_security_info).
_TOLD = {
    "SECURE_BOOT_EN": "SECURE_BOOT_EN",
    "ENABLE_SECURITY_DOWNLOAD": "SECURE_DOWNLOAD_ENABLE",
    "SECURE_BOOT_KEY_REVOKE0": "SECURE_BOOT_KEY_REVOKE0",
    "SECURE_BOOT_KEY_REVOKE1": "SECURE_BOOT_KEY_REVOKE1",
    "SECURE_BOOT_KEY_REVOKE2": "SECURE_BOOT_KEY_REVOKE2",
    "DIS_PAD_JTAG": "HARD_DIS_JTAG",
    "DIS_DOWNLOAD_DCACHE": "DIS_DOWNLOAD_DCACHE",
    "DIS_DOWNLOAD_ICACHE": "DIS_DOWNLOAD_ICACHE",
}


class EfuseChip:
    """A chip whose eFuses can be read and burned; `commands` are those of `espefuse.init_commands`."""

    def __init__(self, commands: Any) -> None:
        self._commands = commands
        # As espefuse's command line does: what protects or ends access is burned last within one burn.
        commands.efuses.postpone = True

    @property
    def name(self) -> str:
        """The chip, as `board.chip` names it."""
        return _chip_name(self._commands.esp.CHIP_NAME)

    def state(self) -> State:
        """Read everything anew. Raises OphionError when the chip does not answer."""
        efuses = self._commands.efuses
        with quiet("reading eFuses"):
            efuses.read_coding_scheme()
            efuses.read_blocks()
            efuses.get_coding_scheme_warnings(silent=True)
            efuses.update_efuses()
            fields = {
                item.name: Field(int(item.get_raw()), item.is_writeable())
                for item in efuses
                if item.block == 0
                and not item.efuse_type.startswith("bytes")
                and not item.is_field_calculated()
            }
            return State(
                self.name,
                self._commands.esp.get_chip_revision(),
                str(efuses["MAC"].get())[:17],
                fields,
                {block.name: self._block(block) for block in efuses.blocks if self._is_key_block(block)},
                fields["CODING_SCHEME"].value if "CODING_SCHEME" in fields else 0,
            )

    def burn(self, step: Step, key: bytes = b"") -> bool:
        """Burn one step; `key` is the secret of a step without data. True while the chip still answers.

        Raises OphionError when it was not burned.
        """
        commands = self._commands
        with quiet(f"burning {step.says}"):
            try:
                if step.action == DATA:
                    self._burn_key(step, key or step.data)
                elif step.action == PURPOSE:
                    field = self._commands.efuses.blocks[self._index(step.target)].key_purpose_name
                    commands.burn_efuse({field: int(commands.efuses[field].check_format(step.purpose))})
                elif step.action == SET:
                    commands.burn_efuse({step.target: step.value})
                elif step.action == READ_PROTECT:
                    commands.read_protect_efuse([step.target])
                else:
                    commands.write_protect_efuse([step.target])
            except SystemExit as ending:
                # espefuse ends this way when it has burned what ends its own access.
                if ending.code:
                    raise OphionError(f"espefuse gave up while burning {step.says}") from None
                return False
        return True

    def close(self) -> None:
        """Let the port go: also the one that espefuse opens anew when the chip's access ends."""
        for esp in (self._commands.esp, self._commands.efuses._esp):
            port = getattr(esp, "_port", None)
            if port is not None:
                port.close()

    def _burn_key(self, step: Step, data: bytes) -> None:
        if CHIPS[self.name].purposes:
            self._commands.burn_key([step.target], [io.BytesIO(data)], [step.purpose])
        else:
            self._commands.burn_key([step.purpose], [io.BytesIO(data)])

    def _index(self, block: str) -> int:
        return int(self._commands.efuses.get_index_block_by_name(block))

    def _is_key_block(self, block: Any) -> bool:
        return bool(block.key_purpose_name) or block.name in CHIPS[self.name].blocks.values()

    def _block(self, block: Any) -> Block:
        data = block.get_bitstring().bytes[::-1]
        facts = (data, block.is_readable(), block.is_writeable())
        faulty = bool(block.fail or block.num_errors)
        if not block.key_purpose_name:
            return Block(*facts, faulty=faulty)
        purpose = self._commands.efuses[block.key_purpose_name]
        return Block(*facts, str(purpose.get()), purpose.is_writeable(), faulty)


def open_virtual(path: str | os.PathLike[str], chip: str) -> EfuseChip:
    """espefuse's virtual eFuses of `chip` in the file `path`.

    When it is not there it is made: a new chip whose revision is the least that will do. Raises InputError
    when the file is that of another chip.
    """
    espefuse = _espefuse()
    place = Path(path)
    size = espefuse.SUPPORTED_CHIPS[chip].efuse_lib.EmulateEfuseController().REGS.EFUSE_MEM_SIZE
    new = not place.exists()
    if not new and place.stat().st_size != size:
        have = place.stat().st_size
        raise InputError(f"{place} holds {have} bytes, virtual eFuses of an {chip} have {size}")
    if not place.parent.is_dir():
        raise InputError(f"there is no folder {place.parent}")
    with quiet("opening virtual eFuses"):
        esp = espefuse.get_esp(chip=chip, virt=True, virt_efuse_file=os.fspath(place))
        if new:
            esp.set_chip_revision(CHIPS[chip].least_revision)
            esp.save_to_file()
        return EfuseChip(espefuse.init_commands(esp=esp, do_not_confirm=True))


def blank(chip: str) -> State:
    """What a chip that nothing was burned into looks like; its revision is the least that will do."""
    espefuse = _espefuse()
    with quiet("opening virtual eFuses"):
        esp = espefuse.SUPPORTED_CHIPS[chip].efuse_lib.EmulateEfuseController()
        esp.set_chip_revision(CHIPS[chip].least_revision)
        return EfuseChip(espefuse.init_commands(esp=esp, do_not_confirm=True)).state()


def open_port(port: str) -> EfuseChip | State:
    """The chip on a serial port; a State, and no more, when it is in its secure download mode.

    Raises DeviceNotFound when nothing answers, UsageError for a chip that has no table.
    """
    espefuse = _espefuse()
    import esptool

    try:
        with quiet(f"connecting on {port}"):
            esp = esptool.detect_chip(port)
    except OphionError as error:
        raise DeviceNotFound(
            f"no chip answers on {port}: {error.message}",
            "hold its boot button while it resets; a chip whose download mode is off never answers again",
        ) from None
    chip = _chip_name(esp.CHIP_NAME)
    if chip not in CHIPS:
        raise UsageError(f"there is no table for an {chip}", f"one of {', '.join(CHIPS)}")
    with quiet("reading eFuses"):
        if esp.secure_download_mode:
            return told(chip, esp.get_security_info(), _purposes(chip))
        return EfuseChip(espefuse.init_commands(esp=esp, do_not_confirm=True))


def told(chip: str, info: dict[str, Any], purposes: dict[int, str]) -> State:
    """What a chip in its secure download mode tells, as a State; `info` is esptool's `get_security_info()`.

    `purposes` names the key purposes by number.
    """
    flags = info["parsed_flags"]
    fields = {field: Field(int(flags[flag])) for field, flag in _TOLD.items()}
    fields[CHIPS[chip].counter.target] = Field(int(info["flash_crypt_cnt"]))
    known = tuple(purposes.get(number, "") for number in info["key_purposes"])
    return State(chip, CHIPS[chip].least_revision, "", fields, {}, whole=False, purposes=known)


def _purposes(chip: str) -> dict[int, str]:
    lib = _espefuse().SUPPORTED_CHIPS[chip].efuse_lib
    fields = __import__(f"{lib.__name__}.fields", fromlist=["fields"])
    return {row[1]: row[0] for row in fields.EfuseKeyPurposeField.KEY_PURPOSES}


def _chip_name(name: str) -> str:
    return name.lower().replace("-", "")


def _espefuse() -> Any:
    try:
        import espefuse
    except ImportError:
        raise UsageError("provisioning needs esptool, which is not installed", _INSTALL) from None
    return espefuse


@contextlib.contextmanager
def quiet(what: str, through: type[Exception] | None = None) -> Iterator[None]:
    """Drop what Espressif's tools print, and turn their errors into OphionError: the first line.

    Errors of the type `through` pass as they are.
    """
    import esptool
    from esp_pylib.logger import EspLog
    from esptool.logger import EsptoolLogger, TemplateLogger

    class Dropped(TemplateLogger):  # type: ignore[misc]
        def _drop(self, *args: Any, **kwargs: Any) -> None:
            pass

        print = note = warning = error = stage = progress_bar = set_verbosity = _drop

    before = EspLog.instance
    EsptoolLogger().set_logger(Dropped())
    try:
        yield
    except (esptool.FatalError, *PORT_ERRORS) as error:
        if through is not None and isinstance(error, through):
            raise
        raise OphionError(f"{what}: {str(error).strip().splitlines()[0]}") from None
    finally:
        EspLog.instance = before
