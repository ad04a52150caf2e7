"""Programs for the field machine (`field_vm`) and the buffers to run them. 32-bit firmware only.

Elements 0 ... 17 are registers; from 18 on, `stride` elements belong to each window entry.
"""

import array

import uctypes

from ophion_boot.compat import const
from ophion_boot.crypto.field_vm import get, run

MUL = 1
SQR = 2
ADD = 3
SUB = 4
NORM = 5
LOAD = 6  # result, table (0 base, 1 key, 2 inputs), 32-byte part of the entry
TIMES_121665 = 7
TIMES_W = 8  # w is small

_ELEMENT_BYTES = const(80)
_WINDOWS_AT = const(18)


def entry(i: int) -> int:
    """The operand that is element `i` of the step's window entry."""
    return 192 + i


def assemble(programs: list[list]) -> bytes:
    """Programs by kind, each a list of (operation, result, operand, operand), as `run` reads them."""
    places = bytearray()
    code = b""
    for program in programs:
        place = 2 * len(programs) + len(code)
        places += bytes((place & 255, place >> 8))
        for instruction in program:
            code += bytes(instruction) + bytes(4 - len(instruction))
        code += b"\0"
    return bytes(places) + code


class Machine:
    """One field and its programs; `repeated` is the kind that, like kind 0, runs w times."""

    def __init__(
        self, programs: list[list], stride: int, entry_bytes: int, p256: bool, repeated: int
    ) -> None:
        self._code = assemble(programs)
        self._stride = stride
        self._entry_bytes = entry_bytes
        self._mode = stride | entry_bytes << 8 | p256 << 16 | repeated << 20

    def run(
        self,
        steps: bytes | bytearray,
        entries: int,
        inputs: list,
        results: tuple,
        base: bytes | memoryview = b"",
        key: bytes | memoryview = b"",
    ) -> list[int]:
        """Run `steps` with room for `entries` window entries; the elements `results` as numbers, not reduced.

        `inputs` are numbers below 2^256, in the order of the entries of table 2.
        """
        regs = bytearray(_ELEMENT_BYTES * (_WINDOWS_AT + self._stride * entries))
        data = b"".join([n.to_bytes(32, "little") for n in inputs])
        tables = array.array("I", [uctypes.addressof(table) for table in (base, key, data)])
        # fmt: off
        run(0, 0, regs, self._code, steps, len(steps), tables, self._mode)  # type: ignore[arg-type]
        # fmt: on
        out = bytearray(33)
        found = []
        for i in results:
            get(regs, i, out)  # type: ignore[arg-type]
            n = int.from_bytes(out, "little")
            found.append(n - (1 << 264) if out[32] & 128 else n)
        return found
