"""The programs of the field machine, as lists of (operation, result, operand, operand), and their bytes.

`make_field_vm.py` puts the bytes into the device's modules, so that no device assembles anything. Elements 0
to 17 are registers; from 192 on an operand is one of the step's window entry.
"""

from collections.abc import Sequence

Instruction = tuple[int, ...]
Program = list[Instruction]

MUL = 1
SQR = 2
ADD = 3
SUB = 4
NORM = 5
LOAD = 6  # result, table (0 base, 1 key, 2 inputs), 32-byte part of the entry
TIMES_121665 = 7
TIMES_W = 8  # w is small


def entry(i: int) -> int:
    """The operand that is element `i` of the step's window entry."""
    return 192 + i


def assemble(programs: Sequence[Program]) -> bytes:
    """Programs by kind as `run` reads them: 16-bit places, then instructions, each program ended by 0."""
    places = bytearray()
    code = b""
    for program in programs:
        places += (2 * len(programs) + len(code)).to_bytes(2, "little")
        for instruction in program:
            code += bytes(instruction) + bytes(4 - len(instruction))
        code += b"\0"
    return bytes(places) + code
