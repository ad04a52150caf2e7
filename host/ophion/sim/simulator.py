"""The simulated device as its user sees it: a directory, a power switch, a radio, a console."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from ophion.sim.centrals import CentralGate
from ophion.sim.console import Console
from ophion.sim.errors import SimError
from ophion.sim.ether import Ether
from ophion.sim.factory import Goods, bare, from_flash, from_layout
from ophion.sim.options import Cut, RadioOptions, Start
from ophion.sim.processor import REASONS, Processor, Surroundings
from ophion.sim.runtime import find_runtime
from ophion.sim.state import Board, StateDir
from ophion.sim.uart import Uart

if TYPE_CHECKING:
    from ophion.build.access import AccessPolicy

_CAUSES = {reason: cause for cause, reason in REASONS.items()}
_START_TIMEOUT_S = 20.0


class Simulator:
    """A device in a directory; `create` makes a new one, `open` takes one that is there.

    Use as `async with`, or with `start` and `stop`. Everything runs in the caller's event loop, but
    for MicroPython, which is a process of its own that ends at every reset and with this process.
    Times are in seconds. Raises SimError.
    """

    def __init__(
        self,
        state: StateDir,
        board: Board,
        *,
        micropython: str | None,
        radio: RadioOptions | None,
        heap: str,
        pins: Mapping[int, int] | None,
    ) -> None:
        self._state = state
        self._board = board
        self._micropython = micropython
        self._radio = radio or RadioOptions()
        self._heap = heap
        self._pins = dict(pins or {})
        self._ether: Ether | None = None
        self._gate: CentralGate | None = None
        self._console: Console | None = None
        self._uart: Uart | None = None
        self._processor: Processor | None = None
        self.transport = ""

    # Making and opening

    @classmethod
    async def create(
        cls,
        directory: str | Path,
        *,
        layout: Path | None = None,
        name: str = "ophion-sim",
        image: bytes | None = None,
        golden: bytes | None = None,
        keys: Sequence[bytes] = (),
        roots: bytes = b"",
        enc_keys: Sequence[tuple[bytes, int, bytes]] = (),
        access: AccessPolicy | None = None,
        files: Mapping[str, bytes] | None = None,
        runtime: Sequence[int] = (1, 0, 0, 0),
        flash_size: int = 1 << 20,
        micropython: str | None = None,
        radio: RadioOptions | None = None,
        heap: str = "4M",
        pins: Mapping[int, int] | None = None,
        udp: str = "",
        serial: str = "",
        flash: bytes = b"",
        table_at: int = 0x8000,
    ) -> Simulator:
        """Make a new device: erased flash, with `image` in the primary area.

        Or, with `flash` (what it holds from address 0 on, of `flash_size` bytes), an ESP32 that runs
        MicroPython's own build by the partition table at `table_at` in it; `name` is then for this
        simulator alone.

        A board with an area `golden` gets its factory image there: `golden`, or else `image`.

        `layout` is a board's layout.toml, from which and from `keys` (public keys) and `roots` (a chain file
        with a root set) the frozen `ophion_layout.py` is made; bootloader and firmware library are frozen
        with it. Without it, only the stand-ins for the chip are. `files` ({name: content}) are added to
        either, and win. A board whose runtime is a component of its own gets all that as an image in its
        first app partition, called version `runtime`. `enc_keys` are private keys for encrypted images
        (`ophion.keys.DeviceKey.entry`), which any board of the simulator may have. `access` takes the place
        of the layout's. `udp` ("HOST:PORT") and `serial` ("raw" or "console") are roads that it has besides
        Bluetooth.
        """
        goods = Goods(
            name,
            image,
            golden,
            keys,
            roots,
            enc_keys,
            files or {},
            runtime,
            access,
            udp,
            serial,
            flash,
            table_at,
        )
        if flash:
            made = from_flash(goods, flash_size)
        else:
            made = from_layout(goods, layout) if layout else bare(goods, flash_size)
        board, content, frozen = made
        StateDir(Path(directory)).make(board, content, frozen)
        return cls.open(directory, micropython=micropython, radio=radio, heap=heap, pins=pins)

    @classmethod
    def open(
        cls,
        directory: str | Path,
        *,
        micropython: str | None = None,
        radio: RadioOptions | None = None,
        heap: str = "4M",
        pins: Mapping[int, int] | None = None,
    ) -> Simulator:
        """Take the device in `directory`; SimError when there is none.

        micropython: a program, instead of $OPHION_MICROPYTHON or the PyPI package; heap: size of
        MicroPython's, as its -X heapsize= takes it; pins: levels that machine.Pin(n).value() reads.
        """
        state = StateDir(Path(directory).absolute())
        return cls(state, state.board(), micropython=micropython, radio=radio, heap=heap, pins=pins)

    # Running

    async def start(self, cut: Cut | None = None) -> None:
        """Open the radio and switch the power on; returns when MicroPython runs."""
        if self._gate is not None:
            raise SimError(f"{self._state.path} is already running", "stop it first")
        runtime = find_runtime(self._micropython)
        self._state.board()
        self._state.lock()
        try:
            self._console = Console(self._state.console)
            self._uart = Uart(self._state.uart)
            self._ether = Ether(self._radio)
            self._gate = CentralGate(self._ether)
            self._processor = Processor(
                Surroundings(
                    state=self._state,
                    board=self._board,
                    runtime=runtime,
                    heap=self._heap,
                    pins=self._pins,
                    radio=self._radio,
                    ether=self._ether,
                    console=self._console,
                    uart=self._uart.chip,
                )
            )
            self.transport = await self._gate.open()
            self._state.announce(self.transport)
            await self._processor.power_on(cut)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Power off, close the radio, give the directory free. Safe to call at any time."""
        if self._processor is not None:
            await self._processor.power_off()
        if self._gate is not None:
            await self._gate.close()
            self._gate = None
            self._state.withdraw()
        if self._ether is not None:
            self._ether.close()
            self._ether = None
        if self._console is not None:
            self._console.close()
        if self._uart is not None:
            self._uart.close()
            self._uart = None
        self._state.unlock()

    async def serve(self) -> None:
        """Start, and run until cancelled (asyncio.run cancels at Ctrl-C)."""
        async with self:
            await asyncio.Event().wait()

    async def __aenter__(self) -> Simulator:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    # Power and resets

    async def power_cut(self) -> None:
        """Take the power away, now."""
        await self._running().power_off()

    async def power_on(
        self, cut_at_op: int | None = None, *, cut_shape: str = "torn", cut_seed: int = 0
    ) -> None:
        """Switch on, RTC memory lost; `cut_at_op` ends power at that flash operation (see Cut)."""
        processor = self._started()
        if processor.powered:
            raise SimError("the power is on")
        await processor.power_on(None if cut_at_op is None else Cut(cut_at_op, cut_shape, cut_seed))

    async def reset(self, kind: str = "hard") -> None:
        """Reset from outside: "hard", "watchdog", "soft" or "power-on"; returns when it runs again."""
        processor = self._running()
        if kind not in _CAUSES:
            raise SimError(f"no reset is called {kind!r}", f"one of {', '.join(_CAUSES)}")
        before = processor.up
        processor.reset(_CAUSES[kind])
        await processor.until(lambda: processor.up > before, _START_TIMEOUT_S, "did not start again")

    async def wait_resets(self, count: int, timeout: float = 10.0) -> None:
        """Wait until the device has started `count` times (the first power-on counts)."""
        await self._wait(lambda p: p.up >= count, timeout, f"did not start {count} times")

    async def wait_off(self, timeout: float = 10.0) -> None:
        """Wait until the power is off: after a cut that was asked for."""
        await self._wait(lambda p: not p.powered, timeout, "kept its power")

    async def wait_halted(self, timeout: float = 10.0) -> None:
        """Wait until the device's program has ended and it idles in the REPL."""
        await self._wait(lambda p: p.halted, timeout, "did not end its program")

    # What can be seen from outside

    @property
    def directory(self) -> Path:
        """Where the device keeps its state."""
        return self._state.path

    @property
    def name(self) -> str:
        """What it was called when it was made; it may call itself something else in the air."""
        return self._board.name

    @property
    def address(self) -> str:
        """The radio address, as printed on a label."""
        return self._board.address

    @property
    def port(self) -> str:
        """Path of the serial port at the other end of the device's UART 1, while it runs."""
        return self._uart.port if self._uart else ""

    @property
    def powered(self) -> bool:
        """Whether the power is on."""
        return self._processor is not None and self._processor.powered

    @property
    def halted(self) -> bool:
        """The program has ended; the device idles in the REPL."""
        return self._processor is not None and self._processor.halted

    @property
    def resets(self) -> list[Start]:
        """Every start of the processor since `start`, the first power-on included."""
        return list(self._processor.starts) if self._processor else []

    @property
    def cut_op(self) -> int | None:
        """The flash operation that the last cut ended, None if power was never cut in one."""
        return self._processor.cut_op if self._processor else None

    def driven(self, pin: int) -> list[int]:
        """The levels that the device has driven `pin` to, one after the other, since `start`."""
        return list(self._processor.driven.get(pin, [])) if self._processor else []

    @property
    def dropped_packets(self) -> int:
        """ACL packets that the device's host lost since its radio was switched on."""
        return self._processor.dropped if self._processor else 0

    @property
    def console(self) -> list[str]:
        """All lines that the device printed since `start`; lines of the simulator begin with [sim]."""
        return self._console.lines if self._console else []

    async def wait_console(self, text: str, timeout: float = 10.0) -> str:
        """The next complete line with `text` in it, reading on from the last one found."""
        if self._console is None:
            raise SimError("the simulator is not started")
        return await self._console.wait(text, timeout)

    def flash(self) -> bytes:
        """The flash as it is."""
        return self._state.flash.read_bytes()

    # Helpers

    def _started(self) -> Processor:
        if self._processor is None or self._gate is None:
            raise SimError("the simulator is not started")
        return self._processor

    def _running(self) -> Processor:
        processor = self._started()
        if not processor.powered:
            raise SimError("the power is off")
        return processor

    async def _wait(self, condition: Callable[[Processor], bool], timeout: float, what: str) -> None:
        processor = self._started()
        await processor.until(lambda: condition(processor), timeout, what)
