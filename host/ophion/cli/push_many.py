"""`ophion push` to several devices, and again at every save."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Protocol

import typer

from ophion.cli.hints import hint_of
from ophion.cli.output import clean, print_error, print_json, table
from ophion.cli.push_source import Source
from ophion.cli.push_verbs import describe_event
from ophion.cli.session import run_async
from ophion.cli.targets import target
from ophion.errors import OphionError

if TYPE_CHECKING:
    from ophion.package import ImageFile
    from ophion.push import Event, Outcome, PushOptions

_HEAD = ["DEVICE", "RESULT", "SECONDS"]


def push_to_many(images: list[ImageFile], options: PushOptions, at_once: int, as_json: bool) -> None:
    """Push to all devices of the command line; ends with `exit_code` of how it went."""

    async def work() -> dict[str, Outcome]:
        return await _push(images, options, at_once, as_json)

    outcomes = run_async(target().radio, work)
    _summary(outcomes, as_json)
    code = exit_code([outcome.error for outcome in outcomes.values()])
    if code:
        raise typer.Exit(code)


def exit_code(errors: Sequence[OphionError | None]) -> int:
    """0 when nothing failed, the failures' own code if they have one in common, else 1."""
    codes = {error.exit_code for error in errors if error is not None}
    if not codes:
        return 0
    return codes.pop() if len(codes) == 1 else 1


def push_on_save(source: Source, options: PushOptions, at_once: int, as_json: bool) -> None:
    """Push now, and again whenever a file of the application is saved, until Ctrl-C."""
    folder = source.folder
    assert folder is not None, "source_of sees to it"

    async def work() -> None:
        from ophion.build import changes

        async with aclosing(changes(folder)) as saves:
            await _once(source, options, at_once, as_json)
            _say(as_json, {"event": "watching", "folder": str(folder)}, f"watching {folder}; Ctrl-C ends")
            async for paths in saves:
                _say(as_json, {"event": "changed", "files": paths}, f"\nchanged: {', '.join(paths)}")
                await _once(source, options, at_once, as_json)

    run_async(target().radio, work)


async def _once(source: Source, options: PushOptions, at_once: int, as_json: bool) -> None:
    """Build, sign, push; what goes wrong is told, and the next save tries again."""
    try:
        images, warnings = await asyncio.to_thread(source.images)
    except OphionError as error:
        print_error(error.message, hint_of(error), as_json)
        return
    for warning in warnings:
        _say(as_json, {"event": "warning", "text": warning}, f"warning: {warning}")
    for image in images:
        value = {
            "event": "built",
            "version": image.version_text,
            "size": image.size,
            "hash": image.hash.hex(),
        }
        _say(as_json, value, f"built {image.version_text}: {image.size} bytes")
    _summary(await _push(images, options, at_once, as_json), as_json)


async def _push(
    images: list[ImageFile], options: PushOptions, at_once: int, as_json: bool
) -> dict[str, Outcome]:
    from ophion.push import Outcome, push_many

    devices = target().some
    outcomes: dict[str, Outcome] = {}
    view = _view(devices, as_json)
    try:
        async with aclosing(push_many(images, devices, options, at_once)) as steps:
            async for device, step in steps:
                if isinstance(step, Outcome):
                    outcomes[device] = step
                else:
                    view.take(device, step)
    finally:
        view.close()
    return {device: outcomes[device] for device in devices}


def _summary(outcomes: dict[str, Outcome], as_json: bool) -> None:
    """The table at the end, and each error with its hint."""
    if as_json:
        print_json({"event": "summary", "devices": [_row(name, it) for name, it in outcomes.items()]})
        return
    if len(outcomes) > 1:
        rows = [[name, _result(it), f"{it.seconds:.1f}"] for name, it in outcomes.items()]
        typer.echo(clean(table(rows, _HEAD)))
    sys.stdout.flush()
    for name, outcome in outcomes.items():
        if outcome.error is not None:
            print_error(f"{name}: {outcome.error.message}", hint_of(outcome.error), as_json)


def _row(name: str, outcome: Outcome) -> dict[str, object]:
    error = outcome.error
    return {
        "device": name,
        "ok": error is None,
        "result": _result(outcome),
        "seconds": outcome.seconds,
        "exit_code": error.exit_code if error else 0,
        "error": error.message if error else "",
        "hint": hint_of(error) if error else "",
    }


_FAILURES = {4: "not found", 5: "refused", 6: "link lost"}


def _result(outcome: Outcome) -> str:
    """One or a few words."""
    if outcome.error is not None:
        return _FAILURES.get(outcome.error.exit_code, "failed")
    if outcome.last is None:
        return "done"
    value = outcome.last.to_json()
    return f"{outcome.last.kind} {value.get('version', '')}".rstrip()


def _say(as_json: bool, value: dict[str, object], text: str) -> None:
    if as_json:
        print_json(value)
    else:
        typer.echo(clean(text))
        sys.stdout.flush()


class _View(Protocol):
    def take(self, device: str, event: Event) -> None: ...

    def close(self) -> None: ...


def _view(devices: Sequence[str], as_json: bool) -> _View:
    if as_json:
        return _JsonView()
    return _BarsView(devices) if sys.stdout.isatty() else _LinesView()


class _JsonView:
    def take(self, device: str, event: Event) -> None:
        print_json({"device": device, **event.to_json()})

    def close(self) -> None:
        pass


class _LinesView:
    """For pipes and logs: whose line it is stands before each."""

    def take(self, device: str, event: Event) -> None:
        line = describe_event(event)
        if line:
            typer.echo(clean(f"{device}: {line}"))
            sys.stdout.flush()

    def close(self) -> None:
        pass


class _BarsView:
    """For a terminal: a bar for each device that is being sent to, with rate and time left."""

    def __init__(self, devices: Sequence[str]) -> None:
        from ophion.cli.bars import upload_bars

        self._bars = upload_bars("{task.description}")
        self._tasks = {name: self._bars.add_task(clean(name), visible=False) for name in devices}
        self._bars.start()

    def take(self, device: str, event: Event) -> None:
        value = event.to_json()
        task = self._tasks[device]
        if event.kind == "uploading":
            self._bars.update(task, completed=value["offset"], total=value["total"], visible=True)
            return
        self._bars.update(task, visible=False)
        text = describe_event(event)
        if text:
            self._bars.console.print(clean(f"{device}: {text}"), markup=False, highlight=False)

    def close(self) -> None:
        self._bars.stop()
