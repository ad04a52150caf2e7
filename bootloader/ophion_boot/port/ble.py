"""SMP over BLE through MicroPython's `bluetooth` API, as ESP32 has it.

One service with one characteristic: requests come by write without response, responses go out as
notifications, both cut into pieces of at most MTU - 3 bytes (Zephyr, "SMP over Bluetooth").

What the ESP32 port asks for (ports/esp32 and extmod/modbluetooth.c): the handler reads the value at
once, because the next write replaces it; it must not raise, or it is switched off for good; it
does no flash work, because the host stack waits for it. The characteristic's buffer is 20 bytes
unless set, and longer writes are cut without an error. A notification may find no buffer (ENOMEM), or
the stack busy.
"""

import errno
import struct
import time

import bluetooth

from ophion_boot.compat import const
from ophion_boot.core.inbox import Inbox
from ophion_boot.core.smp_session import Session

_IRQ_CENTRAL_CONNECT = const(1)
_IRQ_CENTRAL_DISCONNECT = const(2)
_IRQ_GATTS_WRITE = const(3)
_IRQ_MTU_EXCHANGED = const(21)

_SERVICE = "8D53DC1D-1DB7-4CD3-868B-8A527460AA84"
_CHARACTERISTIC = "DA2E7828-FBCE-4E01-AE9E-261174997C48"
_ATT_OVERHEAD = const(3)
# An attribute value has at most 512 bytes (Core specification, Vol 3 Part F, 3.2.9). A larger MTU
# would invite writes of 514, which NimBLE cuts to the buffer without telling anyone.
_VALUE_MAX = const(512)
_MTU = const(515)
_ADVERTISE_US = const(100_000)
_SILENCE_MS = const(2000)
_RESET_DELAY_MS = const(300)
# What a notification fails with that may work in a moment; the last one is EBUSY.
_LATER = (errno.ENOMEM, errno.EAGAIN, 16)
# Stands in the characteristic while nobody is connected: services that were registered anew do not have it.
_MARK = b"ophion"

_AD_FLAGS = const(1)
_AD_UUID128 = const(7)
_AD_NAME = const(9)
_AD_SHORT_NAME = const(8)


def _field(kind: int, data: bytes) -> bytes:
    return struct.pack("BB", len(data) + 1, kind) + data


def advertising(name: str, uuid: bluetooth.UUID) -> tuple[bytes, bytes]:
    """(advertising data, scan response), at most 31 bytes each: the service there, the name here."""
    text = name.encode()
    name_field = _field(_AD_NAME, text) if len(text) <= 29 else _field(_AD_SHORT_NAME, text[:29])
    return _field(_AD_FLAGS, b"\x06") + _field(_AD_UUID128, bytes(uuid)), name_field  # type: ignore[call-overload]


