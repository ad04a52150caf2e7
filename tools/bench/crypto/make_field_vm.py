"""Writes the field machines of bootloader/ophion_boot/crypto, partly unrolled (a test compares).

What the viper emitter makes of a statement decides here. The first two variables of a function live in
registers, the others on the stack; so one factor stays in `x` for a whole row of products, and the column
that they are added to is found through `c`. Twenty limbs of 13 bits, each kept between -4096 and 4095, leave
room for sums of twenty products in 32 bits; rows beat Karatsuba, whose sums cost more than the products they
save. Loops of whole rows, or of five limbs, cost little and save 14 KB of code.
"""

import sys
from pathlib import Path
from types import ModuleType

sys.path.append(str(Path(__file__).parent))

import programs_25519
import programs_p256
from programs import assemble

CRYPTO = Path(__file__).parents[3] / "bootloader/ophion_boot/crypto"
LIMBS = 20

HEAD = '''"""A machine for the field of {field}, in viper, for 32-bit firmware, and its programs.

Written by tools/bench/crypto/make_field_vm.py: change that. An element is 20 limbs of 13 bits, signed,
in 20 words. The sizes of two factors may multiply to 6.2 at most: 1 is what `mul` and `norm` leave, 2 a sum
of two such or a loaded number, and so on. {reduction}
No branch and no address depends on the value of an element.
"""
# ruff: noqa
# fmt: off
# mypy: ignore-errors

import micropython

import ophion_boot.crypto.word32

CODE = (
{code}
)

# Steps: {power}.
POWER = (
{steps}
)


@micropython.viper
def run(c: int, x: int, regs: ptr32, prog: ptr8, steps: ptr8, count: int, tables: ptr32, mode: int):
    """Run the program of each step (kind, w). `c` and `x` are 0: they become the two register variables.

    `regs` is the file of elements; 18 and 19 take the columns of a product. `prog` starts with the 16-bit
    places of the programs by kind; kind 0 and the one repeated are run w times. An instruction is (operation,
    result, operand, operand); operands from 192 are 20 + w * stride + (operand - 192). `tables` are three
    addresses, of entries of `size` bytes for the operation that loads. `mode` is stride | size << 8 |
    repeated kind << 16.
    """
    at = 0
    while at < count:
        kind = int(steps[at])
        w = int(steps[at + 1])
        at += 2
        n = 1
        if kind == 0 or kind == mode >> 16:
            n = w
        rel = w * (mode & 255) - 172
        start = prog[2 * kind] | prog[2 * kind + 1] << 8
        while n > 0:
            n -= 1
            pc = ptr8(int(prog) + start)
            while pc[0] != 0:
                op = int(pc[0]); x = int(pc[1])
                if x >= 192: x += rel
                R = ptr32(int(regs) + x * 80); x = int(pc[2])
                if x >= 192: x += rel
                A = ptr32(int(regs) + x * 80); x = int(pc[3])
                if x >= 192: x += rel
                B = ptr32(int(regs) + x * 80); pc = ptr8(int(pc) + 4)
'''

Rows = list[str]


def loop(count: int, rows: Rows) -> Rows:
    return ["i = 0", f"while i < {count}: {';'.join(rows)};i += 1"]


