"""Pairing over MicroPython's `bluetooth` API, for boards whose access is `paired` (SPEC.md 11.4).

What the API does (extmod/modbluetooth.c, modbluetooth_nimble.c): bonds are kept by Python, in the handler's
answers to GET_SECRET and SET_SECRET, which must come at once; a failed pairing is told as an encryption
update that says "not encrypted"; the passkey that a device shows is the application's choice. `le_secure`
only offers LE Secure Connections; a board build refuses everything else (CONFIG_BT_NIMBLE_SM_SC_ONLY).
"""

import time

from ophion_boot.compat import const
from ophion_boot.core.access import Access
from ophion_boot.core.bonds import Bonds

# modbluetooth.h; the module has no names for them.
_FLAG_WRITE_ENCRYPTED = const(0x1000)
_FLAG_WRITE_AUTHENTICATED = const(0x2000)
_IRQ_CENTRAL_CONNECT = const(1)
_IRQ_CENTRAL_DISCONNECT = const(2)
_IRQ_ENCRYPTION_UPDATE = const(28)
_IRQ_GET_SECRET = const(29)
_IRQ_SET_SECRET = const(30)
_IRQ_PASSKEY_ACTION = const(31)
_ACTION_DISPLAY = const(3)
_IO_DISPLAY = const(0)
_IO_NONE = const(3)

_PASSKEYS = const(999_999)
_FREE_TRIES = const(3)
_FIRST_MS, _MOST_MS = const(8000), const(64_000)


class Pairing:
    """`passkey` is the layout's: "none", "random" or a number; `random()` as Board.random."""

    def __init__(self, access: Access, bonds: Bonds, passkey, random) -> None:  # type: ignore[no-untyped-def]
        self._access = access
        self._bonds = bonds
        self._passkey = passkey
        self._random = random
        self._ask: int | None = None
        self._show: int | None = None
        self._failed = 0
        self._locked_at = 0
        self._busy = False
        self._links = 0
        self.flags = _FLAG_WRITE_ENCRYPTED
        if passkey != "none":
            self.flags |= _FLAG_WRITE_AUTHENTICATED

    def configure(self, ble) -> None:  # type: ignore[no-untyped-def]
        """Say how to pair; the radio is on, and nobody is connected."""
        self._links = 0
        shows = self._passkey != "none"
        ble.config(bond=True, mitm=shows, le_secure=True, io=_IO_DISPLAY if shows else _IO_NONE)

    def event(self, ble, event: int, data: tuple):  # type: ignore[no-untyped-def]
        """Take an event in the handler; returns what the handler has to return."""
        if event == _IRQ_GET_SECRET:
            kind, index, key = data
            return self._bonds.get(kind, index, None if key is None else bytes(key))
        if event == _IRQ_SET_SECRET:
            kind, key, value = data
            return self._bonds.set(kind, bytes(key), None if value is None else bytes(value))
        if event == _IRQ_PASSKEY_ACTION:
            connection, action, _ = data
            if action == _ACTION_DISPLAY:
                ble.gap_passkey(connection, action, self._choose())
        elif event == _IRQ_ENCRYPTION_UPDATE:
            connection, encrypted, authenticated, _, key_bytes = data
            # Which of two links a record is for is not told: then it is for none.
            if self._access.secured(connection, encrypted, authenticated, key_bytes) and self._links == 1:
                self._bonds.approve()
            self._count(encrypted)
        elif event == _IRQ_CENTRAL_CONNECT:
            self._ask = data[0]
            self._links += 1
            if self._links > 1:
                self._bonds.settle()
        elif event == _IRQ_CENTRAL_DISCONNECT:
            self._ask = None
            self._links -= 1
            self._count(not self._busy)
            self._bonds.settle()
        return None

    def poll(self, ble) -> None:  # type: ignore[no-untyped-def]
        """Outside the handler: ask the central to pair, show a passkey, write the bonds."""
        connection, self._ask = self._ask, None
        if connection is not None:
            try:
                ble.gap_pair(connection)
            except OSError:
                pass  # it has gone
        number, self._show = self._show, None
        if number is not None:
            print("ophion: passkey %06d" % number)
        self._bonds.save()

    def _choose(self) -> int:
        """The passkey of this pairing. After wrong ones it is, for a while, one that nobody is told."""
        self._busy = True
        number = self._random() % _PASSKEYS + 1
        if self._locked():
            return number
        if self._passkey != "random":
            return self._passkey
        self._show = number
        return number

    def _count(self, good: bool) -> None:
        """A pairing that asked for a passkey ended."""
        if not self._busy:
            return
        self._busy = False
        self._failed = 0 if good else self._failed + 1
        self._locked_at = time.ticks_ms()  # type: ignore[assignment]

    def _locked(self) -> bool:
        if self._failed < _FREE_TRIES:
            return False
        pause_ms = min(_MOST_MS, _FIRST_MS << min(self._failed - _FREE_TRIES, 8))
        return 0 <= time.ticks_diff(time.ticks_ms(), self._locked_at) < pause_ms
