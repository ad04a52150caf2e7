"""Writes bootloader/ophion_boot/crypto/field_vm.py, whose inner loops are unrolled (a test compares).

What the viper emitter makes of a statement decides here. The first two variables of a function live in
registers, the others on the stack; so one factor stays in `x` for a whole row, and `t5=x*b3+t5` is six
instructions. Twenty limbs of 13 bits, each kept between -4096 and 4095, leave room for sums of twenty
products in 32 bits; rows beat Karatsuba, whose sums cost more than the products they save.
"""

import sys
from pathlib import Path

TARGET = Path(__file__).parents[3] / "bootloader/ophion_boot/crypto/field_vm.py"
LIMBS = 20

HEAD = '''"""A machine for the fields of curve25519 and P-256, in viper, for 32-bit firmware.

Written by tools/bench/crypto/make_field_vm.py: change that. An element is 20 limbs of 13 bits, signed,
in 20 words. The sizes of two factors may multiply to 6.2 at most: 1 is what `mul` and `norm` leave, 2 a sum
of two such or a loaded number, and so on. For 2^255 - 19 a product is reduced by 2^260 = 608; for P-256
by Montgomery's method with R = 2^260, and `norm` brings the number below 0.6 p. No branch and no address
depends on the value of an element.
"""
# ruff: noqa
# fmt: off
# mypy: ignore-errors

import micropython

import ophion_boot.crypto.word32


@micropython.viper
def run(c: int, x: int, regs: ptr32, prog: ptr8, steps: ptr8, count: int, tables: ptr32, mode: int):
    """Run the program of each step (kind, w). `c` and `x` are 0: they become the two register variables.

    `regs` is the file of elements. `prog` starts with the 16-bit places of the programs by kind; kinds 0 and
    1 + last are repeated w times. An instruction is (operation, result, operand, operand); operands from
    192 are 18 + w * stride + (operand - 192). `tables` are three addresses, of entries of `size` bytes for
    the operation that loads. `mode` is stride | size << 8 | P-256 << 16 | repeated kind << 20.
    """
    at = 0
    while at < count:
        kind = int(steps[at])
        w = int(steps[at + 1])
        at += 2
        n = 1
        if kind == 0 or kind == mode >> 20:
            n = w
        rel = w * (mode & 255) - 174
        start = prog[2 * kind] | prog[2 * kind + 1] << 8
        while n > 0:
            n -= 1
            pc = start
            while prog[pc] != 0:
                op = int(prog[pc])
                i = int(prog[pc + 1])
                j = int(prog[pc + 2])
                k = int(prog[pc + 3])
                pc += 4
                if i >= 192: i += rel
                if j >= 192: j += rel
                if k >= 192: k += rel
                R = ptr32(int(regs) + i * 80)
                A = ptr32(int(regs) + j * 80)
                B = ptr32(int(regs) + k * 80)
'''

TAIL = '''

@micropython.viper
def get(regs: ptr32, i: int, out: ptr8):
    """Element `i` as 33 bytes, little-endian, two's complement."""
    i *= 20
    c = 0
    held = 0
    bits = 0
    o = 0
    for k in range(20):
        c += regs[i + k]
        held |= (c & 8191) << bits
        c >>= 13
        bits += 13
        while bits >= 8:
            out[o] = held
            held >>= 8
            bits -= 8
            o += 1
    out[o] = held | c << bits
'''


def multiply() -> list[str]:
    rows = [";".join(f"b{j}=B[{j}]" for j in range(LIMBS))]
    for i in range(LIMBS):
        parts = [f"x=A[{i}]"]
        for j in range(LIMBS):
            new = i == 0 or j == LIMBS - 1
            parts.append(f"t{i + j}=x*b{j}" + ("" if new else f"+t{i + j}"))
        rows.append(";".join(parts))
    return rows


def square() -> list[str]:
    rows = [";".join(f"b{j}=A[{j}]" for j in range(LIMBS))]
    for i in range(LIMBS):
        parts = [f"x=b{i}", f"t{2 * i}=x*x" + ("" if i in (0, LIMBS - 1) else f"+t{2 * i}"), "x=x+x"]
        for j in range(i + 1, LIMBS):
            new = i == 0 or j == LIMBS - 1
            parts.append(f"t{i + j}=x*b{j}" + ("" if new else f"+t{i + j}"))
        rows.append(";".join(parts if i < LIMBS - 1 else parts[:2]))
    return rows


# The excess of the last limb, 2^260, comes back as 608; it is too much for one limb.
WRAP = "c=(c>>13)*608+R[0]+4096;R[0]=(c&x)-4096;c=(c>>13)+R[1]+4096;R[1]=(c&x)-4096;R[2]=R[2]+(c>>13)"


