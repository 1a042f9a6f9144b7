"""``countermand policy propose|activate``: other rules, by two persons."""

from pathlib import Path
from typing import Final

import click

from adapters.cli.doing.outcome import Outcome, say, settle
from adapters.cli.doing.policy_texts import text_of
from adapters.cli.exits import WAITING
from adapters.cli.reaching.shapes import Receipt
from adapters.cli.typed import options as o

FILE: Final = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))


@click.command("propose")
@FILE
@o.message_option
@o.key_option
@o.talks
def propose(asked: o.Asked, file: Path, message: str | None, key: str) -> int:
    """Propose the rules in FILE. Another administrator puts them in force, with `activate`.

    The rules are checked as `countermand policy check` does, and whether enough administrators
    could still activate others under them.

    Exit status: 0 proposed; 5 refused.

    \b
      countermand policy show --shipped > other.cedar
      printf '// quieter nights\\n' >> other.cedar
      countermand policy propose other.cedar -m "quieter nights"
    """
    body = {"text": text_of(file), "note": message or ""}
    outcome = send(asked, "propose_policy", "/policy/proposals", body, key)
    return tell(asked, outcome, outcome.status)


@click.command("activate")
@FILE
@click.option(
    "--backtest",
    metavar="ID",
    default="",
    help="Of a `policy backtest` of FILE, on the data directory of this service.",
)
@o.message_option
@o.key_option
@o.talks
def activate(asked: o.Asked, file: Path, backtest: str, message: str | None, key: str) -> int:
    """Put the rules in FILE in force, when another administrator has proposed the same text.

    When nobody has, they are proposed, and another administrator has to activate them. Nobody
    activates what they have proposed themselves. Decisions that were made stay as they are.

    Exit status: 0 in force; 5 refused; 6 in force already; 9 waiting for another person.
    """
    body = {"text": text_of(file), "note": message or "", "backtest": backtest}
    outcome = send(asked, "activate_policy", "/policy/activations", body, key)
    waiting = outcome.receipt.get("event_type") == "PolicyProposed"
    return tell(asked, outcome, WAITING if waiting else outcome.status)


def send(asked: o.Asked, operation: str, path: str, body: dict[str, str], key: str) -> Outcome:
    """Ask, under a request id."""
    asked.out.check(Receipt)
    mine = o.the_key(key)
    return settle("", operation, mine, lambda: asked.server.command(path, body, mine))


def tell(asked: o.Asked, outcome: Outcome, status: int) -> int:
    """What became of it."""
    if asked.out.for_people:
        say(asked.out, outcome)
    else:
        asked.out.value(outcome.receipt, Receipt)
    return status