def in_turns(statement: str, *pointers: str, turn: int = 5) -> Rows:
    """`statement` for each limb: # is the limb of a turn."""
    row = ";".join(statement.replace("#+20", str(k + 20)).replace("#", str(k)) for k in range(turn))
    on = ";".join(f"{name}=ptr32(int({name})+{4 * turn})" for name in pointers)
    return loop(LIMBS // turn, [row, on])


def column(k: int, product: str, new: bool) -> str:
    return f"ptr32(c)[{k}]={product}" + ("" if new else f"+ptr32(c)[{k}]")


def multiply() -> Rows:
    """A row for each limb of A; what is left of the columns moves on by one, so each row ends one of them."""
    last = LIMBS - 1
    row = [f"ptr32(c)[0]=x*b0+t0;{next_columns(LIMBS)}", "c += 4"]
    return [
        ";".join(f"b{j}=B[{j}]" for j in range(LIMBS)),
        ";".join(f"t{k}=0" for k in range(last)),
        *loop(LIMBS, ["x=A[i]", *row]),
        ";".join(f"ptr32(c)[{k}]=t{k}" for k in range(last)),
    ]


def next_columns(count: int) -> str:
    """The rest of a row of `count` products."""
    parts = [f"t{j - 1}=x*b{j}+t{j}" for j in range(1, count - 1)]
    return ";".join([*parts, f"t{count - 2}=x*b{count - 1}"])


def square() -> Rows:
    """The squares of both halves, then twice their product: as many products as row by row, in less code."""
    half = LIMBS // 2
    rows = []
    for i in range(half):
        last = i == half - 1
        parts = [f"x=b{i}", column(2 * i, "x*x", i == 0 or last)]
        if not last:
            parts.append("x=x+x")
        for j in range(i + 1, half):
            parts.append(column(i + j, f"x*b{j}", i == 0 or j == half - 1))
        rows.append(";".join(parts))
    halves = [
        ";".join(f"b{j}=A[{j}]" for j in range(half)),
        ";".join(rows[:2]),
        ";".join(rows[2:5]),
        ";".join(rows[5:]),
        f"A=ptr32(int(A)+{4 * half});c+={8 * half}",
    ]
    both = [f"x=A[i];x=x+x;ptr32(c)[0]=x*b0+t0+ptr32(c)[0];{next_columns(half)}", "c += 4"]
    # After the loop `c` is behind all columns, and the b are those of the upper half.
    return [
        *loop(2, halves),
        f"c-={16 * half - 4 * half};T[{LIMBS - 1}]=0;A=ptr32(int(A)-{8 * half})",
        ";".join(f"t{k}=0" for k in range(half - 1)),
        *loop(half, both),
        ";".join(f"ptr32(c)[{k}]=t{k}+ptr32(c)[{k}]" for k in range(half - 1)),
    ]


def square_unrolled() -> Rows:
    """Row by row: 3 KB more, and a tenth faster."""
    head = ";".join(f"b{j}=A[{j}]" for j in range(LIMBS))
    rows = []
    for i in range(LIMBS):
        last = i == LIMBS - 1
        parts = [f"x=b{i}", column(2 * i, "x*x", i == 0 or last)]
        if not last:
            parts.append("x=x+x")
        for j in range(i + 1, LIMBS):
            parts.append(column(i + j, f"x*b{j}", i == 0 or j == LIMBS - 1))
        rows.append(";".join(parts))
    return [head, *(";".join(rows[i : i + 4]) for i in range(0, LIMBS, 4))]


# The excess of the last limb, 2^260, comes back as 608; it is too much for one limb.
WRAP = "c=(c>>13)*608+R[0]+4096;R[0]=(c&x)-4096;c=(c>>13)+R[1]+4096;R[1]=(c&x)-4096;R[2]=R[2]+(c>>13)"


def reduce_25519() -> Rows:
    # A limb of the upper half comes back in two parts: its lower bits here, the others one limb further.
    limb = "t0=T[#+20];c=(c>>13)+((t0&x)+t1)*608+T[#]+4096;t1=t0>>13;B[#]=(c&x)-4096"
    return ["x=8191;c=0;t1=0;T[39]=0;B=R", *in_turns(limb, "T", "B"), WRAP]


def reduce_p256() -> Rows:
    # p = 2^256 - 2^224 + 2^192 + 2^96 - 1, and 96 = 7 * 13 + 5, 192 = 14 * 13 + 10, ...
    def column(k: int) -> str:
        terms = f"T[{k}]" if k < 39 else ""
        for place, shift, sign in ((7, 5, "+"), (14, 10, "+"), (17, 3, "-"), (19, 9, "+")):
            if 0 <= k - place < LIMBS:
                terms += f"{sign}(T[{k - place}]<<{shift})"
        return terms

    low = ["x=8191", f"c={column(0)}", "T[0]=c&x"]
    for k in range(1, LIMBS):
        low += [f"c=(c>>13)+{column(k)}", f"T[{k}]=c&x"]
    high = []
    for k in range(LIMBS, 39):
        high += [f"c=(c>>13)+{column(k)}+4096", f"R[{k - LIMBS}]=(c&x)-4096"]
    return [";".join(low), ";".join([*high, "R[19]=c>>13"])]


def norm_25519() -> Rows:
    return ["x=8191;c=0;B=R", *in_turns("c=(c>>13)+A[#]+4096;B[#]=(c&x)-4096", "A", "B"), WRAP]


def norm_p256() -> Rows:
    # What is above 2^256 must go too: it would grow, and cost 2^224 - 2^192 - 2^96 + 1 each.
    back = {7: "-(n0<<5)", 14: "-(n0<<10)", 17: "+(n0<<3)"}
    parts = ["n0=A[19]+256>>9", "x=8191", "c=A[0]+n0+4096", "R[0]=(c&x)-4096"]
    for k in range(1, LIMBS - 1):
        parts += [f"c=(c>>13)+A[{k}]{back.get(k, '')}+4096", f"R[{k}]=(c&x)-4096"]
    return [";".join([*parts, "R[19]=(c>>13)+A[19]-(n0<<9)"])]


def load() -> Rows:
    """Twenty limbs from 32 bytes, little-endian: twice eight from thirteen, and four from the last six."""
    return ["A=R", *loop(2, [_limbs(8, 13), "A=ptr32(int(A)+32);x+=13"]), _limbs(4, 6)]


def _limbs(count: int, most: int) -> str:
    parts, held, at = [], 0, 0
    for k in range(count):
        terms = ["c"] if held else []
        while held < 13 and at < most:
            terms.append(f"(ptr8(x)[{at}]<<{held})" if held else f"ptr8(x)[{at}]")
            held += 8
            at += 1
        if terms != ["c"]:
            parts.append("c=" + "|".join(terms))
        parts.append(f"A[{k}]=c&8191")
        parts.append("c=c>>13")
        held -= 13
    return ";".join(parts[:-1])


def body(squares: Rows, reduce: Rows, norm: Rows) -> str:
    lines: list[str] = []

    def put(depth: int, rows: Rows) -> None:
        lines.extend(" " * (16 + 4 * depth) + row for row in rows)

    put(0, ["if op <= 2:"])
    put(1, ["c = int(regs) + 1440", "T = ptr32(c)", "if op == 1:"])
    put(2, multiply())
    put(1, ["else:"])
    put(2, squares)
    put(1, reduce)
    put(0, ["elif op == 3:"])
    put(1, both("+"))
    put(0, ["elif op == 4:"])
    put(1, both("-"))
    put(0, ["elif op == 5:"])
    put(1, norm)
    put(0, ["elif op == 6:"])
    put(1, ["x = int(tables[int(pc[-2])]) + w * (mode >> 8 & 255) + 32 * int(pc[-1])"])
    put(1, load())
    put(0, ["else:"])
    put(1, ["x = w", "if op == 7: x = 121665"])
    put(1, in_turns("R[#]=A[#]*x", "R", "A"))
    return "\n".join(lines) + "\n"


def both(sign: str) -> Rows:
    row = ";".join(f"R[{k}]=ptr32(c)[{k}]{sign}ptr32(x)[{k}]" for k in range(10))
    return ["c = int(A);x = int(B)", *loop(2, [row, "R=ptr32(int(R)+40);c+=40;x+=40"])]


def constant(data: bytes) -> str:
    rows = [data[i : i + 24] for i in range(0, len(data), 24)]
    return "\n".join('    b"' + "".join(f"\\x{byte:02x}" for byte in row) + '"' for row in rows)


def source(about: dict[str, str], programs: ModuleType, *arithmetic: Rows) -> str:
    code, steps = constant(assemble(programs.PROGRAMS)), constant(programs.POWER)
    return HEAD.format(code=code, steps=steps, **about) + body(*arithmetic)


def sources() -> dict[Path, str]:
    """The text of each module, by its path."""
    edwards = {
        "field": "curve25519",
        "power": "z^(2^252 - 3) for z in X",
        "reduction": "A product is reduced by 2^260 = 608.",
    }
    p256 = {
        "field": "P-256",
        "power": "1/z for z in X",
        "reduction": "A product is reduced by Montgomery's\nmethod with R = 2^260, "
        "and `norm` brings the number below 0.6 p.",
    }
    first = source(edwards, programs_25519, square(), reduce_25519(), norm_25519())
    second = source(p256, programs_p256, square_unrolled(), reduce_p256(), norm_p256())
    return {CRYPTO / "field_25519.py": first, CRYPTO / "field_p256.py": second}


if __name__ == "__main__":
    for path, text in sources().items():
        path.write_text(text)
        sys.stdout.write(f"{path.name}: {len(text)} bytes\n")
