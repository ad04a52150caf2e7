"""The simulated chip's link to its hardware: flash, radio, watchdog and resets live in another process.

`start.py` calls `connect` once; everything else on the device reaches the link through `link()`.
Radio events are handled only inside `pump`: that is where the ESP32's NimBLE task would run its
callbacks (it needs the GIL for them, extmod/nimble + MICROPY_PY_BLUETOOTH_USE_SYNC_EVENTS). Sleeping,
polling, `machine.idle` and reading the tick counters pump.
"""

import json
import os
import struct

import ophion_messages as m
import uselect
import utime
from nor import NorFlash

_link = None
_MAX_EVENTS = 32  # a pump ends after this many, so that a flood cannot starve the program


class Link:
    """Framed messages over the inherited socket; `config` is what the supervisor says about this start."""

    def __init__(self, fd):
        self.file = open(fd, "r+b")
        self.busy = False  # inside an event handler
        self.on_message = None  # callable(kind, payload): radio messages
        self.credits = m.NOTIFY_BUFFERS
        self._inbox = []
        self._head = bytearray(m.HEADER_SIZE)
        self._poll = uselect.poll()
        self._poll.register(self.file, uselect.POLLIN)
        self.config = json.loads(self._read()[1])  # the first message
        self._flash = None
        self._flash_file = open(self.config["flash"], "r+b")
        self._pumped = utime.ticks_ms()

    def flash(self):
        """The NOR flash chip, with the power cut armed that this start asks for."""
        if self._flash is None:
            c = self.config
            self._flash = NorFlash(self._flash_file, c["size"], c["sector"], c["write_size"])
            if c["cut"]:
                op, shape, seed = c["cut"]
                self._flash.arm_cut(op, shape, seed, self._cut)
        return self._flash

    def _cut(self):
        self.send(m.CUT, struct.pack("<I", self._flash.ops))
        self.wait_for_death()

    def send(self, kind, payload=b""):
        self.file.write(m.frame(kind, payload))

    def call(self, kind, payload=b""):
        """Send a request and wait for its reply; OSError with the errno that the hardware answers."""
        self.send(kind, payload)
        while True:
            got, answer = self._read()
            if got == m.REPLY:
                err = struct.unpack_from("<H", answer)[0]
                if err:
                    raise OSError(err)
                return answer[2:]
            if not self._note(got, answer):
                self._inbox.append((got, answer))

    def pump(self, timeout_ms=0):
        """Handle what has arrived, waiting up to `timeout_ms` for the first; return how many were handled."""
        if self.busy:
            utime.sleep_ms(timeout_ms)
            return 0
        count = 0
        while count < _MAX_EVENTS:
            if self._inbox:
                kind, payload = self._inbox.pop(0)
            elif self._poll.poll(0 if count else timeout_ms):
                kind, payload = self._read()
            else:
                break
            self._deliver(kind, payload)
            count += 1
        self._pumped = utime.ticks_ms()
        return count

    def pump_now_and_then(self):
        """Pump if the last time was a millisecond ago or more: cheap enough for a busy loop."""
        if not self.busy and utime.ticks_diff(utime.ticks_ms(), self._pumped) > 0:
            self.pump()

    def wait(self, ms):
        """Sleep `ms` milliseconds, handling events meanwhile."""
        end = utime.ticks_add(utime.ticks_ms(), ms)
        left = ms
        while left >= 0:
            self.pump(left)
            left = utime.ticks_diff(end, utime.ticks_ms())
            if left == 0:
                return

    def take_credits(self, cost):
        """Take `cost` notification buffers; False when the pool is empty (NimBLE: BLE_HS_ENOMEM)."""
        while self.credits < cost and self._poll.poll(0):
            kind, payload = self._read()
            if not self._note(kind, payload):
                self._inbox.append((kind, payload))
        if self.credits < cost:
            return False
        self.credits -= cost
        return True

    def forget_events(self):
        """Events that have not been handled never will be: the radio was switched off."""
        self._inbox.clear()

    def wait_for_death(self):
        """The supervisor ends this process; nothing runs meanwhile."""
        while True:
            utime.sleep_ms(1000)
            if self._poll.poll(0):
                self._read()

    def _deliver(self, kind, payload):
        if self._note(kind, payload) or self.on_message is None:
            return
        self.busy = True
        try:
            self.on_message(kind, payload)
        finally:
            self.busy = False

    def _note(self, kind, payload):
        """Handle messages that are bookkeeping, not events."""
        if kind == m.CREDIT:
            self.credits += struct.unpack("<H", payload)[0]
            return True
        return False

    def _read(self):
        if self.file.readinto(self._head) != m.HEADER_SIZE:
            _die()
        length, kind = struct.unpack(m.HEADER, self._head)
        payload = self.file.read(length) if length else b""
        if len(payload) != length:
            _die()
        return kind, payload


def _die():
    """The supervisor is gone: a chip without power does not run `finally` blocks."""
    os.system("kill -9 $PPID")


def connect(fd):
    """Open the link; called once, by start.py, while the POSIX file system is still mounted."""
    global _link
    _link = Link(fd)
    return _link


def link():
    return _link


def flash():
    """The NorFlash of this chip (extended block device protocol)."""
    return _link.flash()


def config(name, default=None):
    """A value of the simulated board, such as "name" or "flash_size"."""
    return _link.config.get(name, default)


def pump(timeout_ms=0):
    """Let the radio run: handle pending events, waiting up to `timeout_ms` for the first."""
    return _link.pump(timeout_ms)
