"""Instructions of the field machine, and programs of them as the bytes that `field_vm.run` reads.

Elements 0 ... 17 are registers; from 18 on, a window entry has as many elements as the machine's stride.
"""

MUL = 1
SQR = 2
ADD = 3
SUB = 4
NORM = 5
LOAD = 6  # result, table (0 base, 1 key, 2 inputs), 32-byte part of the entry
TIMES_121665 = 7
TIMES_W = 8  # w is small

Program = list[tuple[int, ...]]


def entry(i: int) -> int:
    """The operand that is element `i` of the step's window entry."""
    return 192 + i


def assemble(programs: list[Program]) -> bytes:
    """Programs by kind, each of (operation, result, operand, operand): their 16-bit places, then they."""
    places = bytearray()
    code = b""
    for program in programs:
        places += (2 * len(programs) + len(code)).to_bytes(2, "little")
        code += b"".join(bytes(step).ljust(4, b"\0") for step in program) + b"\0"
    return bytes(places) + code
