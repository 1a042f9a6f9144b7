"""``countermand policy why``: what one recorded decision rests on."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

import click

from adapters.cli.doing.former_rules import former_rules
from adapters.cli.doing.service import Chosen, asking_bootstrap, chooses
from adapters.cli.exits import DIFFERENT, DONE, FAILURE
from adapters.cli.printing.output import Output
from adapters.cli.typed import options as o

SAID: Final = {
    "same": "yes, computed again just now from what stands in the event",
    "different": "NO: computed again just now it comes out otherwise",
    "rules not here": "cannot be told: hand the rules of that digest over with --policy",
}
STATUSES: Final = {"same": DONE, "different": DIFFERENT, "rules not here": FAILURE}
COLUMNS: Final = 11


class Entity(Protocol):
    """Somebody or something as a policy was told of it."""

    @property
    def type(self) -> str: ...
    @property
    def id(self) -> str: ...
    @property
    def attributes(self) -> Mapping[str, object]: ...
    @property
    def roles(self) -> Sequence[str]: ...


class Request(Protocol):
    """What the policy was asked."""

    @property
    def principal(self) -> Entity: ...
    @property
    def action(self) -> str: ...
    @property
    def resource(self) -> Entity: ...
    @property
    def context(self) -> Mapping[str, object]: ...


class Shadow(Protocol):
    """What rules in shadow said."""

    @property
    def effect(self) -> str: ...
    @property
    def digest(self) -> str: ...
    @property
    def rules(self) -> Sequence[str]: ...
    @property
    def errors(self) -> Sequence[str]: ...


class Decision(Protocol):
    """What was recorded."""

    @property
    def effect(self) -> str: ...
    @property
    def digest(self) -> str: ...
    @property
    def facts(self) -> Mapping[str, str]: ...
    @property
    def explanation(self) -> str: ...
    @property
    def engine(self) -> str: ...
    @property
    def requests(self) -> Sequence[Request]: ...
    @property
    def errors(self) -> Sequence[str]: ...
    @property
    def shadow(self) -> Shadow | None: ...


class Rule(Protocol):
    """A rule that determined the answer."""

    @property
    def id(self) -> str: ...
    @property
    def text(self) -> str: ...


class Why(Protocol):
    """What a decision rests on."""

    @property
    def position(self) -> int: ...
    @property
    def type(self) -> str: ...
    @property
    def aggregate(self) -> str: ...
    @property
    def time(self) -> str: ...
    @property
    def actor(self) -> str: ...
    @property
    def recomputed(self) -> str: ...
    @property
    def table(self) -> bool: ...
    @property
    def rules(self) -> Sequence[Rule]: ...
    @property
    def decision(self) -> Decision: ...
    @property
    def in_shadow(self) -> str: ...


@click.command("why")
@click.argument("event", metavar="EVENT", type=click.IntRange(1))
@chooses("data", "cluster", "nats_url")
@former_rules
@o.prints
def why(asked: o.Asked, chosen: Chosen, event: int, files: tuple[Path, ...]) -> int:
    """Say why a request was allowed or refused: the rules that did it, and all that they were told.

    EVENT is the number of the event of the request, as `countermand explain` and `countermand
    audit` name it. The decision is computed again from what stands in that event. Reads only.

    What rules in shadow said to it is told, too, and computed again.

    Exit status: 0 the rules say so; 10 they do not; 1 they are not here (see --policy); 3 there is
    no such event, or no policy was asked for it; 75 the stream cannot be read now.

    \b
      countermand policy why 514
      countermand policy why 514 -o json
    """
    import msgspec

    from adapters.bootstrap import asked as bootstrap

    full = chosen.with_default_data()
    found: Why = asking_bootstrap(
        lambda: bootstrap.policy_why(full.overrides, full.config_file, event, files)
    )
    if asked.out.for_people:
        say(asked.out, found)
    else:
        asked.out.value(msgspec.to_builtins(found))
    return STATUSES[found.recomputed] or STATUSES.get(found.in_shadow, DONE)


def say(out: Output, found: Why) -> None:
    """For people."""
    decision = found.decision
    facts = [
        ("event", f"{found.position}, {found.type} of {found.aggregate}, {found.time}"),
        ("asked", f"{decision.facts.get('action', '')}, by {found.actor}"),
        ("answer", str(decision.effect)),
        *([("words", decision.explanation)] if decision.explanation else []),
        *(("error", error) for error in decision.errors),
        ("by", "the table before Cedar" if found.table else f"the rules {decision.digest}"),
        *([("engine", decision.engine)] if decision.engine else []),
        ("rules say", SAID[found.recomputed]),
        *in_shadow(found),
    ]
    for name, value in facts:
        out.fact(name, value, COLUMNS)
    for rule in found.rules:
        say_rule(out, rule)
    for request in decision.requests:
        say_request(out, request)
    if not decision.requests:
        out.line("")
        for name, value in decision.facts.items():
            out.fact("told", f"{name} {value}", COLUMNS)


def in_shadow(found: Why) -> list[tuple[str, str]]:
    """What rules in shadow said."""
    answer = found.decision.shadow
    if answer is None:
        return []
    by = f" by {', '.join(answer.rules)}" if answer.rules else ""
    said = f"{answer.effect}{by}{''.join(f': {x}' for x in answer.errors)}"
    return [
        ("in shadow", f"{said}, which binds nobody; of the rules {answer.digest}"),
        ("they say", SAID[found.in_shadow]),
    ]


def say_rule(out: Output, rule: Rule) -> None:
    """A rule as it is written."""
    out.line("")
    out.fact("rule", rule.id, COLUMNS)
    for line in rule.text.splitlines():
        out.line(f"  {line}")


def say_request(out: Output, request: Request) -> None:
    """All that the rules were told."""
    out.line("")
    out.fact("principal", entity(request.principal), COLUMNS)
    out.fact("action", request.action, COLUMNS)
    out.fact("resource", entity(request.resource), COLUMNS)
    out.fact("context", pairs(request.context), COLUMNS)


def entity(one: Entity) -> str:
    """Somebody or something with what was known of it."""
    roles = f" in {', '.join(one.roles)}" if one.roles else ""
    told = pairs(one.attributes)
    return f"{one.type} {one.id}".rstrip() + roles + (f": {told}" if told else "")


def pairs(known: Mapping[str, object]) -> str:
    """Names and values."""
    return ", ".join(f"{name} {value!r}" for name, value in known.items())
