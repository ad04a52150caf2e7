"""Applying a delta patch (SPEC.md 12): the patch comes in chunks, the image goes out in order.

The old image is read at random. Nothing of the output is read back, so it may go straight to flash.
"""

import array

try:
    from ophion_boot.core.delta_viper import clear, counters, decode
except (ImportError, SyntaxError, ValueError, MemoryError):
    from ophion_boot.core.delta_plain import clear, counters, decode

from ophion_boot.compat import const
from ophion_boot.fmt.delta import HEADER_BYTES, PACKED_MAX, SECTOR, Header

_HEAD_BYTES = const(4)
# One step reads less than this of the patch: 35 decisions of at most 10.1 bits.
_LOOK_AHEAD = const(64)
# So many bytes 0 at the end of a segment are not sent.
_UNSENT_MAX = const(4)
_INPUT_BYTES = const(160)
_OLD_BYTES = const(128)
_OUT_BYTES = const(1024)
_STEP = const(32)
_RUN, _MOVE = const(4), const(5)
# SPEC.md 12.5: stretch (128 bytes), rates (7); a test computes them.
CONSTANTS = (
    b"\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xfa\xf6\xf2\xee\xea\xe6\xe2\xdf\xdd\xdb\xd9\xd7\xd5\xd3\xd1\xcf\xcd"
    b"\xcb\xc9\xc7\xc5\xc3\xc1\xbf\xbe\xbd\xbc\xbb\xba\xb9\xb8\xb7\xb6\xb5\xb4\xb3\xb2\xb1\xb0\xaf\xae\xad\xac"
    b"\xab\xaa\xa9\xa8\xa7\xa6\xa5\xa4\xa3\xa2\xa1\xa0\xe0\xb0\x98\x88|tld^ZVRNJFB?=;97531/-+)'%#!\x1f\x1e\x1d"
    b"\x1c\x1b\x1a\x19\x18\x17\x16\x15\x14\x13\x12\x11\x10\x0f\x0e\r\x0c\x0b\n\t\x08\x07\x06\x05\x04\x03\x02\x01\x00\xa0bG7-&!"
)


class DeltaError(ValueError):
    """A patch that cannot be applied; `str(error)` says what is wrong and where."""


