"""No sum in the field machine leaves 32 bits: each program is walked with the largest limbs it can meet."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "tools/bench/crypto"))

import programs as machine
import programs_25519
import programs_p256

LIMB = 4096
LIMBS = 20
# What the carry of the column below, the part above 2^260 times 608, and the rounding add to a column.
REST = 2**18 + 8191 * 608 + 4096
# `mul` and `norm` leave limb 2 a few more than 4096.
ONE = (LIMB + 8) / LIMB


class Walk:
    """Limb sizes, in units of 4096, of the registers and of one window entry during a program."""

    def __init__(self, sizes):
        self.sizes = dict(sizes)
        self.products = 0

    def size(self, operand):
        return self.sizes[operand]

    def run(self, program):
        for op, result, *operands in program:
            if op == machine.LOAD:
                size = 2
            elif op in (machine.MUL, machine.SQR):
                a, b = self.size(operands[0]), self.size(operands[-1])
                assert LIMBS * a * b * LIMB * LIMB + REST < 2**31, (op, result, operands, a, b)
                self.products += 1
                size = ONE
            elif op in (machine.ADD, machine.SUB):
                size = self.size(operands[0]) + self.size(operands[1])
            elif op == machine.NORM:
                assert self.size(operands[0]) * LIMB + 2**18 + 2**17 < 2**31
                size = ONE
            elif op == machine.TIMES_121665:
                size = self.size(operands[0]) * 121665
                assert size * LIMB < 2**30
            else:
                assert op == machine.TIMES_W  # w is 0 or 1
                size = self.size(operands[0])
            self.sizes[result] = size
        return self.sizes


def bounded(sizes, limits):
    return all(sizes[register] <= limit for register, limit in limits.items())


def test_edwards_programs():
    v = programs_25519
    entry = {
        machine.entry(0): 2 * ONE,
        machine.entry(1): 2 * ONE,
        machine.entry(2): ONE,
        machine.entry(3): 2 * ONE,
    }
    # What every step may find; E and H are multiplied by the next addition.
    point = {v.X: ONE, v.Y: ONE, v.Z: 2, v.E: 3 * ONE, v.H: 2 * ONE}
    start = {**point, **entry, v.D2: 2, v.ZERO: 0}
    for program in (
        v.double_point(),
        v.add_window(False),
        v.add_window(True),
        *(v.add_table(negative, table) for negative in (False, True) for table in (0, 1)),
        v.load_point(),
    ):
        assert bounded(Walk(start).run(program), point)
    sizes = Walk({**start, v.Z: ONE}).run(v.cache_point())
    assert bounded(sizes, entry)


def test_the_ladder():
    v = programs_25519
    state = {v.X: 2, v.Y: ONE, v.Z: 2, v.E: 2, v.U: 2, v.ZERO: 0}
    exact = {v.X: ONE, v.Y: ONE, v.Z: ONE, v.E: ONE, v.U: 2}
    # An exchange by arithmetic leaves exactly one of the two, so it changes no size.
    step = v.ladder_step()[len(v.swaps()) :]
    for first in (
        {**exact, v.X: 1 / LIMB, v.Y: 0, v.Z: 2, v.E: 1 / LIMB},
        {**exact, v.Z: 1 / LIMB, v.E: 0, v.X: 2, v.Y: 1 / LIMB},
        exact,
    ):
        walk = Walk({**state, **first})
        assert bounded(walk.run(step), exact)
        assert walk.products == 9


def test_p256_programs():
    v = programs_p256
    entry = dict.fromkeys([machine.entry(i) for i in range(5)], ONE)
    entry[machine.entry(2)] = 2
    point = {v.X: ONE, v.Y: ONE, v.Z: 2}
    start = {**point, **entry, v.R1: 2, v.R2: 2, v.ONE: 2, v.ZERO: 0}
    both = (False, True)
    programs = [v.double_point(), v.cache_point()]
    programs += [make(negative) for negative in both for make in (v.add_window, v.set_window)]
    programs += [
        make(negative, table)
        for negative in both
        for table in (0, 1, 2)
        for make in (v.add_table, v.set_table)
    ]
    for program in programs:
        sizes = Walk(start).run(program)
        assert bounded(sizes, point) and bounded(sizes, entry)
    assert len(programs) == 18
