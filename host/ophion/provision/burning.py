"""Burn what is left to burn, one step at a time, with a record that is ahead of the chip.

After each burn the chip is read and the plan is made anew, so that an interrupted call and the next one are
as good as one call: what counts is what the chip says.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timezone

from ophion.build.layout import Layout
from ophion.errors import OphionError
from ophion.provision.efuse import EfuseChip
from ophion.provision.identity import Identity, nvs_keys, nvs_partition
from ophion.provision.plan import DATA, START, Step, steps
from ophion.provision.record import Record
from ophion.provision.seal import encrypt
from ophion.provision.state import key_id

KEY_BYTES = 32
NVS_FILE = "nvs.bin"

Maker = Callable[[Record, Step], bytes]
"""Makes a secret key: writes what is sealed with it and its name into the record, then returns it."""


def apply(chip: EfuseChip, record: Record, makers: Mapping[str, Maker], *, close: bool) -> Iterator[Step]:
    """Burn the steps that are left, and yield each when it is burned; a step START ends it, unburned.

    `makers` has one entry for each purpose of a secret key that the host makes. Raises RefusedError before
    the first burn when something stands in the way, OphionError when a burn fails; then call it again.
    """
    last: Step | None = None
    while True:
        state = chip.state()
        left = steps(record.wishes, state, record.known, close=close)
        if last is None:
            record.check_sealed()
            record.save()
        if not left:
            _note(record, "closed" if close else "open")
            return
        step = left[0]
        if step == last:
            raise OphionError(f"burning had no effect: {step.says}", "is the supply steady? call it again")
        if step.action == START:
            _note(record, "first start")
            yield step
            return
        alive = _burn(chip, record, step, makers)
        yield step
        if not alive:
            _note(record, "closed")
            return
        last = step


def _burn(chip: EfuseChip, record: Record, step: Step, makers: Mapping[str, Maker]) -> bool:
    secret = step.action == DATA and not step.data
    key = makers[step.purpose](record, step) if secret else b""
    alive = chip.burn(step, key)
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    record.steps.append({"row": step.row, "burned": step.says, "at": now})
    record.save()
    return alive


def _note(record: Record, state: str) -> None:
    record.state = state
    record.save()


def flash_maker(files: Mapping[int, bytes]) -> Maker:
    """Makes the flash key, and encrypts `files` ({address: content}) with it."""

    def make(record: Record, step: Step) -> bytes:
        row = record.wishes.table.flash_key
        key = secrets.token_bytes(KEY_BYTES)
        record.seal(step.purpose, step.target, key_id(key[::-1]), encrypt(row, key, files))
        return key

    return make


def nvs_maker(identity: Callable[[], Identity], layout: Layout) -> Maker:
    """Makes the key of NVS, and a partition with the identity, made only now, that is encrypted with it."""

    def make(record: Record, step: Step) -> bytes:
        key = secrets.token_bytes(KEY_BYTES)
        owner, area = identity(), layout.areas["nvs"]
        data = nvs_partition(owner.cells, area.size, nvs_keys(key))
        record.device = owner.public
        record.seal(step.purpose, step.target, key_id(key), {NVS_FILE: (area.offset, data)})
        return key

    return make
