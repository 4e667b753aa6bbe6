"""Writes ``docs/reference/command-line.md`` from the ``--help`` of every command. ``--print`` only prints it."""  # noqa: INP001  a script, in no package

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parent / "reference" / "command-line.md"

HEAD = """\
# Command line

```sh
rostra --help
```

Every command has `--help` with an example, and `--json` where it prints data.
Exit status: 0 done, 1 failed, 2 wrong use; 130 when interrupted.
Errors are lines on standard error that name the value and say what would be right.
Names, flags and JSON keys are stable from their first release.

This page is written by `python docs/rewrite_command_line.py`; a test fails when it is out of date.
"""


def page() -> str:
    """Return the page as it should be."""
    parts = [HEAD]
    for path in commands():
        name = " ".join(["rostra", *path])
        parts.append(f"## `{name}`\n\n```text\n{said(path)}\n```\n")
    return "\n".join(parts)


def commands() -> Iterator[tuple[str, ...]]:
    """Yield the path of every command, groups before what is in them."""
    from typer.main import get_group

    from rostra.cli.main import app

    yield ()
    group: Any = get_group(app)
    context = group.make_context("rostra", ["check"], resilient_parsing=True)
    for name in group.list_commands(context):
        yield (name,)
        _, command, _ = group.resolve_command(context, [name])
        for below in getattr(command, "commands", ()):
            yield (name, below)


def said(path: Sequence[str]) -> str:
    """Return what ``rostra PATH --help`` prints."""
    from rostra.cli.main import run

    heard = io.StringIO()
    with contextlib.redirect_stdout(heard):
        run([*path, "--help"])
    return "\n".join(line.rstrip() for line in heard.getvalue().strip("\n").splitlines())


def main() -> None:
    """Write the page, or print it."""
    # What the machine or its terminal is called must not show in the page.
    for variable in ("GITHUB_ACTIONS", "FORCE_COLOR", "PY_COLORS", "TERMINAL_WIDTH"):
        os.environ.pop(variable, None)
    os.environ.update(COLUMNS="100", TERM="dumb", NO_COLOR="1")
    if sys.argv[1:] == ["--print"]:
        sys.stdout.write(page())
    else:
        PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
