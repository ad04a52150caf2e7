"""The simulated chip's processor and what resets it: one MicroPython process after another.

What a chip keeps over a reset is kept here: RTC memory (all resets but power-on) and the watchdog
(soft resets only, as the ESP32's task watchdog).
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import struct
import time
from collections.abc import Callable, Mapping
from typing import Any

from ophion.sim.child import Child
from ophion.sim.console import Console
from ophion.sim.device import ophion_messages as m
from ophion.sim.errors import SimError
from ophion.sim.ether import Ether
from ophion.sim.options import Cut, RadioOptions, Start
from ophion.sim.peripheral import Peripheral
from ophion.sim.state import Board, StateDir
from ophion.sim.watchdog import Watchdog

REASONS = {
    m.POWER_ON: "power-on",
    m.HARD: "hard",
    m.WATCHDOG: "watchdog",
    m.DEEP_SLEEP: "deep-sleep",
    m.SOFT: "soft",
}
_START_TIMEOUT_S = 20.0
_QUICK_CRASH_S = 1.0
_BACKOFF_S = (0.05, 5.0)  # first and longest pause before a crashed runtime is started again
_TAIL_LINES = 8
_YEAR_2000_US = 946_684_800_000_000

Order = tuple[int, str, float] | None  # cause, reason, delay in seconds; None: power off


@dataclasses.dataclass(frozen=True)
class Surroundings:
    """What a processor runs with."""

    state: StateDir
    board: Board
    runtime: str
    heap: str
    pins: Mapping[int, int]
    radio: RadioOptions
    ether: Ether
    console: Console
    uart: int
    """The chip's end of its UART, an open file."""


