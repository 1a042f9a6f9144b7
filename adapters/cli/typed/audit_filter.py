"""Which rows of the audit trail: the options of ``audit``, as a query and in words."""

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, TypeVar

import click

from adapters.cli.typed import options as o
from adapters.cli.typed.kinds import EventType
from adapters.cli.typed.lists import since_option, span_query, until_option
from adapters.cli.words import KINDS, MODES, ORIGINS

Verb = TypeVar("Verb", bound=Callable[..., Any])
EVENT_DIGITS_MAX: Final = 18


class Facet(NamedTuple):
    """A column that is searched by its exact value: option, query field, and how to say it."""

    option: str
    field: str
    metavar: str
    words: str
    help: str
    type: Any = None

    @property
    def name(self) -> str:
        """The verb's name for it."""
        return f"by_{self.field}"


FACETS: Final = (
    Facet("--actor", "actor", "NAME", "done by", "Brought about by this person."),
    Facet("--for", "on_behalf_of", "NAME", "on behalf of", "Done for this person."),
    Facet("--requested-by", "requested_by", "NAME", "asked for by", "Following their request."),
    Facet("--owner", "owner", "NAME", "about jobs of", "About jobs of this owner."),
    Facet(
        *("--kind", "kind", "KIND", "of the kind", f"One of {', '.join(KINDS)}."),
        click.Choice(KINDS),
    ),
    Facet("--type", "type", "TYPE", "of the event type", "Such events.", EventType()),
    Facet("--operation", "operation", "WORD", "about the operation", "cancel, finish, requeue ..."),
    Facet("--mode", "mode", "MODE", "with the mode", f"{', '.join(MODES)}.", click.Choice(MODES)),
    Facet("--outcome", "outcome", "WORD", "with the outcome", "accepted, refused, Canceled ..."),
    Facet("--reason", "reason_code", "CODE", "with the reason code", "With this reason code."),
    Facet(
        *("--origin", "origin", "WORD", "that came by", f"One of {', '.join(ORIGINS)}."),
        click.Choice(ORIGINS),
    ),
    Facet("--rule", "rule", "RULE", "decided by the rule", "Decided by this rule."),
    Facet("--code", "code", "CODE", "with the code", "Refused or ended with this code."),
)
"""Each may be given several times, which means any of them."""

SINGLE: Final = (
    ("--job", "job", "J", "about the job", "About this job, or what was asked for instead."),
    ("--message", "message", "WORDS", "with these words in the message", "Words of the message."),
    (
        "--explanation",
        "explanation",
        "WORDS",
        "with these words in the explanation",
        "Words of a refusal.",
    ),
    ("--request", "request_id", "ID", "of the request", "About this request."),
)


def filters(verb: Verb) -> Callable[..., Any]:
    """Adds WORDS and every filter; the verb gets them as keyword arguments for ``query_of``."""
    told: Callable[..., Any] = verb
    for add in reversed([*map(facet_option, FACETS), *map(single_option, SINGLE), *OTHERS]):
        told = add(told)
    words = click.argument("words", metavar="[WORDS]", nargs=-1, shell_complete=subcommands)
    return words(told)


def subcommands(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """``export``, where it is a command and not a word to look for."""
    first = ctx.info_name == "audit" and not ctx.params.get("words")
    return ["export"] if first and "export".startswith(incomplete) else []


def facet_option(facet: Facet) -> Callable[..., Any]:
    """The option of a column."""
    return click.option(
        facet.option,
        facet.name,
        type=facet.type,
        metavar=facet.metavar,
        multiple=True,
        help=f"{facet.help} Repeatable.",
    )


def single_option(single: tuple[str, str, str, str, str]) -> Callable[..., Any]:
    """An option that is given once."""
    option, field, metavar, _, help_ = single
    complete = o.completed_jobs if field == "job" else None
    return click.option(option, field, metavar=metavar, help=help_, shell_complete=complete)


OTHERS: Final = (
    click.option("--task", type=click.IntRange(1), metavar="T", help="About this task of --job."),
    click.option("--event", metavar="ID", help="The row of this event: its number or its id."),
    click.option("--forced", is_flag=True, help="Asked for by force, or stopped by force."),
    click.option("--refused", is_flag=True, help="Only refusals."),
    since_option,
    until_option,
    click.option("--from", "first", type=click.IntRange(0), metavar="SEQ", help="From this event."),
    click.option("--to", "last", type=click.IntRange(0), metavar="SEQ", help="Up to this event."),
)


def query_of(asked: o.Asked, **given: Any) -> list[tuple[str, str]]:
    """The filters as the server wants them. A usage error for what does not go together."""
    check(given)
    query = [("words", " ".join(given["words"]))] if given["words"] else []
    query += [(facet.field, x) for facet in FACETS for x in given[facet.name]]
    query += [(field, given[field]) for _, field, *_ in SINGLE if given[field] is not None]
    query += [("task", str(given["task"]))] if given["task"] is not None else []
    query += [(name, "true") for name in ("forced", "refused") if given[name]]
    query += span_query(asked, given["since"], given["until"])
    places = (("from", given["first"]), ("to", given["last"]))
    query += [(name, str(place)) for name, place in places if place is not None]
    return query + event_query(given["event"])


def check(given: dict[str, Any]) -> None:
    """What excludes each other."""
    o.either(("--refused", given["refused"]), ("--kind", given["by_kind"]))
    for name, place in (("--from", given["first"]), ("--to", given["last"])):
        o.either(("--event", given["event"]), (name, place is not None))
    if given["task"] is not None and not given["job"]:
        raise click.UsageError("--task goes with --job: give the job that it is a task of")


def event_query(event: str | None) -> list[tuple[str, str]]:
    """One event, by its number in the stream or by its id."""
    if event is None:
        return []
    if event.isascii() and event.isdecimal() and len(event) <= EVENT_DIGITS_MAX:
        return [("from", event), ("to", event)]
    return [("event_id", event)]


def in_words(query: Sequence[tuple[str, str]]) -> str:
    """The filter as a sentence for whoever reads the file later."""
    said = {facet.field: facet.words for facet in FACETS}
    said |= {field: words for _, field, _, words, _ in SINGLE} | WORDS
    values: dict[str, list[str]] = {}
    for field, value in query:
        values.setdefault(field, []).append(value)
    told = [phrase(said[field], found) for field, found in values.items()]
    return f"Rows {', and '.join(told)}." if told else "All rows."


WORDS: Final = {
    "words": "with all of these words in message or explanation:",
    "task": "about the task",
    "forced": "asked for by force or stopped by force",
    "refused": "that are refusals",
    "since": "not earlier than",
    "until": "not later than",
    "from": "from event",
    "to": "up to event",
    "event_id": "of the event",
}


def phrase(words: str, values: Sequence[str]) -> str:
    """One filter in words."""
    return words if values == ["true"] else f"{words} {' or '.join(values)}"
