"""What the sanity flag needs of a device: a clock, two memories, one boot after the other."""

from ophion_boot.core import bootmode
from ophion_boot.core.boot import Bootloader
from ophion_boot.core.health import BACK, RECOVERS
from ophion_boot.core.sanity import Memory, Sanity
from ophion_boot.core.verdict import judge
from support import Cells

POLICY = {
    "period_s": 1000,
    "postpone_s": 100,
    "settle_s": 10,
    "fresh_s": 60,
    "misses": 3,
    "warm_starts": 4,
}
OURS, OTHER = b"\x11" * 32, b"\x22" * 32


class Clock:
    """Time as the test says."""

    def __init__(self):
        self.now = 5

    def ticks_ms(self):
        return self.now

    def ticks_diff(self, a, b):
        return a - b

    def ticks_add(self, a, ms):
        return a + ms


class Chip:
    """The two memories, and one boot after the other; `keeps` is False where there is no RTC memory."""

    def __init__(self, keeps=True, **policy):
        self.rtc = b""
        self.keeps = keeps
        self.cells = Cells()
        self.policy = {}
        self.policy.update(POLICY)
        self.policy.update(policy)
        self.stores = 0
        self.trims = 0

    def rtc_memory(self, data=None):
        if data is None:
            return self.rtc
        self.rtc = bytes(data) if self.keeps else b""
        return None

    def load(self, name):
        return self.cells.load(name)

    def store(self, name, data):
        self.stores += 1
        self.cells.store(name, data)

    def trim(self):
        self.trims += 1

    def boot(self, cause, digest=OURS, button=False, trial=False, way=True):
        """(action, row) of a boot, armed as the bootloader does it; the way back is the image `OTHER`."""
        self.clock = Clock()
        self.sanity = Sanity(Memory(self.rtc_memory, self, self.trim), self.policy, self.clock)
        self.sanity.read(cause, button)
        action, row = self.sanity.judge(digest, trial)
        if action == BACK and not way:
            action, row = self.sanity.judge(digest, trial, False)
        if action == BACK:
            self.sanity.give_up(digest)
            digest = OTHER
        self.sanity.arm(digest, action in RECOVERS)
        if action not in RECOVERS:
            self.sanity.start(0)
        return action, row

    def reached(self):
        """The application's trigger can be reached, for long enough."""
        self.sanity.report(True)
        self.clock.now += 1000 * self.policy["settle_s"]
        return self.sanity.report(True)

    def boot_rig(self, rig, cause):
        """(Boot, whether into recovery) of a rig with flash, put together as main.py does it."""
        rig.off_and_on()
        self.clock = Clock()
        self.sanity = Sanity(Memory(self.rtc_memory, self, self.trim), self.policy, self.clock)
        asked = self.sanity.read(cause, False)
        loader = Bootloader(rig.strategy, rig.verifier, rig.log)
        boot = loader.run(asked)
        trial = boot.image is not None and rig.strategy.on_trial()
        boot, recovery = judge(self.sanity, loader, boot, trial, self.policy["misses"])
        self.sanity.arm(boot.image.hash if boot.image else bootmode.NOBODY, recovery)
        if not recovery:
            self.sanity.start(0)
        return boot, recovery
