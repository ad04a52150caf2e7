"""Devices that take encrypted images, under each strategy that can.

The judge knows what lies where from the images alone: as it is uploaded, and in the clear where it runs.
"""

from rig import PRI, Bootable, Rig
from rig_golden import FACTORY_AT, GoldenRig
from support import SECTOR, clear, image, sealed, secret_keys

# (old, new): equal, smaller, larger, one sector, the whole slot; from plain to encrypted and back.
PAIRS = (
    ("enc-four", "enc-six"),
    ("four", "enc-two"),
    ("enc-six", "two"),
    ("enc-one", "enc-full"),
    ("enc-full", "enc-one"),
)
# The factory images of golden: encrypted, plain.
FACTORIES = ("enc-one", "full")
_BLOCK = 16
_secrets = {}


def running(name):
    """The bytes of an image where it runs."""
    return clear(name[4:]) if name.startswith("enc-") else image(name)


def stored(name):
    """Its bytes everywhere else."""
    return sealed(name[4:]) if name.startswith("enc-") else image(name)


def plain_blocks(name):
    """The blocks of plaintext that may lie in the primary slot only."""
    if name not in _secrets:
        blocks = set()
        if name.startswith("enc-"):
            data = running(name)
            for at in range(32, 32 + int.from_bytes(data[12:16], "little"), _BLOCK):
                blocks.add(data[at : at + _BLOCK])
        _secrets[name] = blocks
    return _secrets[name]


class Watched:
    """Looks for plaintext outside the primary slot before each boot that follows a cut, and when asked."""

    def boot_through_cuts(self):
        self.check_secrecy()
        return Bootable.boot_through_cuts(self)

    def check_secrecy(self):
        """Fails when a block of plaintext lies outside the primary slot."""
        start = PRI * SECTOR
        data = self.bytes_at(start, self.flash.size - start)
        blocks = {data[at : at + _BLOCK] for at in range(0, len(data), _BLOCK)}
        for name in self.images:
            assert not blocks & plain_blocks(name), ("plaintext outside the primary slot", name)


class SealedRig(Watched, Rig):
    """A swap that takes encrypted images; `old` and `new` are names of images, new is asked for."""

    def __init__(self, kind, old, new, permanent=False, keys=None, **options):
        self.images = (old, new)
        Rig.__init__(self, kind=kind, keys=keys or secret_keys(), **options)
        self.flash_primary(running(old))
        self.stage(stored(new), permanent)


class SealedGolden(Watched, GoldenRig):
    """The strategy golden with a factory image, encrypted or not, and a request for `new`."""

    def __init__(self, old, new, factory, permanent=False):
        self.images = (old, new, factory)
        GoldenRig.__init__(self, None, None, keys=secret_keys())
        self.put(FACTORY_AT, stored(factory))
        self.put(0, running(old))
        self.stage(stored(new), permanent)

    def active_is(self, name):
        return self.bytes_at(0, len(running(name))) == running(name)


def installed(kind, old, new, **options):
    """The update runs, on trial."""
    rig = SealedRig(kind, old, new, **options)
    boot = rig.boot()
    assert boot.image is not None and rig.primary_is(running(new)), boot.reason
    return rig
