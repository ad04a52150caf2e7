"""The radio: a Bumble link where virtual controllers meet, with what Bumble's own leaves out.

Differences from `bumble.link.LocalLink` and `bumble.controller.Controller`, each needed here:
packets are routed by the pair of addresses (two centrals may talk to one device, and a device may
come back under the address that an old link still names); a controller can vanish, and its peers
find out after the supervision timeout; a connection that nobody accepted fails (0x3E); scan
responses are sent to active scanners only and with their own data; a pending connection can be
cancelled; ACL packets may be as long as LE data length extension allows.
"""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
from typing import Any

from bumble import hci, ll
from bumble.controller import Connection, Controller
from bumble.core import PhysicalTransport
from bumble.link import LocalLink

from ophion.sim.encryption import EncryptingController
from ophion.sim.options import RadioOptions

_ACL_LENGTH = 251  # LE data length extension, Core 5.x Vol 6 Part B 4.5.10
_TIMED_OUT = hci.HCI_ErrorCode.CONNECTION_TIMEOUT_ERROR
_NOT_ESTABLISHED = hci.HCI_ErrorCode.CONNECTION_FAILED_TO_BE_ESTABLISHED_ERROR


@dataclasses.dataclass
class ScannableInd(ll.AdvInd):
    """ADV_IND or ADV_SCAN_IND together with the scan response that the advertiser would give."""

    scan_response: bytes = b""
    connectable: bool = True


