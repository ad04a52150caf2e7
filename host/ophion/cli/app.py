"""All verbs in one application, and the one place where errors become lines and exit codes.

Exit codes: 0 done, 1 general error, 2 wrong usage, 3 bad input file, 4 device not found, 5 refused
by the device, 6 link lost, 7 verification failed, 130 interrupted.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

import typer

from ophion.cli import (
    board_verbs,
    chain_verbs,
    delta_verb,
    demo_verb,
    device_verbs,
    image_verbs,
    install_verbs,
    key_verbs,
    provision_verbs,
    push_verbs,
    sim_verbs,
)
from ophion.cli.hints import hint_of, interrupted_hint
from ophion.cli.output import print_error
from ophion.cli.profiles import RootProfile, choose
from ophion.errors import EXIT_INTERRUPTED, OphionError

DEBUG_VARIABLE = "OPHION_DEBUG"
_EPILOG = (
    "Exit codes: 0 done, 1 error, 2 wrong usage, 3 bad input file, 4 device not found, "
    "5 refused by the device, 6 link lost, 7 verification failed, 130 interrupted."
)


def make_app() -> typer.Typer:
    """The command line as a value."""
    app = typer.Typer(
        name="ophion",
        help="Build, sign and push updates for MicroPython devices.",
        epilog=_EPILOG,
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        # Colours are for terminals; NO_COLOR (no-color.org) switches them off there.
        context_settings={
            "help_option_names": ["-h", "--help"],
            "color": False if os.environ.get("NO_COLOR") else None,
        },
    )
    app.callback()(_root)
    verbs = (
        image_verbs,
        delta_verb,
        key_verbs,
        chain_verbs,
        push_verbs,
        device_verbs,
        board_verbs,
        install_verbs,
        provision_verbs,
        sim_verbs,
        demo_verb,
    )
    for module in verbs:
        module.register(app)
    return app


def _version(wanted: bool) -> None:
    if wanted:
        from ophion import __version__

        typer.echo(f"ophion {__version__}")
        raise typer.Exit


def _root(
    context: typer.Context,
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version and exit."
    ),
    profile: RootProfile = None,
) -> None:
    """Build, sign and push updates for MicroPython devices."""
    choose(context, profile)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run `arguments` (None: those of the process) and return the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    as_json = "--json" in words
    try:
        result: Any = make_app()(words, prog_name="ophion", standalone_mode=False)
        code = result if isinstance(result, int) else 0
        if code == EXIT_INTERRUPTED:  # what typer makes of Ctrl-C
            print_error("interrupted", interrupted_hint(words), as_json)
        return code
    except OphionError as error:
        print_error(error.message, hint_of(error, words), as_json)
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        print_error("interrupted", interrupted_hint(words), as_json)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has gone; nothing is left to say, also not at interpreter exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        return _other(error, as_json)


def _other(error: Exception, as_json: bool) -> int:
    """Wrong usage as click found it, or a mistake of ours: one line each, a traceback only when asked for."""
    shown = getattr(error, "format_message", None)
    if type(error).__name__ == "NoArgsIsHelpError" and not as_json:
        print(getattr(error, "message", ""), file=sys.stderr)
        return 2
    if shown is not None:
        context = getattr(error, "ctx", None)
        hint = f"see `{context.command_path} --help`" if context is not None else ""
        print_error(shown().rstrip("."), hint, as_json)
        return int(getattr(error, "exit_code", 2))
    if os.environ.get(DEBUG_VARIABLE):
        raise error
    print_error(
        f"unexpected {type(error).__name__}: {error}",
        f"this is a bug of ophion; {DEBUG_VARIABLE}=1 shows where",
        as_json,
    )
    return 1
