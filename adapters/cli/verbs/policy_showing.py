"""``countermand policy show|history|diff|explain``: which rules are in force, and were."""

from typing import Final

import click

from adapters.cli.doing.policy_difference import differences, told
from adapters.cli.doing.policy_texts import named_policy, query_at
from adapters.cli.doing.service import asking_bootstrap
from adapters.cli.exits import DONE, REFUSED, WAITING
from adapters.cli.printing.moments import shown
from adapters.cli.printing.output import Output
from adapters.cli.reaching.policy_shapes import Answer, Known, Policy, PolicyStep, Request, Shadow
from adapters.cli.typed import options as o
from adapters.cli.words import MODES, POLICY_ACTIONS

STEP: Final = ("EVENT", "TIME", "WHAT", "RULES", "BY", "NOTE")
DIGEST_CHARACTERS: Final = 12
STATUS: Final = {"allow": DONE, "hold": WAITING}
ANSWERS: Final = {"allow": "allowed", "hold": "allowed, but it waits first"}
WHAT: Final = {
    "PolicySchemaRecorded": "schema",
    "PolicyProposed": "proposed",
    "PolicyActivated": "in force",
    "PolicyShadowStarted": "in shadow",
    "PolicyShadowStopped": "shadow ended",
    "PolicyCommandRefused": "refused",
}


@click.command("show")
@click.option("--schema", is_flag=True, help="What rules may ask about, instead of the rules.")
@click.option(
    "--at", metavar="TIME|EVENT", help="Those in force then: a time, or an event's place."
)
@click.option("--shipped", is_flag=True, help="Those that came with this program; no server.")
@click.option("--shadow", is_flag=True, help="Those that run in shadow, or did then.")
@o.talks
def show(asked: o.Asked, schema: bool, at: str | None, shipped: bool, shadow: bool) -> int:
    """Print the rules in force: the exact text, whose SHA-256 is the digest that decisions name.

    What else there is to say of them is said beside it, or stands in the JSON.

    \b
      countermand policy show > rules.cedar
      countermand policy show --at 2
      countermand policy show --shipped --schema
    """
    o.either(("--at", at is not None), ("--shipped", shipped))
    o.either(("--shadow", shadow), ("--shipped", shipped))
    o.either(("--shadow", shadow), ("--schema", schema))
    if shipped:
        return show_shipped(asked.out, schema)
    if shadow:
        return show_shadow(asked, at)
    found = asked.server.policy(query_at(asked, at))
    if not asked.out.for_people:
        asked.out.value(found, Policy)
        return DONE
    write(asked.out, found["schema"] if schema else found["rules"])
    asked.out.note(f"rules   {found['digest']}")
    asked.out.note(f"schema  {found['schema_digest']}")
    asked.out.note(origin(found, asked.out.utc))
    if found["broken"]:
        asked.out.note(f"THESE RULES CANNOT BE USED: {found['broken']}")
    return DONE


def show_shipped(out: Output, schema: bool) -> int:
    """Those of this program."""
    import msgspec

    from adapters.bootstrap import asked as bootstrap

    found = asking_bootstrap(bootstrap.policy)
    if not out.for_people:
        out.value(msgspec.structs.asdict(found))
        return DONE
    write(out, found.schema if schema else found.rules)
    out.note(f"rules   {found.digest}")
    out.note(f"schema  {found.schema_digest}")
    out.note(f"engine  {found.engine}")
    return DONE


def show_shadow(asked: o.Asked, at: str | None) -> int:
    """Those that run in shadow."""
    found = asked.server.policy_shadow(query_at(asked, at))
    if not asked.out.for_people:
        asked.out.value(found, Shadow)
        return DONE
    write(asked.out, found["rules"])
    when = f"{shown(found['at'], asked.out.utc)} (event {found['position']})"
    asked.out.note(f"rules   {found['digest']}")
    asked.out.note(f"in shadow, started by {found['started_by']} {when}")
    return DONE


def write(out: Output, text: str) -> None:
    """A text as it is."""
    for line in text.removesuffix("\n").split("\n"):
        out.line(line)


def origin(found: Policy, utc: bool) -> str:
    """Where rules came from."""
    when = f"{shown(found['at'], utc)} (event {found['position']})"
    if not found["in_force"]:
        return f"proposed by {found['author']} {when}, and never in force"
    if not found["approver"]:
        return f"they came with Countermand, and are in force since {when}"
    return f"by {found['author']}, activated by {found['approver']} {when}"


