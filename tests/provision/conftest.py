"""Rig of provisioning: espefuse's virtual eFuses, boards of each chip, signed flash; power that fails."""

import copy
import functools

import espefuse
import espsecure
import pytest
from espefuse.efuse.bitstring import BitStream
from esptool.logger import EsptoolLogger, TemplateLogger
from ophion.build.boards import board_layout
from ophion.build.layout import load_layout
from ophion.build.partitions import BOOTLOADER_AT, binary
from ophion.keys import Algorithm, generate
from ophion.provision import EfuseChip, Job, apply, begin, make_wishes
from ophion.provision.table import CHIPS

SECTOR = 0x1000


class PowerCut(Exception):
    """The supply failed just after a burn."""


@functools.cache
def pristine(chip):
    """espefuse's commands for a virtual chip without a file: to be copied, making them reads long tables."""
    base = espefuse.SUPPORTED_CHIPS[chip].efuse_lib.EmulateEfuseController

    class Failing(base):
        """After each operation that changes eFuses `burned(number)` is called: the power may fail there."""

        burns = 0
        burned = staticmethod(lambda number: None)

        def handle_writing_event(self, addr, value):
            command = addr in (getattr(self.REGS, name, None) for name in ("EFUSE_CMD_REG", "EFUSE_REG_CMD"))
            before = self.shown() if command and value else None
            super().handle_writing_event(addr, value)
            if before is not None and self.shown() != before:
                self.burns += 1
                super().save_to_file()
                self.burned(self.burns)

        def save_to_file(self):
            """Only after a burn: what lies in registers is gone with the power."""

        def shown(self):
            return [self.read_block(number).bytes for number in range(len(self.Blocks.BLOCKS))]

        def power_down(self):
            super().save_to_file()

        def power_up(self, path, burned):
            self.efuse_file, self.burns, self.burned = str(path), 0, burned
            if path.exists():
                self.mem = BitStream(bytes=path.read_bytes(), length=self.REGS.EFUSE_MEM_SIZE * 8)
            else:
                self.mem.set(0)
                self.set_chip_revision(CHIPS[chip].least_revision)
                super().save_to_file()

    return espefuse.init_commands(esp=Failing(), do_not_confirm=True)


def power_up(chip, path, burned=lambda number: None):
    """espefuse's commands for the virtual eFuses in `path`, as a new process has them."""
    commands = copy.deepcopy(pristine(chip))
    commands.esp.power_up(path, burned)
    return commands


class Silent(TemplateLogger):
    """Drops what espefuse says to a test that uses it itself."""

    def _drop(self, *args, **kwargs):
        pass

    print = note = warning = error = stage = progress_bar = set_verbosity = _drop


@pytest.fixture(autouse=True)
def silence():
    """Tests use espefuse themselves, too: drop what it says."""
    from esp_pylib.logger import EspLog

    before = EspLog.instance
    EsptoolLogger().set_logger(Silent())
    yield
    EspLog.instance = before


@pytest.fixture(scope="session")
def boot_keys(tmp_path_factory):
    """Secure Boot keys: {name: (public half, private file)}."""
    folder = tmp_path_factory.mktemp("boot-keys")
    kinds = {"one": Algorithm.RSA3072, "two": Algorithm.RSA3072, "p256": Algorithm.P256}
    return {
        name: (generate(folder / f"{name}.pem", kind), folder / f"{name}.pem") for name, kind in kinds.items()
    }


