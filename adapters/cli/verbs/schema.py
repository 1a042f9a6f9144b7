"""``countermand schema``: the published contract of the stream and of HTTP. Needs no server."""

import json
from typing import TYPE_CHECKING, Final

import click

from adapters.cli.doing.service import asking_bootstrap
from adapters.cli.exits import DONE
from adapters.cli.printing.output import Output
from adapters.cli.printing.sheets import SEPARATORS
from adapters.cli.typed import options as o
from adapters.cli.typed.kinds import beginning
from adapters.cli.words import event_types

if TYPE_CHECKING:
    from adapters.wire.schemas import Entry

DOCUMENTS: Final = ("asyncapi", "openapi")
HEADERS: Final = ("EVENT", "AGGREGATE", "SAYS")
FIELDS: Final = ("name", "type", "aggregate", "subject", "since", "summary")


def completed(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Names of documents, for a shell that completes a command line."""
    return beginning((*event_types(), *DOCUMENTS), incomplete)


@click.command("schema")
@click.argument("name", metavar="[NAME]", required=False, shell_complete=completed)
@o.prints
def verb(asked: o.Asked, name: str | None) -> int:
    """Print the JSON Schema of an event, or list the events there are.

    With `asyncapi` as NAME the AsyncAPI document of all of them, with `openapi` the document of
    the HTTP API.

    \b
      countermand schema
      countermand schema JobCancelRequested
      countermand schema asyncapi > asyncapi.json
    """
    if name is None:
        list_events(asked.out)
    else:
        print_document(asked.out, document(name))
    return DONE


def list_events(out: Output) -> None:
    """A row an event."""
    from adapters.wire.schemas import entries

    rows = [{field: getattr(x, field) for field in FIELDS} for x in entries()]
    out.listed(rows, None, HEADERS, lambda x: (x["name"], x["aggregate"], plain(x["summary"])))


def document(name: str) -> bytes:
    """The document of a name; a usage error says which there are."""
    from adapters.bootstrap import asked as bootstrap
    from adapters.wire.schemas import entries, found, schema_bytes

    if name in DOCUMENTS:
        return asking_bootstrap(lambda: bootstrap.document(name))
    entry = found(name)
    if entry is None:
        raise click.BadParameter(unknown(name, entries()), param_hint="'NAME'")
    return schema_bytes(entry)


def unknown(name: str, there: "tuple[Entry, ...]") -> str:
    """What was meant, perhaps, and what there is."""
    from difflib import get_close_matches

    names = [entry.name for entry in there]
    near = get_close_matches(name, names, n=1)
    meant = f" (did you mean {near[0]}?)" if near else ""
    there_are = f"{', '.join(names)}, and {', '.join(DOCUMENTS)}"
    return f"there is no event {name[:80]!r}{meant}; there are {there_are}"


def print_document(out: Output, raw: bytes) -> None:
    """A document, indented as it is published; in one line for ``ndjson``."""
    if out.fields or out.form in SEPARATORS:
        raise click.UsageError("a schema is a document: it has no fields, and is printed as JSON")
    shown = out if out.form == "ndjson" else Output("json")
    shown.value(json.loads(raw))


def plain(markdown: str) -> str:
    """Text for a terminal, without the marks around names."""
    return markdown.replace("`", "")
