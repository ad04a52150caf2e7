"""Which device: the options of every verb that talks to one, and what they say.

The command line wins over the environment (OPHION_DEVICE), that over the profile: a device that is named at
one level hides those of the levels below.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from ophion.cli.access_options import ACCESS_OPTIONS, read_access
from ophion.cli.complete import device_names, folders, ports
from ophion.cli.profiles import Profile
from ophion.cli.session import TIMEOUT_S, Radio, Timeout
from ophion.errors import UsageError

if TYPE_CHECKING:
    from ophion.push import Access

Devices = Annotated[
    list[str] | None,
    typer.Option(
        "--ble",
        "--device",
        envvar="OPHION_DEVICE",
        metavar="NAME",
        autocompletion=device_names,
        help="Bluetooth name or address; or udp:HOST:PORT, serial:PATH, raw:PATH, sim:DIR.",
    ),
]
Udp = Annotated[
    list[str] | None, typer.Option("--udp", metavar="HOST:PORT", help="Its address, for SMP over UDP.")
]
Serial = Annotated[
    list[str] | None,
    typer.Option("--serial", metavar="PATH", autocompletion=ports, help="The serial port of its console."),
]
SerialRaw = Annotated[
    list[str] | None,
    typer.Option(
        "--serial-raw", metavar="PATH", autocompletion=ports, help="A serial port that carries only SMP."
    ),
]
Simulated = Annotated[
    list[str] | None,
    typer.Option(
        "--sim", metavar="DIR", autocompletion=folders, help="A simulated device, by the folder it runs in."
    ),
]
# option -> (its annotation, what a device's name begins with)
_ROADS = {
    "ble": (Devices, ""),
    "udp": (Udp, "udp:"),
    "serial": (Serial, "serial:"),
    "serial_raw": (SerialRaw, "raw:"),
    "sim": (Simulated, "sim:"),
}
_HINT = "--ble, --udp, --serial, --serial-raw or --sim; `ophion device list` shows who is in range"
_LEVELS = ("COMMANDLINE", "ENVIRONMENT", "DEFAULT_MAP", "DEFAULT")
_Verb = TypeVar("_Verb", bound=Callable[..., None])


@dataclass(frozen=True)
class Target:
    """Who is meant, and how to reach it: names as `ophion.push.Link` takes them."""

    devices: tuple[str, ...]
    radio: str
    timeout_s: float
    access: Access | None

    @property
    def one(self) -> str:
        """The only device. Raises UsageError for none or several."""
        if len(self.devices) != 1:
            if self.devices:
                raise UsageError(
                    f"{len(self.devices)} devices are named, this verb talks to one",
                    f"leave one of them: {', '.join(self.devices)}",
                )
            raise UsageError("no device is named, this verb talks to one", f"name one with {_HINT}")
        return self.devices[0]

    @property
    def some(self) -> tuple[str, ...]:
        """One device or more. Raises UsageError for none."""
        if not self.devices:
            raise UsageError("no device is named", f"name one or more with {_HINT}")
        return self.devices


_current: ContextVar[Target] = ContextVar("target")


def target() -> Target:
    """What the verb that runs was told."""
    return _current.get()


def takes_devices(verb: _Verb) -> _Verb:
    """Give `verb` the options; what they say is `target()` while it runs."""
    signature = inspect.signature(verb, eval_str=True)
    options: dict[str, tuple[Any, Any]] = {
        **{name: (kind, None) for name, (kind, _) in _ROADS.items()},
        "timeout": (Timeout, TIMEOUT_S),
        "radio": (Radio, None),
        **ACCESS_OPTIONS,
        "profile": (Profile, None),
    }

    @functools.wraps(verb)
    def wrapped(context: typer.Context, *arguments: Any, **words: Any) -> None:
        ours = {name: words.pop(name) for name in options}
        before = _current.set(_read(context, ours))
        try:
            verb(*arguments, **words)
        finally:
            _current.reset(before)

    more = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
        for name, (kind, default) in options.items()
    ]
    first = inspect.Parameter("context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
    own = [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in signature.parameters.values()
    ]
    parameters = [first, *own, *more]
    wrapped.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    wrapped.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return wrapped  # type: ignore[return-value]


def _read(context: typer.Context, words: dict[str, Any]) -> Target:
    radio = words["radio"] or "os"
    access = read_access(radio, **{name: words[name] for name in ACCESS_OPTIONS})
    return Target(_devices(context, words), radio, words["timeout"], access)


def _devices(context: typer.Context, words: dict[str, Any]) -> tuple[str, ...]:
    """The devices of the strongest level that names any, in the order of the options; each once."""
    levels: dict[int, list[str]] = {}
    for name, (_, prefix) in _ROADS.items():
        source = context.get_parameter_source(name)
        if words[name] and source is not None:
            named = levels.setdefault(_LEVELS.index(source.name), [])
            named += [prefix + value for value in words[name]]
    return tuple(dict.fromkeys(levels[min(levels)])) if levels else ()
