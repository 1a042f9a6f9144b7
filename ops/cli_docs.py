"""The text of docs/cli.md: the help of all verbs on one page, as the verbs themselves tell it."""

import inspect
import re
from collections.abc import Iterator, Sequence
from typing import Final

import click

from adapters.cli.exits import MEANINGS
from adapters.cli.verb_group import SECTIONS, verbs
from adapters.cli.verbs.audit import SearchOrExport
from ops.markdown import table

WIDTH: Final = 1000
"""So wide that click breaks no line: breaking them is for who shows the page."""

COMMON: Final = ("-o", "--fields", "-q", "--utc", "--endpoint", "--token", "--as", "-h")
"""Options that are explained once, at the top."""

HELP: Final = "-h"
Option = tuple[str, str]
"""How an option is written, and its help."""

HEAD: Final = """\
# The command line

Written by `make contracts` from the help of the verbs; `countermand VERB --help` prints the same.

## Options that mean the same everywhere

{options}

- A **table** is for people. On a terminal it fits the width: the last column is shortened with `…`
  first, and states, refusals and what is wrong have colours, unless `NO_COLOR` is set. Piped, it is
  plain, whole and never shortened.
- **json** is one document (a list is an array, `[]` when it is empty), **ndjson** an object a line.
- **csv** (RFC 4180) and **tsv** (nothing quoted) have the names of the fields in the first line,
  also when nothing follows. A row is always one line. What could act on a terminal stands as an
  escape (`\\n`, `\\x1b`, `\\u202e`), and a text that a spreadsheet would take for a formula begins
  with an apostrophe.
- **--fields** takes names with commas between. A part of a name stands for all below it: `cancel`
  for `cancel.actor`, `cancel.message` and so on. A name that is not known is refused, with those
  there are, before anything is asked for.
- stdout carries data, stderr words. Times in tables are local, or UTC with `--utc`; in every other
  form they are UTC.
- **TIME** is `2026-11-23T12:00:04`, `2026-11-23` (its midnight), `12:00:04` (today) or `-24h`
  (ago: `ms`, `s`, `m`, `h`, `d`); with a zone such as `Z` or `+01:00`, or else local time.

## Exit status

{statuses}

## Environment

{environment}
"""

ENVIRONMENT: Final = {
    "COUNTERMAND_ENDPOINT": "where the server is, as `--endpoint` says it",
    "COUNTERMAND_TOKEN_FILE": "a file with a bearer token, as `--token` names it",
    "COUNTERMAND_DATA": "the data directory; a client looks for `run/endpoint.json` in it",
    "NO_COLOR": "set to anything: no colours",
    "COLUMNS": "how wide the terminal is, if not as wide as it says",
    "COUNTERMAND_DEBUG": "set to anything: where in the code something unforeseen went wrong",
}


def document() -> str:
    """The whole page."""
    top = click.Context(verbs, info_name="countermand", terminal_width=WIDTH)
    common = [x for x in options(found(top, "audit")) if first(x[0]) in COMMON]
    parts = [
        HEAD.format(
            options=table(("option", "does"), common),
            statuses=table(("status", "means"), ((str(x), y) for x, y in MEANINGS.items())),
            environment=table(("variable", "does"), ENVIRONMENT.items()),
        )
    ]
    for title, names in SECTIONS.items():
        parts.append(f"## {title}\n")
        parts += [text for name in names for text in of_command(found(top, name), common)]
    return "\n".join(parts)


def found(top: click.Context, name: str) -> click.Context:
    """The context of a verb."""
    command = verbs.get_command(top, name)
    assert command is not None, "every verb that is listed is there"
    return context_of(top, name, command)


def context_of(parent: click.Context, name: str, command: click.Command) -> click.Context:
    """The context of a command, without running it."""
    return click.Context(
        command,
        info_name=name,
        parent=parent,
        help_option_names=["-h", "--help"],
        terminal_width=WIDTH,
    )


def of_command(ctx: click.Context, common: Sequence[Option]) -> Iterator[str]:
    """What there is to say of a command, and of those below it."""
    command = ctx.command
    yield f"### {ctx.command_path}\n"
    yield f"`{' '.join([ctx.command_path, *command.collect_usage_pieces(ctx)])}`\n"
    yield from paragraphs(command.help or "")
    every = list(options(ctx))
    own = [x for x in every if x not in common]
    if own:
        yield table(("option", "does"), own) + "\n"
    shared = [f"`{first(x[0])}`" for x in every if x in common and first(x[0]) != HELP]
    if shared:
        yield f"And {', '.join(shared)}.\n"
    for inner in below(ctx):
        yield from of_command(inner, common)


def below(ctx: click.Context) -> Iterator[click.Context]:
    """The contexts of the commands of a command."""
    command = ctx.command
    if isinstance(command, click.Group):
        for name, inner in sorted(command.commands.items()):
            yield context_of(ctx, name, inner)
    if isinstance(command, SearchOrExport):
        assert ctx.parent is not None, "it is a verb"
        for name, inner in command.subcommands().items():
            yield context_of(ctx.parent, f"{ctx.info_name} {name}", inner)


def options(ctx: click.Context) -> Iterator[Option]:
    """How each option is written, and its help."""
    for param in ctx.command.get_params(ctx):
        record = param.get_help_record(ctx) if isinstance(param, click.Option) else None
        if record is not None:
            yield f"`{record[0]}`", marked(" ".join(record[1].split()))


def first(written: str) -> str:
    """The shortest way to write an option."""
    return re.split(r"[ ,`]", written.strip("`"))[0]


def paragraphs(text: str) -> Iterator[str]:
    """Help as Markdown: what click leaves as it is stands there as code."""
    for paragraph in re.split(r"\n\s*\n", inspect.cleandoc(text)):
        if paragraph.startswith("\b"):
            lines = paragraph.splitlines()[1:]
            indent = min(len(line) - len(line.lstrip()) for line in lines)
            yield "\n".join(["```console", *(f"$ {line[indent:]}" for line in lines), "```", ""])
        else:
            yield marked(" ".join(paragraph.split())) + "\n"


def marked(text: str) -> str:
    """Text whose stars and angles mean themselves, but for what is code."""
    pieces = text.split("`")
    pieces[::2] = [x.replace("*", "\\*").replace("<", "&lt;") for x in pieces[::2]]
    return "`".join(pieces)
