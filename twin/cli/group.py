"""How `twin` behaves as a tree of commands: help that is whole, usage errors in one line, what is said of an interruption."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from twin.cli.output import unwritten

if TYPE_CHECKING:
    from collections.abc import Sequence

INTERRUPTED, USAGE = 130, 2
WHOLE = 1_000  # characters: more than any first sentence has
GOES_ON = {  # commands that keep what they did, so that the next run has less to do
    "twin up",
    "twin documents sync",
    "twin documents snapshot",
    "twin documents restore",
    "twin index build",
    "twin index snapshot",
    "twin index restore",
    "twin dataset build",
    "twin dataset review",
    "twin model train",
}


class Group(TyperGroup):
    """A noun with its verbs."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """The first sentence of each command, over two lines rather than cut."""
        found = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.get_short_help_str(WHOLE)) for name, command in found if command])

    def invoke(self, ctx: Any) -> Any:
        """Run a verb; Ctrl-C and SIGTERM end it with a line that says what to do."""
        try:
            return super().invoke(ctx)
        except (KeyboardInterrupt, typer.Abort) as exc:  # a prompt turns the one into the other
            goes_on = f"{ctx.command_path} {ctx.invoked_subcommand}" in GOES_ON
            rest = "; what was written is complete, run the same command to go on" if goes_on else ""
            own_line = "\n" if sys.stderr.isatty() else ""  # where the terminal has written ^C behind what stood there
            print(f"{own_line}twin: interrupted{rest}", file=sys.stderr)
            raise typer.Exit(INTERRUPTED) from exc


def run(app: typer.Typer, arguments: Sequence[str] | None = None) -> int:
    """Run a command line and give its exit status; what is wrong with it is said in one line."""
    try:
        status = app(arguments, prog_name="twin", standalone_mode=False) or 0
    except TyperException as exc:
        said = exc.format_message()
        if said.startswith("Usage:"):  # a noun without a verb: its help
            print(said, file=sys.stderr)
        else:
            print(f"twin: {_line(said)} (`{_path(exc)} -h` says what it takes)", file=sys.stderr)
        return exc.exit_code
    except SystemExit:  # Typer's own, when what reads our output has left: `twin documents list | head`
        return 0
    if not status and (left := unwritten()):
        print(f"twin: --write {left[0]}: this command has no result to write", file=sys.stderr)
        return USAGE
    return int(status)


def _line(said: str) -> str:
    """A usage error in one line, without the words of the library that found it."""
    words = " ".join(said.split()).replace("Value error, ", "").replace("Input should be", "it should be")
    return (words[0].lower() + words[1:]).rstrip(".")


def _path(exc: TyperException) -> str:
    context = getattr(exc, "ctx", None)
    return context.command_path if context else "twin"