class Processor:
    """Runs from `power_on` to `power_off`, or until a cut or a deep sleep without an alarm ends it."""

    def __init__(self, surroundings: Surroundings) -> None:
        self.starts: list[Start] = []
        self.up = 0  # starts that MicroPython reported
        self.halted = False
        self.cut_op: int | None = None
        self.driven: dict[int, list[int]] = {}
        self._with = surroundings
        self._rtc = b""
        self._clock_ahead_us = 0
        self._watchdog = Watchdog(lambda: self.reset(m.WATCHDOG))
        self._peripheral: Peripheral | None = None
        self._life: asyncio.Task[None] | None = None
        self._order: asyncio.Future[Order] | None = None
        self._switched_off = False
        self._crashes = 0
        self._changed = asyncio.Event()

    @property
    def powered(self) -> bool:
        return self._life is not None and not self._life.done()

    @property
    def dropped(self) -> int:
        """ACL packets that the host lost since the radio was switched on."""
        return self._peripheral.dropped if self._peripheral else 0

    async def power_on(self, cut: Cut | None) -> None:
        """Returns when MicroPython runs; SimError when it does not."""
        before = self.up
        self._rtc = b""
        self._crashes = 0
        self._switched_off = False
        life = asyncio.get_running_loop().create_task(self._live(cut))
        life.add_done_callback(lambda _: self._changed.set())
        self._life = life
        await self.until(
            lambda: self.up > before or life.done() or self._crashes > 0, _START_TIMEOUT_S, "did not start"
        )
        if self.up == before:
            await self.power_off()
            raise SimError(f"MicroPython does not start ({self._with.runtime})", self._tail())

    async def power_off(self) -> None:
        """At once, whatever runs."""
        life, self._life = self._life, None
        if life is None:
            return
        self._switched_off = True
        self._give(None)
        if self._order is None:  # between two processes: pausing after a crash, or in deep sleep
            life.cancel()
        await asyncio.gather(life, return_exceptions=True)

    def reset(self, cause: int, delay: float = 0.0) -> None:
        """End the process and start another with this cause, `delay` seconds later."""
        if cause == m.DEEP_SLEEP and not delay:
            self._give(None)  # no wake-up source: off until somebody switches it on
        else:
            self._give((cause, REASONS[cause], delay))

    async def until(self, condition: Callable[[], bool], timeout: float, what: str) -> None:
        """Wait for `condition`; SimError "the device <what> within ..." if it stays false."""

        async def watch() -> None:
            while not condition():
                self._changed.clear()
                await self._changed.wait()

        try:
            await asyncio.wait_for(watch(), timeout)
        except asyncio.TimeoutError:
            raise SimError(f"the device {what} within {timeout:g} s", self._tail()) from None

    async def _live(self, cut: Cut | None) -> None:
        order: Order = (m.POWER_ON, REASONS[m.POWER_ON], 0.0)
        try:
            while order is not None and not self._switched_off:
                cause, reason, delay = order
                await asyncio.sleep(delay)
                order = await self._run(cause, reason, cut)
                cut = None
        finally:
            self._watchdog.disarm()

    async def _run(self, cause: int, reason: str, cut: Cut | None) -> Order:
        """One process of MicroPython, from its start to what ends it."""
        w = self._with
        loop = asyncio.get_running_loop()
        self._prepare(cause, reason)
        order: asyncio.Future[Order] = loop.create_future()
        self._order = order
        child = await Child.start(
            w.runtime,
            ["-X", f"heapsize={w.heap}", str(w.state.frozen / "start.py")],
            json.dumps(self._config(cause, cut)),
            self._on_message,
            w.console.feed,
            (w.uart,),
        )
        self._peripheral = Peripheral(w.ether, w.board, w.radio, child.send)
        started = loop.time()
        try:
            ends: set[asyncio.Future[Any]] = {child.exited, order}
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            child.kill()
            await child.ended()
            given = order.result() if order.done() else None
            await self._peripheral.shut_down(politely=given is not None and given[0] == m.SOFT)
            self._peripheral = None
            self._order = None
        if order.done():
            self._crashes = 0
            return given
        return self._after_crash(child.describe_exit(), loop.time() - started)

    def _prepare(self, cause: int, reason: str) -> None:
        if cause != m.SOFT:
            self._watchdog.disarm()
        if cause == m.POWER_ON:
            self._rtc = b""
            self._clock_ahead_us = _YEAR_2000_US - time.time_ns() // 1000
        self.halted = False
        self._note(reason if cause == m.POWER_ON else f"{reason} reset")
        self.starts.append(Start(cause, reason))

    def _after_crash(self, how: str, uptime: float) -> Order:
        """The interpreter died: on the chip that is a panic, which resets it (cause HARD_RESET)."""
        self._crashes = self._crashes + 1 if uptime < _QUICK_CRASH_S else 1
        first, longest = _BACKOFF_S
        delay = min(first * 2 ** (self._crashes - 1), longest)
        self._note(f"the runtime crashed ({how}); next start in {delay:g} s")
        self._changed.set()
        return m.HARD, "crash", delay

    def _config(self, cause: int, cut: Cut | None) -> dict[str, object]:
        board = self._with.board
        return {
            "name": board.name,
            "cause": cause,
            "flash": str(self._with.state.flash),
            "size": board.flash_size,
            "sector": board.sector,
            "write_size": board.write_size,
            "uid": board.uid.replace(":", ""),
            "address": board.address.replace(":", ""),
            "rtc": self._rtc.hex(),
            "clock": self._clock_ahead_us,
            "uart": self._with.uart,
            "partitions": board.partitions,
            "cut": [cut.at_op, cut.shape, cut.seed] if cut else None,
            "pins": {str(pin): level for pin, level in self._with.pins.items()},
        }

    def _on_message(self, kind: int, payload: bytes) -> None:
        if kind == m.STARTED:
            self.up += 1
        elif kind == m.HALTED:
            self.halted = True
        elif kind == m.RESET:
            cause, delay_ms = struct.unpack("<BI", payload)
            self.reset(cause, delay_ms / 1000)
        elif kind == m.CUT:
            self.cut_op = struct.unpack("<I", payload)[0]
            self._note(f"power cut at flash operation {self.cut_op}")
            self._give(None)
        elif kind == m.RTC:
            self._rtc = payload
        elif kind == m.CLOCK:
            self._clock_ahead_us = struct.unpack("<q", payload)[0]
        elif kind == m.WDT:
            self._watchdog.arm(struct.unpack("<I", payload)[0] / 1000)
        elif kind == m.PIN:
            pin, level = payload
            self.driven.setdefault(pin, []).append(level)
        elif kind == m.FEED:
            self._watchdog.feed()
        elif self._peripheral is not None:
            self._peripheral.handle(kind, payload)
        if kind in (m.STARTED, m.HALTED):
            self._changed.set()

    def _give(self, order: Order) -> None:
        if self._order is not None and not self._order.done():
            self._order.set_result(order)

    def _note(self, text: str) -> None:
        self._with.console.feed(f"[sim] {text}\n".encode())

    def _tail(self) -> str:
        lines = self._with.console.lines[-_TAIL_LINES:]
        return "it printed last:\n" + "\n".join(lines)