def reduce_25519() -> list[str]:
    high = ["x=8191", "c=t20", "t20=c&x"]
    for k in range(21, 39):
        high += [f"c=(c>>13)+t{k}", f"t{k}=c&x"]
    high.append("t39=c>>13")
    low = []
    for k in range(LIMBS):
        carry = "(c>>13)+" if k else ""
        low += [f"c={carry}t{k + 20}*608+t{k}+4096", f"R[{k}]=(c&x)-4096"]
    return [";".join(high), ";".join(low), WRAP]


def reduce_p256() -> list[str]:
    # p = 2^256 - 2^224 + 2^192 + 2^96 - 1, and 96 = 7 * 13 + 5, 192 = 14 * 13 + 10, ...
    def column(k: int) -> str:
        terms = f"t{k}" if k < 39 else ""
        for place, shift, sign in ((7, 5, "+"), (14, 10, "+"), (17, 3, "-"), (19, 9, "+")):
            if 0 <= k - place < LIMBS:
                terms += f"{sign}(t{k - place}<<{shift})"
        return terms

    low = ["x=8191", f"c={column(0)}", "t0=c&x"]
    for k in range(1, LIMBS):
        low += [f"c=(c>>13)+{column(k)}", f"t{k}=c&x"]
    high = []
    for k in range(LIMBS, 39):
        high += [f"c=(c>>13)+{column(k)}+4096", f"R[{k - LIMBS}]=(c&x)-4096"]
    return [";".join(low), ";".join([*high, "R[19]=c>>13"])]


def norm(p256: bool) -> list[str]:
    # For P-256 what is above 2^256 must go too: it would grow, and cost 2^224 - 2^192 - 2^96 + 1 each.
    back = {0: "+t0", 7: "-(t0<<5)", 14: "-(t0<<10)", 17: "+(t0<<3)", 19: "-(t0<<9)"} if p256 else {}
    parts = ["x=8191", f"c=A[0]{back.get(0, '')}+4096", "R[0]=(c&x)-4096"]
    if p256:
        parts.insert(0, "t0=A[19]+256>>9")
    for k in range(1, LIMBS - 1):
        parts += [f"c=(c>>13)+A[{k}]{back.get(k, '')}+4096", f"R[{k}]=(c&x)-4096"]
    if p256:
        parts.append(f"R[19]=(c>>13)+A[19]{back[19]}")
    else:
        parts += ["c=(c>>13)+A[19]+4096", "R[19]=(c&x)-4096", WRAP]
    return [";".join(parts)]


def load() -> list[str]:
    """Twenty limbs from 32 bytes, little-endian."""
    parts, held, at = [], 0, 0
    for k in range(LIMBS):
        terms = ["c"] if held else []
        while held < 13 and at < 32:
            terms.append(f"(ptr8(x)[{at}]<<{held})" if held else f"ptr8(x)[{at}]")
            held += 8
            at += 1
        if terms != ["c"]:
            parts.append("c=" + "|".join(terms))
        parts.append(f"R[{k}]=c&8191")
        parts.append("c=c>>13")
        held -= 13
    return [";".join(parts[:-1])]


def each(statement: str) -> list[str]:
    return [";".join(statement.replace("#", str(k)) for k in range(LIMBS))]


def together(rows: list[str], count: int) -> list[str]:
    return [rows[0]] + [";".join(rows[i : i + count]) for i in range(1, len(rows), count)]


def body() -> str:
    lines: list[str] = []

    def put(depth: int, rows: list[str]) -> None:
        lines.extend(" " * (16 + 4 * depth) + row for row in rows)

    put(0, ["if op <= 2:"])
    put(1, ["if op == 1:"])
    put(2, together(multiply(), 2))
    put(1, ["else:"])
    put(2, together(square(), 4))
    put(1, ["if mode & 65536:"])
    put(2, reduce_p256())
    put(1, ["else:"])
    put(2, reduce_25519())
    put(0, ["elif op == 3:"])
    put(1, each("R[#]=A[#]+B[#]"))
    put(0, ["elif op == 4:"])
    put(1, each("R[#]=A[#]-B[#]"))
    put(0, ["elif op == 5:"])
    put(1, ["if mode & 65536:"])
    put(2, norm(True))
    put(1, ["else:"])
    put(2, norm(False))
    put(0, ["elif op == 6:"])
    put(1, ["x = int(tables[int(prog[pc - 2])]) + w * (mode >> 8 & 255) + 32 * int(prog[pc - 1])"])
    put(1, load())
    put(0, ["else:"])
    put(1, ["x = w", "if op == 7: x = 121665"])
    put(1, each("R[#]=A[#]*x"))
    return "\n".join(lines) + "\n"


def source() -> str:
    """The text of the module."""
    return HEAD + body() + TAIL


if __name__ == "__main__":
    TARGET.write_text(source())
    sys.stdout.write(f"{TARGET.name}: {len(source())} bytes\n")
