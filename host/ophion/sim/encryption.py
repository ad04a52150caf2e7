"""Encryption of a simulated link: both hosts have to name one key, as with real controllers.

Bumble's controller takes every link for encrypted that a central calls so, without asking the other host.
Here the peripheral's host is asked for the key (Core 5.x Vol 6 Part B 5.1.3): none ends the central's request
(PIN or key missing, 0x06), another one ends the link (MIC failure, 0x3D). What is sent is not encrypted.
"""

from __future__ import annotations

import dataclasses

from bumble import hci, ll
from bumble.controller import Connection, Controller

_MISSING = hci.HCI_ErrorCode.PIN_OR_KEY_MISSING_ERROR
_MIC_FAILURE = hci.HCI_ErrorCode.CONNECTION_TERMINATED_DUE_TO_MIC_FAILURE_ERROR
_Answer = hci.HCI_StatusAndConnectionHandleReturnParameters


@dataclasses.dataclass
class EncryptionAnswer(ll.ControlPdu):
    """LL_START_ENC_REQ when `status` is 0, else LL_REJECT_IND with that error."""

    status: int


class EncryptingController(Controller):
    """A controller whose links are encrypted when both hosts give the same long term key."""

    def on_ll_control_pdu(self, sender_address: hci.Address, packet: ll.ControlPdu) -> None:
        connection = self.le_connections.get(sender_address)
        if connection is not None and isinstance(packet, ll.EncReq):
            self._offered()[connection.handle] = packet.ltk
            self.send_hci_packet(
                hci.HCI_LE_Long_Term_Key_Request_Event(connection.handle, packet.rand, packet.ediv)
            )
        elif connection is not None and isinstance(packet, EncryptionAnswer):
            self._tell(connection, packet.status)
        else:
            super().on_ll_control_pdu(sender_address, packet)

    def on_hci_le_enable_encryption_command(self, command: hci.HCI_LE_Enable_Encryption_Command) -> None:
        """Core 5.x Vol 4 Part E 7.8.24."""
        connection = self.find_le_connection_by_handle(command.connection_handle)
        if connection is None:
            unknown = hci.HCI_ErrorCode.UNKNOWN_CONNECTION_IDENTIFIER_ERROR
            self._send_hci_command_status(unknown, command.op_code)
        else:
            self._send_hci_command_status(hci.HCI_COMMAND_STATUS_PENDING, command.op_code)
            connection.send_ll_control_pdu(
                ll.EncReq(command.random_number, command.encrypted_diversifier, command.long_term_key)
            )

    def on_hci_le_long_term_key_request_reply_command(
        self, command: hci.HCI_LE_Long_Term_Key_Request_Reply_Command
    ) -> _Answer:
        """Core 5.x Vol 4 Part E 7.8.25."""
        return self._reply(command.connection_handle, command.long_term_key)

    def on_hci_le_long_term_key_request_negative_reply_command(
        self, command: hci.HCI_LE_Long_Term_Key_Request_Negative_Reply_Command
    ) -> _Answer:
        """Core 5.x Vol 4 Part E 7.8.26."""
        return self._reply(command.connection_handle, None)

    def _reply(self, handle: int, key: bytes | None) -> _Answer:
        connection = self.find_le_connection_by_handle(handle)
        offered = self._offered().pop(handle, None)
        if connection is None or offered is None:
            return _Answer(hci.HCI_ErrorCode.COMMAND_DISALLOWED_ERROR, handle)
        if key is None:
            connection.send_ll_control_pdu(EncryptionAnswer(_MISSING))
        elif key != offered:
            connection.send_ll_control_pdu(ll.TerminateInd(_MIC_FAILURE))
            self.on_le_disconnected(connection, _MIC_FAILURE)
        else:
            connection.send_ll_control_pdu(EncryptionAnswer(0))
            self._tell(connection, 0)
        return _Answer(hci.HCI_ErrorCode.SUCCESS, handle)

    def _tell(self, connection: Connection, status: int) -> None:
        enabled = hci.HCI_Encryption_Change_Event.Enabled
        self.send_hci_packet(
            hci.HCI_Encryption_Change_Event(
                status=status,
                connection_handle=connection.handle,
                encryption_enabled=enabled.OFF if status else enabled.E0_OR_AES_CCM,
            )
        )

    def _offered(self) -> dict[int, bytes]:
        """Keys of centrals that wait for an answer, by connection handle."""
        found: dict[int, bytes] = self.__dict__.setdefault("_offered_keys", {})
        return found
