"""The buffers that programs of the field machine (`field_vm`) need. 32-bit firmware only.

Elements 0 ... 17 are registers; from 18 on, `stride` elements belong to each window entry.
"""

import array

import uctypes

from ophion_boot.compat import const
from ophion_boot.crypto.field_vm import get, run

_ELEMENT_BYTES = const(80)
_WINDOWS_AT = const(18)


class Machine:
    """One field and its programs `code`; `repeated` is the kind that, like kind 0, runs w times."""

    def __init__(self, code: bytes, stride: int, entry_bytes: int, p256: bool, repeated: int) -> None:
        self._code = code
        self._stride = stride
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