class Ether(LocalLink):
    """Carries packets between controllers, and knows who has gone."""

    def __init__(self, options: RadioOptions) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._options = options
        self._timers: set[asyncio.TimerHandle] = set()

    def vanish(self, controller: Controller) -> None:
        """Take a controller away as if its power was cut: no goodbye, the peers time out."""
        if controller not in self.controllers:
            return
        self.remove_controller(controller)
        controller.le_legacy_advertiser.stop()
        for connection in list(controller.le_connections.values()):
            peer = self._end_of(connection.peer_address, connection.self_address)
            if peer is not None:
                self._later(self._lose, peer, _TIMED_OUT)
        controller.le_connections.clear()
        controller.set_packet_sink(None)

    def close(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()

    def send_acl_data(
        self,
        sender_controller: Controller,
        destination_address: hci.Address,
        transport: PhysicalTransport,
        data: bytes,
    ) -> None:
        sender = sender_controller.le_connections.get(destination_address)
        if sender is None:
            return
        receiver = self._end_of(destination_address, sender.self_address)
        if receiver is None:
            return
        loop = asyncio.get_running_loop()
        arrive = receiver.controller.on_link_acl_data
        if self._options.latency:
            loop.call_later(self._options.latency, arrive, receiver.peer_address, PhysicalTransport.LE, data)
        else:
            loop.call_soon(arrive, receiver.peer_address, PhysicalTransport.LE, data)

    def send_ll_control_pdu(
        self, sender_address: hci.Address, receiver_address: hci.Address, packet: ll.ControlPdu
    ) -> None:
        receiver = self._end_of(receiver_address, sender_address)
        if receiver is not None:
            asyncio.get_running_loop().call_soon(
                receiver.controller.on_ll_control_pdu, sender_address, packet
            )

    def send_advertising_pdu(self, sender_controller: Controller, packet: ll.AdvertisingPdu) -> None:
        super().send_advertising_pdu(sender_controller, packet)
        if isinstance(packet, ll.ConnectInd):
            self._later(self._check_established, sender_controller, packet)

    def _check_established(self, central: Controller, packet: ll.ConnectInd) -> None:
        connection = central.le_connections.get(packet.advertiser_address)
        if connection is None:
            return
        if self._end_of(packet.advertiser_address, packet.initiator_address) is None:
            self._lose(connection, _NOT_ESTABLISHED)

    def _end_of(self, own: hci.Address, peer: hci.Address) -> Connection | None:
        """The end of a link at the controller that calls itself `own` and its peer `peer`."""
        for controller in self.controllers:
            connection = controller.le_connections.get(peer)
            if connection is not None and connection.self_address == own:
                return connection
        return None

    def _lose(self, connection: Connection, reason: int) -> None:
        controller = connection.controller
        if controller.le_connections.get(connection.peer_address) is connection:
            controller.on_le_disconnected(connection, reason)

    def _later(self, action: Any, *arguments: Any) -> None:
        def run() -> None:
            self._timers.discard(timer)
            action(*arguments)

        loop = asyncio.get_running_loop()
        timer = loop.call_later(self._options.supervision_timeout, run)
        self._timers.add(timer)


class RadioController(EncryptingController):
    """A virtual controller, for the device and for centrals alike."""

    le_acl_data_packet_length = _ACL_LENGTH
    acl_data_packet_length = _ACL_LENGTH
    connectable = True  # False: advertise as ADV_SCAN_IND

    def allocate_connection_handle(self) -> int:
        """Handles start at 0, as the ESP32's controller gives them."""
        used = {connection.handle for connection in self.le_connections.values()}
        return next(handle for handle in itertools.count() if handle not in used)

    def send_advertising_pdu(self, packet: ll.AdvertisingPdu) -> None:
        if isinstance(packet, ll.AdvInd):
            packet = ScannableInd(
                packet.advertiser_address,
                packet.data,
                scan_response=self.le_legacy_advertiser.scan_response_data,
                connectable=self.connectable,
            )
        super().send_advertising_pdu(packet)

    def on_advertising_pdu(self, pdu: ll.AdvInd | ll.AdvExtInd) -> None:
        if isinstance(pdu, ScannableInd):
            if self.le_scan_enable:
                self._report(pdu)
            peer, wanted = pdu.advertiser_address, self.pending_le_connection
            free = pdu.connectable and peer not in self.le_connections
            if free and wanted and wanted.peer_address == peer:
                self.create_le_connection(peer)
        else:
            super().on_advertising_pdu(pdu)

    def _report(self, pdu: ScannableInd) -> None:
        event = hci.HCI_LE_Advertising_Report_Event
        first = event.EventType.ADV_IND if pdu.connectable else event.EventType.ADV_SCAN_IND
        reports = [(first, pdu.data)]
        if self.le_scan_type == hci.HCI_LE_Set_Scan_Parameters_Command.ACTIVE_SCANNING:
            reports.append((event.EventType.SCAN_RSP, pdu.scan_response))
        for event_type, data in reports:
            report = event.Report(
                event_type=event_type,
                address_type=pdu.advertiser_address.address_type,
                address=pdu.advertiser_address,
                data=data,
                rssi=-50,
            )
            self.send_hci_packet(event([report]))

    def on_hci_le_set_advertising_parameters_command(
        self, command: hci.HCI_LE_Set_Advertising_Parameters_Command
    ) -> hci.HCI_StatusReturnParameters:
        """The interval comes in slots of 0.625 ms; Bumble's timer takes it as milliseconds."""
        result = super().on_hci_le_set_advertising_parameters_command(command)
        self.le_legacy_advertiser.advertising_interval_min = command.advertising_interval_min * 5 // 8
        return result

    def on_hci_le_create_connection_cancel_command(
        self, command: hci.HCI_LE_Create_Connection_Cancel_Command
    ) -> hci.HCI_StatusReturnParameters:
        """Core 5.x Vol 4 Part E 7.8.13: the pending connection ends with Unknown Connection (0x02)."""
        pending = self.pending_le_connection
        if pending is None:
            return hci.HCI_StatusReturnParameters(hci.HCI_ErrorCode.COMMAND_DISALLOWED_ERROR)
        self.pending_le_connection = None
        self.send_hci_packet(
            hci.HCI_LE_Connection_Complete_Event(
                status=hci.HCI_ErrorCode.UNKNOWN_CONNECTION_IDENTIFIER_ERROR,
                connection_handle=0,
                role=hci.Role.CENTRAL,
                peer_address_type=pending.peer_address.address_type,
                peer_address=pending.peer_address,
                connection_interval=0,
                peripheral_latency=0,
                supervision_timeout=0,
                central_clock_accuracy=0,
            )
        )
        return hci.HCI_StatusReturnParameters(hci.HCI_ErrorCode.SUCCESS)
