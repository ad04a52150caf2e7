"""A chip's ROM on a line over TCP: what esptool asks of it for eFuses, with espefuse's virtual eFuses behind.

The protocol is esptool's (docs/en/advanced-topics/serial-protocol.rst): SLIP frames of direction, command,
length, value, data; an answer ends with a status. Only what espefuse needs is there. What ends the access
counts when the chip reads its eFuses: at its start, and when it is told to.
"""

import socket
import struct
import threading

END, ESCAPE = 0xC0, 0xDB
SYNC, WRITE_REG, READ_REG, SECURITY_INFO = 0x08, 0x09, 0x0A, 0x14
UNKNOWN = b"\x01\x05\0\0"
GOOD = b"\0\0\0\0"
MAGIC_AT, MAGIC = 0x40001000, 0x00F01D83  # how an ESP32 is told apart; later chips have an id
CHIP_IDS = {"esp32c3": 5}
UART_DIVIDER_AT, UART_DIVIDER = 0x3FF40014, 347  # of 40 MHz at 115200 baud


class Rom:
    """Serves `esp`, an emulated eFuse controller, on `port` (a URL for pyserial) until `stop`."""

    def __init__(self, chip, esp):
        self.chip, self.esp, self.other = chip, esp, {MAGIC_AT: MAGIC, UART_DIVIDER_AT: UART_DIVIDER}
        self.commands = 0
        self._read_efuses()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = f"socket://127.0.0.1:{self._listener.getsockname()[1]}"
        self._line = None
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def stop(self):
        for end in (self._listener, self._line):
            if end is not None and end.fileno() >= 0:
                end.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(30)
        assert not self._thread.is_alive()

    def _serve(self):
        while True:
            try:
                line, _ = self._listener.accept()
            except OSError:
                return
            with line:
                self._line = line
                try:
                    self._talk(line)
                except OSError:
                    pass

    def _talk(self, line):
        pending = b""
        while data := line.recv(4096):
            pending += data
            *frames, pending = pending.split(bytes([END]))
            for frame in filter(None, frames):
                for answer in self._answers(
                    frame.replace(b"\xdb\xdc", b"\xc0").replace(b"\xdb\xdd", b"\xdb")
                ):
                    escaped = answer.replace(b"\xdb", b"\xdb\xdd").replace(b"\xc0", b"\xdb\xdc")
                    line.sendall(bytes([END]) + escaped + bytes([END]))

    def _answers(self, frame):
        _, command, _, _ = struct.unpack_from("<BBHI", frame)
        data = frame[8:]
        if self.dumb:
            return
        self.commands += 1
        if command == SYNC:
            for _ in range(8):
                yield self._answer(command, 0x20120707)
        elif command == SECURITY_INFO and self.chip in CHIP_IDS:
            yield self._answer(command, 0, self._security())
        elif command in (READ_REG, WRITE_REG) and not self.secure:
            yield self._answer(command, self._register(command, data))
        else:
            yield self._answer(command, 0, status=UNKNOWN)

    def _register(self, command, data):
        if command == READ_REG:
            address = struct.unpack("<I", data)[0]
            return self.esp.read_reg(address) if self._is_efuse(address) else self.other.get(address, 0)
        for at in range(0, len(data), 16):
            address, value, mask, _ = struct.unpack_from("<IIII", data, at)
            if self._is_efuse(address):
                self.esp.write_reg(address, value, mask)
                if (
                    address == getattr(self.esp.REGS, "EFUSE_CMD_REG", None)
                    and value == self.esp.REGS.EFUSE_READ_CMD
                ):
                    self._read_efuses()
            else:
                self.other[address] = self.other.get(address, 0) & ~mask | value & mask
        return 0

    def _is_efuse(self, address):
        regs = self.esp.REGS
        inside = regs.DR_REG_EFUSE_BASE <= address < regs.DR_REG_EFUSE_BASE + regs.EFUSE_MEM_SIZE
        return inside or address == getattr(regs, "APB_CTL_DATE_ADDR", None)

    def _read_efuses(self):
        modern = self.chip in CHIP_IDS
        self.dumb = modern and self.esp.read_field("DIS_DOWNLOAD_MODE", bitstring=False)
        self.secure = modern and self.esp.read_field("ENABLE_SECURITY_DOWNLOAD", bitstring=False)

    def _security(self):
        """Flags, counter, purposes, chip id, version (esptool, `ESPLoader.get_security_info`)."""
        bits = {
            "SECURE_BOOT_EN": 0,
            "ENABLE_SECURITY_DOWNLOAD": 2,
            "SECURE_BOOT_KEY_REVOKE0": 3,
            "SECURE_BOOT_KEY_REVOKE1": 4,
            "SECURE_BOOT_KEY_REVOKE2": 5,
            "DIS_PAD_JTAG": 7,
            "DIS_DOWNLOAD_ICACHE": 10,
        }
        flags = sum(self.esp.read_field(name, bitstring=False) << bit for name, bit in bits.items())
        purposes = [self.esp.read_field(f"KEY_PURPOSE_{number}", bitstring=False) for number in range(6)]
        count = self.esp.read_field("SPI_BOOT_CRYPT_CNT", bitstring=False)
        return struct.pack("<IB7BII", flags, count, *purposes, 0, CHIP_IDS[self.chip], 0)

    @staticmethod
    def _answer(command, value, data=b"", status=GOOD):
        body = data + status
        return struct.pack("<BBHI", 1, command, len(body), value & 0xFFFFFFFF) + body
