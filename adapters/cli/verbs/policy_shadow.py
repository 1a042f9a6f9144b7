"""``countermand policy shadow``: rules that are asked beside those in force, and bind nobody."""

from pathlib import Path
from typing import Protocol

import click

from adapters.cli.default_group import DefaultGroup
from adapters.cli.doing.former_rules import former_rules
from adapters.cli.doing.policy_texts import named_policy
from adapters.cli.doing.service import Chosen, asking_bootstrap, chooses
from adapters.cli.doing.telling import Telling
from adapters.cli.printing.moments import shown
from adapters.cli.typed import options as o
from adapters.cli.typed.lists import since_option, until_option
from adapters.cli.verbs.policy_backtest import Report, Row, say, status, untrustworthy
from adapters.cli.verbs.policy_changing import send, tell


class Run(Protocol):
    """Rules that run in shadow, or did."""

    @property
    def digest(self) -> str: ...
    @property
    def rule_count(self) -> int: ...
    @property
    def started(self) -> int: ...
    @property
    def ended(self) -> int: ...
    @property
    def at(self) -> str: ...
    @property
    def started_by(self) -> str: ...


class Reported(Protocol):
    """The last run of some rules, and all that they said."""

    @property
    def run(self) -> Run: ...
    @property
    def report(self) -> Report: ...


@click.group("shadow", cls=DefaultGroup, default="report")
def shadow() -> None:
    """Run other rules in shadow: asked all that the rules in force are asked, binding nobody.

    Without a verb: what they said so far. `countermand policy show --shadow` prints them.
    """


@shadow.command("report")
@click.argument("digest", required=False, default="", metavar="[DIGEST]")
@chooses("data", "cluster", "nats_url")
@since_option
@until_option
@former_rules
@o.tells("How many differences of each kind are told in full; all of them are counted.")
@o.prints
def report(
    asked: o.Asked,
    chosen: Chosen,
    digest: str,
    since: str | None,
    until: str | None,
    files: tuple[Path, ...],
    limit: int,
) -> int:
    """Tell what rules in shadow said otherwise than what was decided: those that ran last, or those
    of DIGEST (its beginning is enough), in all their runs.

    Told as by `backtest`: what was refused and would be allowed first, then how many by rule, owner
    and job, and an id that `activate --backtest` takes. The decisions and what was said in shadow
    are computed again first; when one differs, nothing else is said.

    Exit status: as of `backtest`: 0 they always agreed; 11 they did not; 10 a record is not what
    its rules say; 1 the rules of some decisions are not here (see --policy); 3 none ever ran; 75
    the stream cannot be read now.

    \b
      countermand policy show --shipped > next.cedar
      printf '// quieter days\\n' >> next.cedar
      countermand policy shadow start next.cedar
      countermand policy shadow
      countermand policy shadow report --since -7d --limit 10000 -o csv
      countermand policy shadow stop
    """
    asked.out.check(Row)
    begin = o.moment_or_none(since, asked, "--since")
    end = o.moment_or_none(until, asked, "--until")
    full = chosen.with_default_data()
    words = Telling(asked)

    def ask() -> Reported:
        from adapters.bootstrap import asked as bootstrap

        with words:
            return bootstrap.policy_shadow(
                full.overrides,
                full.config_file,
                digest,
                files,
                words.reached,
                since=begin,
                until=end,
                limit=limit,
            )

    found = asking_bootstrap(ask)
    if asked.out.for_people:
        asked.out.note(told(found.run, asked.out.utc))
    untrue = untrustworthy(asked.out, found.report.rechecked)
    if untrue:
        return untrue
    say(asked.out, found.report, "were answered in shadow", {"run": document(found.run)})
    return status(found.report.basis)


def told(run: Run, utc: bool) -> str:
    """Which rules, and whether they still run."""
    until = f", ended by event {run.ended}" if run.ended else ", and run now"
    when = f"{shown(run.at, utc)} (event {run.started})"
    return f"the rules {run.digest[:12]}: in shadow since {when}, by {run.started_by}{until}"


def document(run: Run) -> object:
    """A run as JSON."""
    import msgspec

    return msgspec.to_builtins(run)


@shadow.command("start")
@click.argument("rules", metavar="FILE|DIGEST|EVENT")
@o.message_option
@o.key_option
@o.talks
def start(asked: o.Asked, rules: str, message: str | None, key: str) -> int:
    """Run rules in shadow: those of a file, or those that were proposed or in force before, by
    their digest, or by an event after which they were in force.

    From then on they are asked with each decision, about the same facts. What they say is recorded
    with it and changes nothing; an error of theirs is recorded, too. One text runs at a time, until
    it is stopped or in force itself. Takes the right to activate policies, of one person.

    Exit status: 0 they run; 5 refused; 6 others run already, or these are in force.

    \b
      countermand policy show --shipped > next.cedar
      printf '// quieter nights\\n' >> next.cedar
      countermand policy shadow start next.cedar -m "what would this change?"
      countermand policy show --shadow
      countermand policy shadow stop
    """
    body = {"text": named_policy(asked.server, rules), "note": message or ""}
    outcome = send(asked, "shadow_policy", "/policy/shadow", body, key)
    return tell(asked, outcome, outcome.status)


@shadow.command("stop")
@o.message_option
@o.key_option
@o.talks
def stop(asked: o.Asked, message: str | None, key: str) -> int:
    """Ask the rules that run in shadow no more. What they said stays.

    Exit status: 0 they run no more; 5 refused; 6 none run.
    """
    body = {"note": message or ""}
    outcome = send(asked, "stop_policy_shadow", "/policy/shadow/stop", body, key)
    return tell(asked, outcome, outcome.status)
