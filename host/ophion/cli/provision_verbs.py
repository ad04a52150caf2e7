"""`ophion provision`: what a locked chip needs burned, burning it, and checking it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ophion.cli.complete import board_names
from ophion.cli.key_verbs import PassphraseFile, ask_passphrase, passphrase_source
from ophion.cli.output import Json, show, table
from ophion.errors import InputError, OphionError, UsageError, VerificationFailed

if TYPE_CHECKING:
    from ophion.build.layout import Layout
    from ophion.keys import PublicKey
    from ophion.provision import EfuseChip, Record, Report, State, Step, Wishes

Board = Annotated[
    str,
    typer.Argument(
        metavar="BOARD",
        autocompletion=board_names,
        help="A board that comes with ophion, or a layout.toml.",
    ),
]
Port = Annotated[str | None, typer.Option("--port", "-p", metavar="PORT", help="Serial port of the chip.")]
Virtual = Annotated[
    Path | None, typer.Option(metavar="FILE", help="espefuse's virtual eFuses in FILE, instead of a chip.")
]
BootKeys = Annotated[
    list[str] | None,
    typer.Option(
        "--boot-key", "-k", metavar="PUB", help="Secure Boot key: public key file or pkcs11: URI; up to 3."
    ),
]
FlashKey = Annotated[
    str, typer.Option(metavar="WHO", help="Who makes the flash key: chip (first start) or host.")
]
FlashFiles = Annotated[
    list[str] | None,
    typer.Option(
        "--flash", metavar="ADDR=FILE", help="Flash content: checked, or encrypted for a key of the host."
    ),
]
Download = Annotated[
    str, typer.Option(metavar="END", help="The ROM's download mode at the end: off or secure.")
]
Quiet = Annotated[bool, typer.Option("--quiet-rom", help="Also switch the ROM's log off.")]
Records = Annotated[Path, typer.Option(metavar="DIR", help="Where each device has its folder.")]

_NAMED = 3  # rows in an error: the table above it has them all


def register(app: typer.Typer) -> None:
    """Add the verbs of this module to `app`."""
    group = typer.Typer(help="Lock chips for good: eFuses, keys, identity.", no_args_is_help=True)
    group.command("plan")(plan)
    group.command("apply")(apply)
    group.command("check")(check)
    app.add_typer(group, name="provision")


def plan(
    board: Board,
    boot_key: BootKeys = None,
    port: Port = None,
    virtual: Virtual = None,
    flash_key: FlashKey = "chip",
    download: Download = "off",
    quiet_rom: Quiet = False,
    records: Records = Path("provisioned"),
    passphrase_file: PassphraseFile = None,
    as_json: Json = False,
) -> None:
    """Show what would be burned, in order.

    Without --port or --virtual: into a new chip.
    """
    from ophion.provision import begin, blank, steps

    layout, publics = _layout(board), _publics(boot_key, passphrase_file)
    wishes = _wishes(layout, publics, flash_key, download, quiet_rom)
    known = {}
    if port is None and virtual is None:
        state = blank(wishes.chip)
    else:
        state = _look(port, virtual, wishes.chip)
        if state.mac:
            known = dict(begin(records, state.mac, layout.name, wishes, state.revision).known)
    left = steps(wishes, state, known, close=True)
    value = {
        **_facts(layout, state),
        "steps": [_step(item) for item in left],
        "cannot": list(wishes.table.cannot),
    }
    show(as_json, value, _plan_text(layout, state, left, new=port is None and virtual is None))


def apply(
    board: Board,
    boot_key: BootKeys = None,
    port: Port = None,
    virtual: Virtual = None,
    flash_key: FlashKey = "chip",
    flash: FlashFiles = None,
    download: Download = "off",
    quiet_rom: Quiet = False,
    device_id: Annotated[str, typer.Option(metavar="ID", help="The device's id (default: its MAC).")] = "",
    name: Annotated[
        str, typer.Option("--name", metavar="NAME", help="What the device advertises (default: its board's).")
    ] = "",
    device_key: Annotated[
        str, typer.Option(metavar="TYPE", help="Give it a key for encrypted images: x25519 or ecdsa-p256.")
    ] = "",
    keep_key: Annotated[
        bool, typer.Option("--keep-key", help="Keep a copy of that key, with a passphrase.")
    ] = False,
    records: Records = Path("provisioned"),
    close: Annotated[
        bool, typer.Option("--close", help="Burn the last step too: nothing reaches the eFuses after it.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; needs --irreversible.")] = False,
    irreversible: Annotated[
        bool, typer.Option("--irreversible", help="With --yes: it is known that nothing can be undone.")
    ] = False,
    passphrase_file: PassphraseFile = None,
    as_json: Json = False,
) -> None:
    """Burn what is left to burn, and say what to do next.

    Call it again after an interruption.
    """
    from ophion.provision import Job, begin, steps

    if yes != irreversible:
        raise UsageError("--yes and --irreversible go together", "what is burned stays burned")
    if not yes and not sys.stdin.isatty():
        raise UsageError("there is no terminal to ask at", "scripts give --yes --irreversible")
    layout, publics = _layout(board), _publics(boot_key, passphrase_file)
    wishes = _wishes(layout, publics, flash_key, download, quiet_rom)
    passphrase = ask_passphrase(passphrase_file, "device.pem", twice=True) if keep_key else None
    pems = [public.pem for public in publics]
    job = Job(layout, _files(flash), pems, device_id, name, device_key, passphrase)
    job.check(wishes)
    chip = _open(port, virtual, wishes.chip)
    try:
        state = chip.state()
        record = begin(records, state.mac, layout.name, wishes, state.revision)
        left = steps(wishes, state, record.known, close=close)
        burns = [item for item in left if item.irreversible]
        if burns and not yes:
            _confirm(_plan_text(layout, state, left), state, as_json)
        job.plain_nvs(record)
        _run(chip, record, job.makers(record), close, as_json)
    finally:
        chip.close()


def check(
    board: Annotated[str, typer.Argument(metavar="BOARD", help="A board, a layout.toml, or a record.json.")],
    boot_key: BootKeys = None,
    port: Port = None,
    virtual: Virtual = None,
    flash_key: FlashKey = "chip",
    download: Download = "off",
    quiet_rom: Quiet = False,
    passphrase_file: PassphraseFile = None,
    as_json: Json = False,
) -> None:
    """Compare a chip with its table, row by row.

    The exit code is 7 when something is missing.
    """
    from ophion.provision import check as compare
    from ophion.provision import load

    if board.endswith(".json"):
        if boot_key:
            raise UsageError("a record says itself which keys the device has", "leave --boot-key out")
        record = load(Path(board))
        wishes, mac = record.wishes, record.mac
    else:
        publics = _publics(boot_key, passphrase_file)
        wishes, mac = _wishes(_layout(board), publics, flash_key, download, quiet_rom), ""
    state = _look(port, virtual, wishes.chip)
    if mac and state.mac and mac != state.mac:
        raise UsageError(f"the record is that of {mac}, the chip is {state.mac}")
    report = compare(wishes, state)
    show(as_json, _report(state, report), _report_text(report))
    if not report.good:
        lacking = [item.says for item in report.missing]
        if len(lacking) > _NAMED:
            lacking = [*lacking[:_NAMED], f"and {len(lacking) - _NAMED} more"]
        wrong = [*report.faults, *lacking]
        raise VerificationFailed(
            f"not as it should be: {'; '.join(wrong or ['the chip shows nothing'])}",
            "`ophion provision apply` goes on where it can",
        )


def _run(chip: EfuseChip, record: Record, makers: Any, close: bool, as_json: bool) -> None:
    from ophion.provision import apply as burn

    for step in burn(chip, record, makers, close=close):
        if step.irreversible:
            show(as_json, {"burned": _step(step)}, f"burned  {step.says}")
    sealed = any(key["sealed"] for key in record.keys.values())
    todo = {
        "first start": "flash the signed firmware and start it once (it makes its key and encrypts flash), "
        "then call apply again",
        "open": f"{'flash what is sealed, ' if sealed else ''}start the device, see that it works; "
        "then call apply with --close",
        "closed": "done; nothing reaches the eFuses any more",
    }[record.state]
    value = {
        "record": str(record.path),
        "state": record.state,
        "keys": record.keys,
        "device": record.device,
        "next": todo,
    }
    lines = [f"record  {record.path}"]
    for key in record.keys.values():
        lines += [
            f"flash   {facts['address']:#x} {record.folder / file}" for file, facts in key["sealed"].items()
        ]
    show(as_json, value, "\n".join([*lines, f"next    {todo}"]))


def _confirm(text: str, state: State, as_json: bool) -> None:
    """Let a person type the MAC of the chip that is to be burned."""
    typer.echo(text, err=as_json)
    answer = typer.prompt(f"type the chip's MAC ({state.mac}) to burn this for good", err=True)
    if answer.strip().lower() != state.mac:
        raise OphionError("not confirmed: nothing was burned")


def _layout(board: str) -> Layout:
    from ophion.build.boards import board_layout
    from ophion.build.layout import load_layout

    return load_layout(Path(board) if board.endswith(".toml") else board_layout(board))


def _publics(keys: list[str] | None, passphrase_file: Path | None) -> list[PublicKey]:
    from ophion.keys import open_public

    return [open_public(key, passphrase_source(passphrase_file, key)) for key in keys or []]


def _wishes(layout: Layout, publics: list[PublicKey], flash_key: str, download: str, quiet: bool) -> Wishes:
    from ophion.provision import make_wishes

    return make_wishes(layout, publics, flash_key=flash_key, download=download, quiet=quiet)


def _files(flash: list[str] | None) -> dict[int, bytes]:
    from ophion.files import read_file

    files: dict[int, bytes] = {}
    for word in flash or []:
        address, equals, path = word.partition("=")
        try:
            at = int(address, 0)
        except ValueError:
            at = -1
        if not equals or not path or at < 0:
            raise UsageError(f"{word!r} is not ADDR=FILE", "for instance 0x10000=firmware-signed.bin")
        if at in files:
            raise UsageError(f"two files are given for {at:#x}")
        files[at] = read_file(path, "flash content")
    return files


def _look(port: str | None, virtual: Path | None, name: str) -> State:
    """Read a chip, also one that tells little."""
    from ophion.provision import State, open_port

    if port is not None and virtual is None:
        found = open_port(port)
        if isinstance(found, State):
            return found
        try:
            return found.state()
        finally:
            found.close()
    if virtual is not None and not virtual.exists():
        raise InputError(f"virtual eFuses not found: {virtual}")
    return _open(port, virtual, name).state()


def _open(port: str | None, virtual: Path | None, name: str) -> EfuseChip:
    from ophion.provision import State, open_port, open_virtual

    if (port is None) == (virtual is None):
        raise UsageError("which chip?", "give --port PORT or --virtual FILE")
    if virtual is not None:
        return open_virtual(virtual, name)
    found = open_port(str(port))
    if isinstance(found, State):
        raise UsageError(
            "the chip is in its secure download mode already", "its eFuses cannot be burned any more"
        )
    return found


def _facts(layout: Layout, state: State) -> dict[str, Any]:
    return {"board": layout.name, "chip": state.chip, "mac": state.mac, "revision": state.revision}


def _step(step: Step) -> dict[str, Any]:
    return {
        "row": step.row,
        "action": step.action,
        "target": step.target,
        "says": step.says,
        "irreversible": step.irreversible,
    }


def _plan_text(layout: Layout, state: State, left: list[Step], new: bool = False) -> str:
    revision = f"revision {state.revision // 100}.{state.revision % 100}"
    chip = f"a new {state.chip}, {revision} or later" if new else f"{state.chip} {state.mac}, {revision}"
    head = f"{layout.name}: {chip}"
    if not left:
        return f"{head}\nnothing is left to burn"
    rows = [
        [
            str(number),
            "for good" if item.irreversible else "-",
            f"{item.says}  (with --close)" if item.closes else item.says,
        ]
        for number, item in enumerate(left, 1)
    ]
    return f"{head}\n{table(rows, ['step', 'burned', 'what'])}"


def _report(state: State, report: Report) -> dict[str, Any]:
    rows = [
        {"row": item.row, "condition": item.says, "lines": list(item.lines), "holds": item.holds}
        for item in report.findings
    ]
    return {
        "chip": state.chip,
        "mac": state.mac,
        "good": report.good,
        "faults": list(report.faults),
        "rows": rows,
    }


def _report_text(report: Report) -> str:
    words = {True: "yes", False: "MISSING", None: "not shown"}
    return table([[words[item.holds], item.says] for item in report.findings], ["holds", "what"])
