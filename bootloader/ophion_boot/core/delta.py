"""Applying a delta patch (SPEC.md 12): the patch comes in chunks, the image goes out in order.

The old image is read at random. Nothing of the output is read back, so it may go straight to flash.
"""

from ophion_boot.compat import const
from ophion_boot.core import delta_model as model
from ophion_boot.fmt.delta import HEADER_BYTES, SECTOR, Header

_HEAD_BYTES = const(4)
# One step reads less than this of the patch: 31 decisions of at most 13 bits.
_LOOK_AHEAD = const(64)
# So many bytes 0 at the end of a segment are not sent.
_UNSENT_MAX = const(4)
_INPUT_BYTES = const(160)
_OLD_BYTES = const(128)
_OUT_BYTES = const(1024)
_NEAR = const(32)


class DeltaError(ValueError):
    """A patch that cannot be applied; `str(error)` says what is wrong and where."""


class Decoder:
    """Makes the image that `header` promises out of the bytes of the patch behind the header.

    `old_read(at, buf)` fills `buf` with the old image from byte `at` on. `out_write(data)` takes the new
    image in order: 1 KiB at a time, less at the end; the memoryview is valid during the call. The caller
    has checked the base (`Header.check_base`), and checks the result (`Header.check_result`). All buffers
    are allocated here: 2 << table_bits bytes in one piece, and 2.5 KiB. `restart` is the last place to go
    on from, (patch offset, output offset). Given to a new decoder as `position`, that one is fed from there
    on, and writes from there on. Once the output has reached `pause` (bytes), nothing more is made until that
    is set higher: `waits` says that a feed without data would make more.
    """

    def __init__(self, header: Header, old_read, out_write, position: tuple = (HEADER_BYTES, 0)) -> None:  # type: ignore[no-untyped-def]
        self._bits = header.table_bits
        self._old_size = header.old_size
        self._new_size = header.new_size
        self._old_read = old_read
        self._out_write = out_write
        self._inp = bytearray(_INPUT_BYTES + _LOOK_AHEAD)
        self._old = bytearray(_OLD_BYTES)
        self._out = bytearray(_OUT_BYTES)
        self._model = model.Model(self._bits, self._inp)
        self.restart = position
        self.pause = self._new_size + 1
        self.waits = False
        self._coded, self._made = position
        if self._coded < HEADER_BYTES or not 0 <= self._made < self._new_size or self._made % SECTOR:
            raise DeltaError("no place to go on: byte %d of the patch, %d of the image" % position)
        self._base = -_OLD_BYTES
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
            some = min(len(data) - at, min(space, _INPUT_BYTES) - self._held)
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
        """Read the head of a segment, when all of it is there."""
        if self._held < _HEAD_BYTES:
            return
        inp = self._inp
        self._left = inp[0] | inp[1] << 8
        self._end = (inp[2] | inp[3] << 8) * SECTOR or self._new_size
        if not self._left or not self._made < self._end <= self._new_size:
            raise self._error("segment of %d bytes up to %d" % (self._left, self._end))
        self.restart = (self._coded - _HEAD_BYTES, self._made)
        self._head = self._begun = False
        self._held = self._copy = self._literals = 0
        self._pointer = self._way_back = min(self._made, self._old_size)
        # A decoder that begins here knows nothing of the bytes before.
        self._out[_OUT_BYTES - 2] = self._out[_OUT_BYTES - 1] = 0
        self._moved = False
        self._model.restart(self._bits)

    def _body(self) -> None:
        """Make the steps that the input suffices for, and move the rest of it to the front."""
        inp, st, final = self._inp, self._model.st, not self._left
        self.waits = False
        if final:
            for i in range(self._held, self._held + _LOOK_AHEAD):
                inp[i] = 0
        elif self._held < _LOOK_AHEAD:
            return
        limit = self._held + _UNSENT_MAX if final else self._held - _LOOK_AHEAD
        st[model.LIMIT] = limit
        if not self._begun:
            self._begun = True
            st[0] = inp[0] << 24 | inp[1] << 16 | inp[2] << 8 | inp[3]
            st[model.AT] = 4
        try:
            while self._made < self._end and st[model.AT] <= limit:
                if self._made >= self.pause:
                    self.waits = True
                    break
                self._step()
        except model.ModelError as e:
            raise self._error(str(e))
        used = min(st[model.AT], self._held)
        if self._made == self._end:
            if self._left or used < self._held:
                raise self._error("segment goes on behind its output")
            self._head = True
        elif final and not self.waits:
            raise self._error("segment ends early")
        inp[: self._held - used] = inp[used : self._held]
        self._held -= used
        st[model.AT] -= used

    def _step(self) -> None:
        if self._copy:
            self._keep()
            return
        if self._literals:
            self._literal()
            return
        room = min(self._old_size - self._pointer, self._end - self._made)
        st = self._model.st
        if room >= model.STEP and st[model.SINCE] >= model.STEP and not st[model.TAIL]:
            self._run(room)
        else:
            self._follow(room)

    def _run(self, room: int) -> None:
        """A number of steps that are kept; one more than fit means all that there is room for."""
        count = self._model.number(model.RUN) * model.STEP
        if count >= room + model.STEP:
            raise self._error("%d bytes to keep, %d are there" % (count, room))
        self._copy = min(count, room)
        self._model.keep()

    def _keep(self) -> None:
        """Copy old bytes, straight to where they go out."""
        at = self._made % _OUT_BYTES
        some = min(self._copy, _OUT_BYTES - at)
        self._old_read(self._pointer, memoryview(self._out)[at : at + some])
        self._copy -= some
        self._pointer += some
        self._advance(some)

    def _follow(self, room: int) -> None:
        """Take old bytes, kept or substituted, until another event comes or a buffer ends."""
        place = self._window()
        at = self._made % _OUT_BYTES
        st = self._model.st
        st[model.OLD] = place
        st[model.OUT] = at
        most = min(room or 1, _OUT_BYTES - at, _OLD_BYTES - place)
        event = self._model.follow(self._old, self._out, most, room)
        taken = st[model.OUT] - at
        if taken > room:
            raise self._error("substitute behind the old image")
        self._pointer += taken
        if taken:
            self._advance(taken)
        if event:
            self._event(event)

    def _literal(self) -> None:
        at = self._made % _OUT_BYTES
        st = self._model.st
        st[model.OLD] = self._window()
        st[model.OUT] = at
        self._model.literals(self._old, self._out, min(self._literals, _OUT_BYTES - at))
        taken = st[model.OUT] - at
        self._literals -= taken
        self._advance(taken)

    def _event(self, kind: int) -> None:
        if kind != model.INSERT:
            self._move(kind)
            return
        count = self._model.number(model.LENGTH) + 1
        if count > self._end - self._made:
            raise self._error("%d bytes to insert" % count)
        self._literals = count
        self._model.st[model.LAST] = self._out[(self._made - 1) % _OUT_BYTES]
        self._model.st[model.SECOND] = self._out[(self._made - 2) % _OUT_BYTES]

    def _move(self, kind: int) -> None:
        """Go on elsewhere in the old image; an image byte comes between two moves, so that this ends."""
        if kind == model.MOVE:
            value = self._model.number(model.DISTANCE)
            target = self._pointer + (-1 - (value >> 1) if value & 1 else 1 + (value >> 1))
        else:
            value = self._model.number(model.WAY_BACK)
            target = self._way_back + (-1 - (value >> 1) if value & 1 else value >> 1)
        if self._moved or not 0 <= target <= self._old_size:
            raise self._error("move to %d of the old image" % target)
        if kind == model.BACK or not 0 < target - self._pointer <= _NEAR:
            self._way_back = self._pointer
        self._pointer = target
        self._moved = True

    def _window(self) -> int:
        """Where the byte at the pointer is in the buffer of old bytes, the one before it there too.

        What would lie outside of the old image is 0.
        """
        place = self._pointer - self._base
        if not 0 < place < _OLD_BYTES:
            self._base = self._pointer - 1
            start = 0 if self._pointer else 1
            some = min(_OLD_BYTES - start, self._old_size - self._base - start)
            if some:
                self._old_read(self._base + start, memoryview(self._old)[start : start + some])
            if start:
                self._old[0] = 0
            if start + some < _OLD_BYTES:
                self._old[start + some] = 0
            place = 1
        return place

    def _advance(self, count: int) -> None:
        """`count` bytes have been put into the output buffer: write it when it is full, or all is there."""
        self._made += count
        self._moved = False
        used = self._made % _OUT_BYTES
        if not used:
            self._out_write(memoryview(self._out))
        elif self._made == self._new_size:
            self._out_write(memoryview(self._out)[:used])
