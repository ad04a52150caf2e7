"""What applying a patch costs on QEMU's RV32."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ophion.delta.encoder import Writer
from ophion.delta.matching import find_path
from ophion_boot.fmt.delta import HEADER_BYTES, Header
from qemu import rig

PACKAGE = Path(__file__).parents[3] / "bootloader" / "ophion_boot"
FILES = (
    "__init__.py",
    "compat.py",
    "fmt/__init__.py",
    "fmt/delta.py",
    "core/__init__.py",
    "core/delta.py",
    "core/delta_viper.py",
)
LIVE_LIMIT = 34 * 1024
_HEAP_KB = 96
_CHUNK = 480
_SEGMENT_MAX = 0xFFFF
_PROGRAM = """
import gc
gc.collect(); before = gc.mem_alloc()
from ophion_boot.fmt.delta import Header
from ophion_boot.core.delta import Decoder
import counting
gc.collect(); code = gc.mem_alloc() - before
old = open('/rom/old', 'rb')
patch = open('/rom/patch', 'rb')
def read(at, buf):
    old.seek(at)
    old.readinto(buf)
def write(data):
    pass
def apply():
    global live
    patch.seek(0)
    decoder = Decoder(Header(patch.read(%d)), read, write)
    while True:
        chunk = patch.read(%d)
        if not chunk:
            break
        decoder.feed(chunk)
    decoder.finish()
    live = decoder
count = counting.instructions(apply)
gc.collect()
print(count, gc.mem_alloc() - before, code)
"""


@dataclass(frozen=True)
class Cost:
    """`live` are bytes of heap with a decoder and its code, `code` those of the code alone."""

    instructions: int
    live: int
    code: int
    decisions: int


def cost(old: bytes, new: bytes, patch: bytes) -> Cost:
    """Apply `patch` on the rig, in a heap of 96 KiB."""
    files: dict[str, rig.Content] = {f"ophion_boot/{name}": PACKAGE / name for name in FILES}
    said = rig.run(
        _PROGRAM % (HEADER_BYTES, _CHUNK),
        {**files, "old": old, "patch": patch},
        heap_kb=_HEAP_KB,
        timeout_s=300,
    )
    instructions, live, code = (int(word) for word in said.split())
    return Cost(instructions, live, code, _decisions(old, new, Header(patch).table_bits))


def _decisions(old: bytes, new: bytes, table_bits: int) -> int:
    """Decisions in the patch, counted by the encoder; the patches of this bench are one segment each."""
    writer = Writer(old, new, table_bits)
    writer.segment(find_path(old, new), _SEGMENT_MAX)
    return writer.coder.decisions