@click.command("history")
@o.talks
def history(asked: o.Asked) -> int:
    """List every schema, proposal, activation and refusal, the oldest first.

    \b
      countermand policy history
      countermand policy history -o json
    """
    asked.out.check(PolicyStep)
    steps = asked.server.policy_history()["steps"]
    asked.out.listed(steps, PolicyStep, STEP, lambda x: row(x, asked.out.utc))
    return DONE


def row(step: PolicyStep, utc: bool) -> tuple[object, ...]:
    """A fact as a row."""
    who = step["actor"]
    if step["type"] == "PolicyActivated" and step["approver"]:
        who = f"{step['approver']}, proposed by {step['author']}"
    note = step["note"] or step["explanation"]
    what = WHAT.get(step["type"], step["type"])
    digest = step["digest"][:DIGEST_CHARACTERS]
    return step["position"], shown(step["at"], utc), what, digest, who, note


@click.command("diff")
@click.argument("before", metavar="A")
@click.argument("after", metavar="B")
@o.talks
def diff(asked: o.Asked, before: str, after: str) -> int:
    """Compare two policies, rule by rule: by their ids, and the lines that differ.

    A and B are files, digests (their first 6 digits or more), or places of events in the stream:
    what was in force after that event.

    \b
      countermand policy show > rules.cedar
      countermand policy diff 2 rules.cedar
    """
    from adapters.cli.reaching.policy_differing import Differs

    asked.out.check(Differs)
    texts = [named_policy(asked.server, name) for name in (before, after)]
    found = differences(*texts)
    if asked.out.for_people:
        for line in told(found):
            asked.out.line(line)
    else:
        asked.out.values(found, Differs)
    return DONE


@click.command("explain")
@o.job_argument
@click.option("--as", "person", metavar="USER", help="Who would ask. Else: you.")
@click.option("--action", type=click.Choice(POLICY_ACTIONS), default="cancel", help="Else: cancel.")
@click.option("--mode", type=click.Choice(MODES), help="Of a cancel. Else: normal.")
@click.option("--force", is_flag=True, help="The same as --mode forced.")
@click.option("--graceful", is_flag=True, help="The same as --mode graceful.")
@o.message_option
@o.reason_option
@o.reaches
def explain(
    asked: o.Asked,
    job: str,
    person: str | None,
    action: str,
    mode: str | None,
    force: bool,
    graceful: bool,
    message: str | None,
    reason: str,
) -> int:
    """Say what the rules in force would answer now, by which of them, and what they were told.

    Nothing is done, and nothing recorded. The job and the person are real ones, asked about as they
    are now; what is made up is a case of `policy test`.

    Exit status: 0 it would be allowed; 3 no such job or person; 5 it would be refused; 9 it would
    have to wait first.

    \b
      countermand policy explain 17 --as root --force
      countermand policy explain 17 --action requeue
    """
    from domain.message import said_units

    o.either(("--mode", mode is not None), ("--force", force), ("--graceful", graceful))
    chosen = "forced" if force else "graceful" if graceful else mode
    query = [("job", job), ("action", action)]
    query += [("person", person)] if person else []
    query += [("mode", chosen)] if chosen else []
    query += [("message_units", str(said_units(message)))] if message else []
    query += [("reason_code", reason)] if reason else []
    asked.out.check(Answer)
    found = asked.server.policy_answer(query)
    if asked.out.for_people:
        say(asked.out, found)
    else:
        asked.out.value(found, Answer)
    return STATUS.get(found["effect"], REFUSED)


def say(out: Output, found: Answer) -> None:
    """The answer, its rules, and what they were told."""
    out.fact("answer", ANSWERS.get(found["effect"], "REFUSED"))
    if found["hold_seconds"]:
        out.fact("hold", f"{found['hold_seconds']} s, in which it can be withdrawn")
    if found["approvals"]:
        out.fact("approvals", f"{found['approvals']} by other people")
    out.fact("rules", ", ".join(found["rules"]))
    if found["explanation"]:
        out.fact("why", found["explanation"])
    for error in found["errors"]:
        out.fact("error", error)
    for request in found["requests"]:
        out.fact("asked", sentence(request))
    out.note(f"by the rules {found['digest']}")


def sentence(request: Request) -> str:
    """What the engine was asked, as words."""
    principal, resource = request["principal"], request["resource"]
    who = f"{principal['type']} {principal['id']} in {', '.join(principal['roles']) or 'no role'}"
    about = f"{resource['type']} {resource['id']}{pairs(resource['attributes'])}"
    return f"{who}, {request['action']}, {about}; context{pairs(request['context'])}"


def pairs(known: Known) -> str:
    """Names and values."""
    told = ", ".join(f"{name}={value!r}" for name, value in sorted(known.items()))
    return f" ({told})" if told else ""
