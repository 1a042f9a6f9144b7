"""``countermand explain``: why a job ended, in sentences."""

import click

from adapters.cli.exits import DONE
from adapters.cli.printing.stdout import columns_out
from adapters.cli.printing.tables import wrapped
from adapters.cli.reaching.view_shapes import Sentence
from adapters.cli.typed import options as o
from adapters.escape import safe


@click.command("explain")
@o.job_argument
@click.option("--at", metavar="TIME", help="As it was at this time.")
@o.talks
def verb(asked: o.Asked, job: str, at: str | None) -> int:
    """Say in plain sentences why a job ended, or why it has not.

    The first sentence is the answer. Each names the events it rests on, by their place in the
    stream: `countermand show JOB --events` and `countermand audit --event N` show them.

    \b
      countermand explain 17
      countermand explain 17 --at 12:00:04        # or -5m, or 2026-11-23T12:00:04Z
    """
    out = asked.out
    out.check(Sentence)
    told = asked.server.explanation(job, o.at_query(asked, at))
    if out.for_people:
        for sentence in told["sentences"]:
            for line in lines(sentence, columns_out()):
                out.line(line)
    elif out.form == "json" and not out.fields:
        out.value(told)
    else:
        out.values(told["sentences"], Sentence)
    return DONE


def lines(sentence: Sentence, columns: int | None) -> list[str]:
    """The sentence with its events; on a terminal broken between words."""
    places = sentence["events"]
    word = "event" if len(places) == 1 else "events"
    text = f"{safe(sentence['text'])} ({word} {', '.join(map(str, places))})"
    if columns is None:
        return [text]
    return wrapped(text, columns, "    ")
