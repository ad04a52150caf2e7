"""Runs programs of a field machine (`field_25519`, `field_p256`), with the buffers they need.

Only on 32-bit firmware.

Elements 0 ... 19 are the machine's; from 20 on, `stride` elements belong to each window entry.
"""

import array

import micropython
import uctypes

import ophion_boot.crypto.word32  # noqa: F401  # fails where this cannot run
from ophion_boot.compat import const

_ELEMENT_BYTES = const(80)
_WINDOWS_AT = const(20)


class Machine:
    """One field: `run` and its programs `code`; `repeated` is the kind that, like kind 0, runs w times."""

    def __init__(self, run, code: bytes, stride: int, entry_bytes: int, repeated: int) -> None:  # type: ignore[no-untyped-def]
        self._run = run
        self._code = code
        self._stride = stride
        self._mode = stride | entry_bytes << 8 | repeated << 16

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
        self._run(0, 0, regs, self._code, steps, len(steps), tables, self._mode)
        out = bytearray(33)
        found = []
        for i in results:
            _get(regs, i, out)  # type: ignore[arg-type]
            n = int.from_bytes(out, "little")
            found.append(n - (1 << 264) if out[32] & 128 else n)
        return found


@micropython.viper
def _get(regs: ptr32, i: int, out: ptr8):  # type: ignore  # noqa: F821
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
