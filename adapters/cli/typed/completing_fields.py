"""Names of fields for a shell that completes ``--fields``: those of what the verb prints."""

import click

from adapters.cli.printing.fields import known_of
from adapters.cli.reaching import shapes, view_shapes


def fields(context: click.Context, incomplete: str) -> list[str]:
    """The lists of names that go on with one more; "" for a verb of which nobody knows them."""
    before, comma, begun = incomplete.rpartition(",")
    shape = shape_of(context.command_path.split()[1:], context.params)
    there = known_of(shape).paths if shape else ()
    given = before.split(",")
    return [f"{before}{comma}{x}" for x in there if x.startswith(begun) and x not in given]


def shape_of(words: list[str], said: dict[str, object]) -> type | None:
    """What a verb prints, with the options that stand there already; None where that differs."""
    verb = " ".join(words)
    for option, shape in OTHERWISE.get(verb, {}).items():
        if said.get(option):
            return shape
    return PRINTS.get(verb)


PRINTS = {
    "ls": view_shapes.JobItem,
    "audit": view_shapes.AuditItem,
    "explain": view_shapes.Sentence,
    "show": shapes.JobDetail,
    "watch": shapes.StreamedEvent,
    "replay": shapes.Step,
    "params": shapes.Parameter,
    "nodes": view_shapes.NodeItem,
    "projections list": view_shapes.View,
    "projections": view_shapes.View,
    "projections rebuild": view_shapes.Rebuild,
    "submit": shapes.Receipt,
    "cancel": shapes.Receipt,
    "finish": shapes.Receipt,
    "requeue": shapes.Receipt,
    "configure": shapes.Receipt,
    "protect": shapes.Receipt,
    "unprotect": shapes.Receipt,
    "legal-hold": shapes.Receipt,
}
OTHERWISE: dict[str, dict[str, type]] = {
    "ls": {"stuck": view_shapes.CancellationItem},
    "show": {"events": shapes.StoredEvent, "follow_it": shapes.StreamedEvent},
    "replay": {"diff": shapes.FieldDifference},
    "params": {"value": shapes.Receipt},
}
"""What it prints instead when an option is given, by the parameter's name."""
