"""The command line ``rostra``: finds the command, runs it, and puts what went wrong into one line.

Exit status: 0 done, 1 failed, 2 wrong use.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.exceptions import TyperException
from typer.main import get_group

from ..errors import RostraError
from .lazy import Commands

INTERRUPTED = 130

app = typer.Typer(
    cls=Commands,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(value: bool) -> None:  # noqa: FBT001  typer calls it with the option's value
    if value:
        typer.echo(f"rostra {version('rostra')}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def rostra(
    context: typer.Context,
    *,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    version: Annotated[  # noqa: ARG001  its callback does the work
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Chat models behind moderation, where people talk.

    Try it: rostra chat --once "What is the capital of France?"
    """
    context.obj = debug
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(2)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line, and exit."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    """Run the command line; return its exit status."""
    debug = "--debug" in arguments
    try:
        result: Any = get_group(app).main(list(arguments), prog_name="rostra", standalone_mode=False)
    except TyperException as error:
        if debug:
            raise
        message = error.format_message().replace("Value error, ", "").removesuffix(".")
        return _failed(f"{message} (see --help)", error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        return _failed("interrupted", INTERRUPTED)
    except BrokenPipeError:
        # Whoever read us has had enough. Python would complain again when it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except RostraError as error:
        if debug:
            raise
        return _failed(str(error), 1)
    except Exception as error:
        if debug:
            raise
        return _failed(f"{type(error).__name__}: {error} (a bug; --debug before the command shows where)", 1)
    return result if isinstance(result, int) else 0


def _failed(message: str, status: int) -> int:
    for line in message.splitlines() or [""]:
        typer.echo(f"rostra: {line}", err=True)
    return status