@pytest.fixture(scope="session")
def signed(boot_keys):
    """Signed flash contents of a board: {address: content}."""

    def make(layout, key="one"):
        def sign(data):
            return sign_v2(data.ljust(-(-len(data) // SECTOR) * SECTOR, b"\xff"), boot_keys[key][1])

        return {
            BOOTLOADER_AT[layout.chip]: sign(b"second-stage bootloader" * 200),
            layout.table_at: binary(layout),
            layout.areas["factory"].offset: sign(b"MicroPython and its bootloader" * 300),
        }

    return make


def sign_v2(data, pem):
    """`data` with a Secure Boot v2 signature block, by espsecure."""
    place = pem.with_name("signed.tmp")
    source = pem.with_name("unsigned.tmp")
    source.write_bytes(data)
    with open(source, "rb") as datafile, open(pem, "rb") as keyfile:
        espsecure.sign_data(
            version="2",
            keyfile=[keyfile],
            output=str(place),
            append_signatures=False,
            hsm=False,
            hsm_config=None,
            pub_key=[],
            signature=[],
            datafile=datafile,
        )
    return place.read_bytes()


class Bench:
    """One chip with its board: wishes, job, and virtual eFuses in `path`."""

    PowerCut = PowerCut

    def __init__(self, chip, folder, boot_keys, signed, nvs=None, keys=("one",), **wishes):
        self.chip, self.folder, self.path = chip, folder, folder / "efuse.bin"
        folder.mkdir(parents=True, exist_ok=True)
        self.toml = folder / "layout.toml"
        nvs = chip != "esp32" if nvs is None else nvs
        self.toml.write_text(board_text(chip, nvs))
        self.layout = load_layout(self.toml)
        publics = [boot_keys[name][0] for name in keys]
        self.wishes = make_wishes(self.layout, publics, **{"flash_key": "host", **wishes})
        files = signed(self.layout, keys[0]) if self.wishes.flash_key == "host" else {}
        key_type = "x25519" if nvs else ""
        self.job = Job(self.layout, files, [key.pem for key in publics], "", "lamp", key_type)
        self.job.check(self.wishes)
        self.made = {}

    def open(self, burned=lambda number: None):
        """The chip, as after a power-up; `burned(number)` is called after each burn, may raise PowerCut."""
        return EfuseChip(power_up(self.chip, self.path, burned))

    def commands(self):
        """espefuse's commands, as after a power-up."""
        return power_up(self.chip, self.path)

    def chip_of(self, commands):
        """The chip that these commands are for."""
        return EfuseChip(commands)

    def record(self):
        """The device's record, new or read."""
        state = self.open().state()
        return begin(self.folder / "records", state.mac, self.layout.name, self.wishes, state.revision)

    def makers(self, record):
        """The job's makers, which tell us the keys that they make."""

        def spy(purpose, maker):
            def make(record, step):
                self.made[purpose] = maker(record, step)
                return self.made[purpose]

            return make

        return {purpose: spy(purpose, maker) for purpose, maker in self.job.makers(record).items()}

    def run(self, burned=lambda number: None, close=True):
        """Provision until it ends or somebody has to start the firmware; returns the steps."""
        record = self.record()
        return list(apply(self.open(burned), record, self.makers(record), close=close))

    def at(self, folder):
        """The same device in another folder: a copy that went another way."""
        other = copy.copy(self)
        other.folder, other.path, other.made = folder, folder / "efuse.bin", {}
        return other

    def set_bits(self, **fields):
        """Burn fields by espefuse itself, as somebody else would."""
        commands = self.commands()
        commands.burn_efuse(fields)
        return commands

    def bits(self):
        """What the eFuses show, by block."""
        return self.commands().esp.shown()


def board_text(chip, nvs):
    """The layout of a locked board with this chip."""
    text = board_layout("esp32c3-secure").read_text().replace("esp32c3", chip)
    if nvs:
        text = text.replace("[update]", "[update]\nencryption = true")
        text = text.replace("encrypted = true", "encrypted = true\nnvs_encrypted = true")
    return text


@pytest.fixture(scope="session")
def make_bench(boot_keys, signed):
    """Make a Bench in a folder: make_bench("esp32c6", folder, download="secure")."""
    return lambda chip, folder, **options: Bench(chip, folder, boot_keys, signed, **options)


@pytest.fixture
def bench(tmp_path, make_bench):
    """Make a Bench: bench("esp32c6", download="secure")."""
    return lambda chip, name="device", **options: make_bench(chip, tmp_path / name, **options)