class Decoder:
    """Makes the image that `header` promises out of the bytes of the patch behind the header.

    `old_read(at, buf)` fills `buf` with the old image from byte `at` on. `out_write(data)` takes the new
    image in order: 1 KiB at a time, less at the end; the memoryview is valid during the call. The caller
    has checked the base (`Header.check_base`), and checks the result (`Header.check_result`). All buffers
    are allocated here: 2 << table_bits bytes in one piece, and 2 KiB; without an old image 9 KiB and, when a
    segment comes, what `deflate` needs. `restart` is the last place to go on from, (patch offset, output
    offset). Given to a new decoder as `position`, that one is fed from there on, and writes from there on.
    Once the output has reached `pause` (bytes), nothing more is made until that is set higher: `waits` says
    that a feed without data would make more.
    """

    def __init__(self, header: Header, old_read, out_write, position: tuple = (HEADER_BYTES, 0)) -> None:  # type: ignore[no-untyped-def]
        self._bits = header.table_bits
        self._old_size = header.old_size
        self._new_size = header.new_size
        self._old_read = old_read
        self._out_write = out_write
        self.restart = position
        self.pause = self._new_size + 1
        self.waits = False
        self._coded, self._made = position
        if self._coded < HEADER_BYTES or not 0 <= self._made < self._new_size or self._made % SECTOR:
            raise self._error("no place to go on")
        self._out = bytearray(_OUT_BYTES)
        self._inp = bytearray(_INPUT_BYTES + _LOOK_AHEAD)
        if self._old_size:
            self._old = bytearray(_OLD_BYTES)
            self._counters = counters(1 << self._bits)
        else:
            from ophion_boot.core.delta_packed import Packed

            self._packed = Packed(self._bits)
        self._head = True
        self._held = self._left = self._end = 0

    def done(self) -> bool:
        """True when the whole image has been written and all of the patch read."""
        return self._head and self._made == self._new_size

    def finish(self) -> None:
        """Raise DeltaError when the patch ended too early."""
        if not self.done():
            raise self._error("patch ends early")

    def feed(self, chunk: bytes | bytearray | memoryview) -> int:
        """Take the next bytes of the patch, and write what can be made of them. Returns how many it took: all
        that there are, unless the output has reached `pause`.

        Raises DeltaError when they make no sense, and what `old_read` and `out_write` raise; nothing may be
        fed after that.
        """
        data = memoryview(chunk)
        at = 0
        while (self.waits or at < len(data)) and self._made < self.pause:
            if self.done():
                raise self._error("patch goes on behind its end")
            space = _HEAD_BYTES if self._head else self._left + self._held
            some = min(len(data) - at, min(space, len(self._inp) - _LOOK_AHEAD) - self._held)
            self._inp[self._held : self._held + some] = data[at : at + some]
            self._held += some
            self._coded += some
            at += some
            if self._head:
                self._begin()
            else:
                self._left -= some
                self._body()
        return at

    def _error(self, text: str) -> DeltaError:
        return DeltaError("%s: byte %d of the patch, %d of the image" % (text, self._coded, self._made))

    def _begin(self) -> None:
        """Read the head of a segment, when all of it is there. Nothing that was known is known behind it."""
        if self._held < _HEAD_BYTES:
            return
        inp = self._inp
        self._left = inp[0] | inp[1] << 8
        self._end = (inp[2] | inp[3] << 8) * SECTOR or self._new_size
        if not 0 < self._left <= (0xFFFF if self._old_size else PACKED_MAX) or not (
            self._made < self._end <= self._new_size
        ):
            raise self._error("segment of %d bytes up to %d" % (self._left, self._end))
        self.restart = (self._coded - _HEAD_BYTES, self._made)
        self._head = self._begun = False
        self._held = self._copy = 0
        if self._old_size:
            self._moved = -1
            self._pointer = min(self._made, self._old_size)
            self._out[_OUT_BYTES - 2] = self._out[_OUT_BYTES - 1] = 0
            clear(self._counters, 1 << self._bits)
            self._st = st = array.array("I", [0] * 24 + [34133] * 18)
            st[1] = 0x3FFFFFFF
            st[4] = (1 << self._bits) - 1
        else:
            self._packed.begin()

    def _body(self) -> None:
        """Make what the input suffices for, and move the rest of it to the front."""
        self.waits = False
        used = self._coded_steps() if self._old_size else self._unpack()
        if self._made == self._end:
            if self._left or used < self._held:
                raise self._error("segment goes on behind its output")
            self._head = True
        elif not self._left and not self.waits:
            raise self._error("segment ends early")
        self._inp[: self._held - used] = self._inp[used : self._held]
        self._held -= used

    def _paused(self) -> bool:
        self.waits = self._made >= self.pause
        return self.waits

    def _unpack(self) -> int:
        """Collect a segment that needs no old image; make the output when all of it is there."""
        self._packed.write(memoryview(self._inp)[: self._held])
        while not self._left and self._made < self._end and not self._paused():
            some = self._packed.readinto(memoryview(self._out)[: min(_OUT_BYTES, self._end - self._made)])
            if not some:
                break
            self._advance(some)
        return self._held

    def _coded_steps(self) -> int:
        """The steps that there is input for. Returns bytes used."""
        inp, st, final = self._inp, self._st, not self._left
        limit = self._held - _LOOK_AHEAD
        if final:
            limit = self._held + _UNSENT_MAX
            for i in range(self._held, self._held + _LOOK_AHEAD):
                inp[i] = 0
        elif limit < 0:
            return 0
        st[3] = limit
        if not self._begun:
            self._begun = True
            st[0] = (inp[0] & 63) << 24 | inp[1] << 16 | inp[2] << 8 | inp[3]
            st[2] = 4
        while self._made < self._end and st[2] <= limit and not self._paused():
            if self._copy:
                self._keep()
            else:
                self._step()
        used = min(st[2], self._held)
        st[2] -= used
        return used

    def _room(self) -> int:
        return min(self._old_size - self._pointer, self._end - self._made)

    def _keep(self) -> None:
        """Copy old bytes, straight to where they go out."""
        at = self._made % _OUT_BYTES
        some = min(self._copy, _OUT_BYTES - at)
        self._old_read(self._pointer, memoryview(self._out)[at : at + some])
        self._copy -= some
        self._pointer += some
        self._advance(some)

    def _step(self) -> None:
        """Symbols, until a buffer ends, a run of bytes is kept, or the pointer moves."""
        st, old, pointer, room = self._st, self._old, self._pointer, self._room()
        start = 0 if pointer else 1
        stop = min(_OLD_BYTES, self._old_size - pointer + 1)
        if start < stop:
            self._old_read(pointer + start - 1, memoryview(old)[start:stop])
        # What is outside of the old image is 0.
        old[0] *= pointer > 0
        if stop < _OLD_BYTES:
            old[stop] = 0
        at = self._made % _OUT_BYTES
        st[5] = 1
        st[6] = at
        st[7] = at + min(room or 1, _OLD_BYTES - 2, _OUT_BYTES - at)
        event = decode(0, 0, st, self._counters, CONSTANTS, self._inp, old, self._out)
        if st[5] - 1 > room:
            raise self._error("substitute behind the old image")
        self._pointer += st[5] - 1
        if st[6] > at:
            self._advance(st[6] - at)
        if event:
            self._event(event, st[12])

    def _event(self, event: int, value: int) -> None:
        """A run is steps that are kept; a move goes on elsewhere in the old image."""
        if event == _RUN:
            self._copy = min(value * _STEP, self._room())
            if value * _STEP < self._copy + _STEP:
                return
        target = self._pointer + (-1 - (value >> 1) if value & 1 else 1 + (value >> 1))
        # An image byte comes between two moves, so that this ends.
        if event != _MOVE or self._moved == self._made or not 0 <= target <= self._old_size:
            raise self._error("event %d of %d" % (event, value))
        self._moved = self._made
        self._pointer = target

    def _advance(self, count: int) -> None:
        """`count` bytes have been put into the output buffer: write it when it is full, or all is there."""
        self._made += count
        used = self._made % _OUT_BYTES
        if not used:
            self._out_write(memoryview(self._out))
        elif self._made == self._new_size:
            self._out_write(memoryview(self._out)[:used])