class BleServer:
    """Serves `session` on `ble` (a bluetooth.BLE); `inbox` holds requests until `poll` answers them.

    `restart(boot_mode)` is called some time after the answer to a reset request has gone out.
    `notify` (optional) is called from the handler when there is something for `poll` to do. With `pairing`
    (port/pairing.py) nobody writes who has not paired.
    """

    def __init__(  # type: ignore[no-untyped-def]
        self, ble, name: str, inbox: Inbox, session: Session, restart, notify=None, pairing=None
    ) -> None:
        self._ble = ble
        self._name = name
        self._inbox = inbox
        self._session = session
        self._restart = restart
        self._notify = notify
        self._pairing = pairing
        self._connection = -1
        self._strangers: list[int] = []
        self._mtu = 23
        self._last_ms = 0
        self._advertise = False
        self._out: bytes | memoryview = b""
        self._out_at = 0
        self._reset_at: int | None = None
        self._reset_mode = 0
        self._handle = -1
        self._irq_method = self._irq
        self._marked = True
        self.connections = 0

    def start(self) -> None:
        """Switch the radio on, register the service and advertise."""
        ble = self._ble
        flags = bluetooth.FLAG_WRITE_NO_RESPONSE | bluetooth.FLAG_NOTIFY
        if self._pairing:
            ble.irq(self._irq_method)  # switching on asks for the device's identity key already
            flags |= self._pairing.flags
        ble.active(True)
        ble.config(gap_name=self._name, mtu=_MTU)
        if self._pairing:
            self._pairing.configure(ble)
        uuid = bluetooth.UUID(_SERVICE)
        service = (uuid, ((bluetooth.UUID(_CHARACTERISTIC), flags),))
        ((self._handle,),) = ble.gatts_register_services((service,))
        ble.gatts_set_buffer(self._handle, _VALUE_MAX)
        ble.gatts_write(self._handle, _MARK)
        self._adv, self._scan = advertising(self._name, uuid)
        ble.irq(self._irq_method)
        self._start_advertising()

    def stop(self) -> None:
        """Switch the radio off: whoever comes next owns it."""
        self._ble.irq(None)
        self._ble.active(False)
        self._session.closed(self._connection)
        self._connection = -1

    def connected(self) -> bool:
        """True while a central is connected."""
        return self._connection >= 0

    def reachable(self) -> bool:
        """True when a central can find the service or uses it."""
        return self._handle >= 0 and (self.connected() or not self._advertise)

    def present(self) -> bool:
        """False when the radio is off or has other services now; not asked while a central is connected."""
        try:
            return self.connected() or self._ble.gatts_read(self._handle) == _MARK
        except OSError:
            return False

    def rename(self, name: str) -> None:
        """Advertise as `name` from now on; who is connected stays."""
        self._name = name
        self._ble.config(gap_name=name)
        self._adv, self._scan = advertising(name, bluetooth.UUID(_SERVICE))
        self._advertise = not self.connected()

    def renew(self) -> None:
        """Take the radio's handler back and advertise anew, whatever the application did with them."""
        if self.present() and not self.connected():
            self._ble.irq(self._irq_method)
            self._start_advertising()

    def request_reset(self, boot_mode: int) -> None:
        """Reset soon, when the answer is out (a client waits for it)."""
        self._reset_mode = boot_mode
        self._reset_at = time.ticks_add(time.ticks_ms(), _RESET_DELAY_MS)  # type: ignore[assignment]

    def busy(self) -> bool:
        """True when `poll` has something to wait for that no event announces."""
        inbox = self._inbox
        waiting = inbox.waiting() or inbox.partial()
        return waiting or bool(self._out) or self._reset_at is not None or self._advertise

    def poll(self) -> None:
        """Do what is due: answer one request, go on sending, advertise, reset. Never blocks."""
        while self._strangers:
            self._hang_up(self._strangers.pop())
        if self._advertise:
            self._start_advertising()
        if self._pairing:
            self._pairing.poll(self._ble)
        if self._out:
            self._send()
        else:
            self._answer()
            self._expel()
        now = time.ticks_ms()
        if self._inbox.partial() and time.ticks_diff(now, self._last_ms) > _SILENCE_MS:
            self._inbox.reset_partial()
        if self._reset_at is not None and not self._out and time.ticks_diff(now, self._reset_at) >= 0:
            self._restart(self._reset_mode)

    def _answer(self) -> None:
        request = self._inbox.take()
        if request is None:
            if not self._inbox.partial():
                self._session.idle()
            return
        central = self._inbox.tag()
        response = None
        try:
            # Handles are used again: what one central asked is not done, nor told, in the name of the next.
            if central == self.connections:
                response = self._session.handle(request, self._connection)
        finally:
            if response != b"":  # else it is handed in once more
                self._inbox.release()
        if response and self.connected() and central == self.connections:
            self._out = response
            self._out_at = 0
            self._send()

    def _expel(self) -> None:
        """Hang up on a central that is not welcome any more; its last answer is out."""
        if self.connected() and not self._out and self._session.unwelcome(self._connection):
            self._hang_up(self._connection)

    def _send(self) -> None:
        step = self._mtu - _ATT_OVERHEAD
        while self._out and self.connected():
            piece = self._out
            if len(piece) > step:
                piece = memoryview(piece)[self._out_at : self._out_at + step]
            try:
                self._ble.gatts_notify(self._connection, self._handle, piece)
            except OSError as e:
                if e.errno in _LATER:
                    return
                break
            self._out_at += len(piece)
            if self._out_at >= len(self._out):
                break
        self._out = b""

    def _hang_up(self, connection: int) -> None:
        try:
            self._ble.gap_disconnect(connection)
        except OSError:
            pass  # it has gone by itself

    def _start_advertising(self) -> None:
        self._advertise = False
        try:
            self._ble.gap_advertise(_ADVERTISE_US, adv_data=self._adv, resp_data=self._scan)
        except OSError:
            self._advertise = True

    def _irq(self, event: int, data: tuple):  # type: ignore[no-untyped-def]
        answer = None
        try:
            if self._pairing:
                answer = self._pairing.event(self._ble, event, data)
            self._on_event(event, data)
        except Exception:
            self._inbox.dropped += 1
        if self._notify:
            self._notify()
        return answer

    def _on_event(self, event: int, data: tuple) -> None:
        if event == _IRQ_GATTS_WRITE:
            connection, handle = data
            if handle == self._handle and connection == self._connection:
                self._last_ms = time.ticks_ms()  # type: ignore[assignment]
                self._inbox.put(self._ble.gatts_read(handle), self.connections)
        elif event == _IRQ_CENTRAL_CONNECT and self.connected():
            # The application advertises, too. One central at a time: who came first keeps the service.
            self._strangers.append(data[0])
        elif event == _IRQ_CENTRAL_CONNECT:
            self._connection = data[0]
            self.connections += 1
            self._marked = self._ble.gatts_read(self._handle) == _MARK
        elif event == _IRQ_CENTRAL_DISCONNECT:
            ours = data[0] == self._connection
            if ours:
                self._connection = -1
                self._mtu = 23
                self._inbox.reset_partial()
                self._out = b""
                self._advertise = True
            elif data[0] in self._strangers:
                self._strangers.remove(data[0])
            self._session.closed(data[0])
            if ours and self._marked:
                self._ble.gatts_write(self._handle, _MARK)
        elif event == _IRQ_MTU_EXCHANGED:
            # It may come before the connect event (IDF 5.4.2 on), so connecting does not reset it.
            if data[0] == self._connection or not self.connected():
                self._mtu = data[1]
