"""What is to be burned, from what is: a pure decision over a State, the same one that `check` reports.

Each row is one or more conditions. Those that do not hold become steps, in the order of the table; what
stands in the way of any of them is found here, before the first is burned.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ophion.errors import RefusedError
from ophion.provision.state import UNUSED, Block, State, key_id
from ophion.provision.table import CLEAR, KEY, LOCK, SET, Row
from ophion.provision.wishes import Wishes

PURPOSE, DATA, READ_PROTECT, WRITE_PROTECT, READABLE = (
    "purpose",
    "data",
    "read-protect",
    "write-protect",
    "readable",
)
START = "first start"
"""Not a burn: the firmware has to start once and make its key."""


@dataclass(frozen=True)
class Condition:
    """Something that has to hold: `kind` of `target` (a field or a block); `says` names it for people."""

    row: Row
    kind: str
    target: str
    says: str
    value: int = 1
    data: bytes = b""


@dataclass(frozen=True)
class Step:
    """One burn (or, for START, one act of a person); nothing that is burned can be undone."""

    row: str
    action: str
    target: str
    says: str
    value: int = 1
    data: bytes = b""
    purpose: str = ""
    closes: bool = False

    @property
    def irreversible(self) -> bool:
        """Whether it burns something."""
        return self.action != START


def block_of(row: Row, wishes: Wishes, state: State) -> str:
    """The block that holds this key, or is to."""
    found = state.with_purpose(row.target) if wishes.table.purposes else []
    return found[0] if found else wishes.table.blocks[row.target]


def conditions(wishes: Wishes, state: State) -> Iterator[Condition]:
    """Everything that has to hold in the end, in the order of the table."""
    for row in wishes.rows:
        if row.kind == KEY:
            yield from _key(row, wishes, state)
        elif row.kind == LOCK:
            yield Condition(row, LOCK, row.target, row.name)
        elif row.kind == CLEAR:
            yield Condition(row, CLEAR, row.target, f"{row.target} is clear", 0)
        else:
            yield Condition(row, SET, row.target, f"{row.target} = {row.value}", row.value)


def _key(row: Row, wishes: Wishes, state: State) -> Iterator[Condition]:
    block = block_of(row, wishes, state)
    if wishes.table.purposes:
        yield Condition(row, PURPOSE, block, f"a key block has the purpose {row.target}")
    data = b"" if row.secret else wishes.digests[wishes.table.secure_boot.index(row.target)]
    what = "a key" if row.secret else "the digest of the given key"
    yield Condition(row, DATA, block, f"{block} holds {what} ({row.target})", data=data)
    kind = READ_PROTECT if row.secret else READABLE
    yield Condition(
        row, kind, block, f"{block} is {'read-protected' if row.secret else 'readable'} ({row.target})"
    )
    yield Condition(row, WRITE_PROTECT, block, f"{block} write-protected ({row.target})")
    if wishes.table.purposes:
        purpose = f"KEY_PURPOSE_{block[-1]}"
        yield Condition(row, LOCK, purpose, f"{purpose} write-protected ({row.target})")


def holds(condition: Condition, state: State) -> bool | None:
    """Whether it does; None when that cannot be seen."""
    if condition.kind in (SET, CLEAR, LOCK):
        field = state.fields.get(condition.target)
        if field is None:
            return None
        return not field.writeable if condition.kind == LOCK else field.value == condition.value
    if condition.kind == PURPOSE and not state.whole:
        return condition.row.target in state.purposes if state.purposes else None
    block = state.blocks.get(condition.target)
    if block is None:
        return None
    return {
        PURPOSE: block.purpose == condition.row.target,
        DATA: block.data == condition.data if condition.data else not block.empty,
        READ_PROTECT: not block.readable,
        READABLE: block.readable,
        WRITE_PROTECT: not block.writeable,
    }[condition.kind]


def steps(wishes: Wishes, state: State, known: Mapping[str, str], *, close: bool) -> list[Step]:
    """What is left to burn; the step that ends the access to the eFuses is there only with `close`.

    `known` maps the purpose of a secret key to its `key_id` in the device's record. Raises RefusedError that
    names everything that stands in the way.
    """
    hindrances = [*chip_hindrances(wishes, state)]
    if not state.whole:
        hindrances.append("it is in its secure download mode, where eFuses can be neither read nor burned")
    unmet: list[Condition] = []
    if not hindrances:
        unmet = [item for item in conditions(wishes, state) if not holds(item, state)]
        hindrances = [reason for item in unmet for reason in _hindrances(item, wishes, state)]
        hindrances += _strangers(wishes, state, known)
    if hindrances:
        raise RefusedError(
            f"this chip cannot be provisioned: {'; '.join(hindrances)}", "nothing was burned by this call"
        )
    return list(_steps(wishes, state, unmet, close))


def _steps(wishes: Wishes, state: State, unmet: list[Condition], close: bool) -> Iterator[Step]:
    waiting = wishes.flash_key == "chip" and not _encrypts(wishes, state)
    started = False
    burned: set[str] = set()
    for item in unmet:
        if item.row.after == "close" and not close:
            continue
        if waiting and not started and item.row.after:
            started = True
            yield Step(
                wishes.table.flash_key.name,
                START,
                "",
                "the firmware starts once, makes its key and encrypts its flash",
            )
        if (waiting and item.row == wishes.table.flash_key) or item.target in burned:
            continue
        if item.kind == DATA:
            burned.update((item.target, f"KEY_PURPOSE_{item.target[-1]}"))
            action = "burn, then read- and write-protect" if item.row.secret else "burn and write-protect"
            yield Step(
                item.row.name, DATA, item.target, f"{action} {item.target}", 1, item.data, item.row.target
            )
        else:
            says = f"KEY_PURPOSE_{item.target[-1]} = {item.row.target}" if item.kind == PURPOSE else item.says
            closes = item.row.after == "close"
            yield Step(item.row.name, item.kind, item.target, says, item.value, b"", item.row.target, closes)


def _encrypts(wishes: Wishes, state: State) -> bool:
    """Whether flash encryption is on: an odd number of bits (ESP-IDF, "Flash Encryption")."""
    return bin(state.fields[wishes.table.counter.target].value).count("1") % 2 == 1


def chip_hindrances(wishes: Wishes, state: State) -> Iterator[str]:
    """What is wrong with the chip as such."""
    chip = wishes.table
    if state.chip != chip.name:
        yield f"it is an {state.chip}, and the board has an {chip.name}"
        return
    if state.revision < chip.least_revision:
        have, need = (f"{number // 100}.{number % 100}" for number in (state.revision, chip.least_revision))
        yield f"its revision is {have}, Secure Boot v2 needs {need} or later"
    if state.coding not in (0, 3):
        yield f"its coding scheme is {state.coding}, Secure Boot v2 needs 0 (none)"
    for name, block in state.blocks.items():
        if block.faulty:
            yield f"{name} has errors: it was burned in part, or is worn"
        if block.purpose.startswith("XTS_AES_256"):
            yield f"{name} has the purpose {block.purpose}, and boards here are built for AES-128"
    for row in wishes.rows:
        if row.kind == KEY and len(state.with_purpose(row.target)) > 1:
            yield f"more than one block has the purpose {row.target}"


def _hindrances(item: Condition, wishes: Wishes, state: State) -> Iterator[str]:
    """Why a condition that does not hold cannot be made to."""
    if item.kind == SET:
        field = state.fields[item.target]
        if not field.writeable:
            yield f"{item.target} is {field.value} and write-protected"
    elif item.kind == CLEAR:
        yield f"{item.target} is set: {item.row.why}"
    elif item.kind in (LOCK, WRITE_PROTECT) and not state.fields["WR_DIS"].writeable:
        yield f"{item.target} cannot be write-protected: WR_DIS is"
    elif item.kind == READABLE:
        yield f"{item.target} is read-protected, so its digest ({item.row.target}) can never be checked"
    elif item.kind == READ_PROTECT and not state.fields["RD_DIS"].writeable:
        yield f"{item.target} cannot be read-protected ({item.row.target}): RD_DIS is write-protected"
    elif item.kind in (PURPOSE, DATA):
        yield from _block_hindrances(item, wishes, state)


def _block_hindrances(item: Condition, wishes: Wishes, state: State) -> Iterator[str]:
    if wishes.flash_key == "chip" and item.row == wishes.table.flash_key:
        return  # the second-stage bootloader finds a block by itself
    block: Block = state.blocks[item.target]
    if item.kind == PURPOSE:
        if block.purpose != UNUSED:
            yield f"{item.target} has the purpose {block.purpose} and cannot get {item.row.target}"
        elif not block.empty:
            yield f"{item.target} is used already and cannot hold {item.row.target}"
        elif not block.purpose_writeable or not block.writeable:
            yield f"{item.target} is write-protected, and {item.row.target} belongs there"
    elif not block.empty and wishes.table.purposes and block.purpose == UNUSED:
        return  # said for the purpose
    elif not block.empty:
        yield f"{item.target} holds another key than the one given ({item.row.target})"
    elif not block.writeable:
        yield f"{item.target} is empty and write-protected ({item.row.target})"


def _strangers(wishes: Wishes, state: State, known: Mapping[str, str]) -> Iterator[str]:
    """Secret keys that are there, and that nobody vouches for."""
    for row in wishes.rows:
        if row.kind != KEY or not row.secret:
            continue
        name = block_of(row, wishes, state)
        block = state.blocks[name]
        by_chip = row == wishes.table.flash_key and wishes.flash_key == "chip"
        if wishes.table.purposes and block.purpose != row.target:
            continue
        if block.empty:
            if by_chip and wishes.table.purposes:
                yield f"{name} has the purpose {row.target} and holds no key: the chip makes none then"
        elif by_chip and block.readable:
            yield f"{name} holds a flash key that can still be read: anybody may have"
        elif not by_chip and row.target not in known:
            yield f"{name} holds a key ({row.target}) that no record knows"
        elif not by_chip and block.readable and key_id(block.data) != known[row.target]:
            yield f"{name} holds another key ({row.target}) than its record says, or a part of it"
