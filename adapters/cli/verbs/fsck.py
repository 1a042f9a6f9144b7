"""``countermand fsck``."""

from collections.abc import Mapping, Sequence
from typing import Final, Protocol, TypedDict

import click

from adapters.cli.doing.service import Chosen, asking_bootstrap, chooses
from adapters.cli.doing.telling import Telling
from adapters.cli.exits import DIFFERENT, DONE
from adapters.cli.printing.output import Output
from adapters.cli.typed import options as o


class Harm(Protocol):
    """One thing that is not as it must be."""

    @property
    def kind(self) -> str: ...
    @property
    def position(self) -> int: ...
    @property
    def subject(self) -> str: ...
    @property
    def event_id(self) -> str: ...
    @property
    def job(self) -> str: ...
    @property
    def expected(self) -> str: ...
    @property
    def found(self) -> str: ...


class Report(Protocol):
    """What a look at the whole stream gave."""

    @property
    def stream(self) -> str: ...
    @property
    def last(self) -> int: ...
    @property
    def events(self) -> int: ...
    @property
    def damage(self) -> Sequence[Harm]: ...
    @property
    def counts(self) -> Mapping[str, int]: ...
    @property
    def unjudged(self) -> int: ...
    @property
    def notes(self) -> Sequence[str]: ...
    @property
    def what_to_do(self) -> Mapping[str, str]: ...
    @property
    def total(self) -> int: ...


class Told(TypedDict):
    """Damage as it is printed."""

    kind: str
    position: int
    subject: str
    event_id: str
    job: str
    expected: str
    found: str


HEADINGS: Final = ("KIND", "EVENT", "SUBJECT", "ID", "JOB", "EXPECTED", "FOUND")


@click.command("fsck")
@chooses("data", "cluster", "nats_url")
@o.tells("How much damage is told in full; all of it is counted.")
@click.option("--no-views", is_flag=True, help="Leave the views out: they can be built anew.")
@o.prints
def verb(asked: o.Asked, chosen: Chosen, limit: int, no_views: bool) -> int:
    """Check every event of the stream, and all that is kept beside it. Changes nothing.

    Of each event its form, name, version, the hash of the one before it, its time, its id, that it
    is by whom its decision was made for, that the job's state takes it, and that the rules make it;
    that no event is missing; that journal and mark are there and know the same; and that the views
    are what the stream folds to. Works while the service runs, up to the event that was the last
    one at the beginning. Below the damage stands what to do about it.

    Exit status: 0 nothing is damaged; 10 damage was found, the first is named first, and so when
    there is no stream any more where one is known of; 1 there is none, and nobody knows of one; 75
    the stream cannot be read now.

    \b
      countermand fsck --data /var/lib/countermand
      countermand fsck --config /etc/countermand.toml -o json
    """
    asked.out.check(Told)
    full = chosen.with_default_data()
    words = Telling(asked)

    def fsck() -> Report:
        from adapters.bootstrap import asked as bootstrap

        with words:
            return bootstrap.fsck(
                full.overrides, full.config_file, limit, not no_views, words.reached
            )

    report = asking_bootstrap(fsck)
    say(asked.out, report)
    return DIFFERENT if report.total else DONE


def say(out: Output, report: Report) -> None:
    """The damage, and how much there is; in JSON one document with everything."""
    if out.form == "json" and not out.fields:
        out.value(document(report))
        return
    if report.damage or not out.for_people:
        out.listed([told(x) for x in report.damage], Told, HEADINGS, lambda x: tuple(x.values()))
    for line in report.notes:
        out.note(line)
    if not out.for_people:
        return
    if report.unjudged:
        out.line(
            f"of {report.unjudged} events the rules could not be asked: what comes before them is "
            "damaged"
        )
    out.line(verdict(report))
    for kind, words in report.what_to_do.items():
        out.line(f"{kind}: {words}")


def verdict(report: Report) -> str:
    """One sentence."""
    looked = f"{report.events} events of the stream {report.stream}, up to {report.last}"
    if not report.stream:
        looked = "there is no stream, and there was one"
    if not report.total:
        return f"{looked}: nothing is damaged"
    kinds = ", ".join(f"{kind} {n}" for kind, n in sorted(report.counts.items()))
    more = report.total - len(report.damage)
    rest = f"; {more} more of it is not shown, see --limit" if more > 0 else ""
    return f"{looked}: DAMAGED ({kinds}){rest}"


def document(report: Report) -> dict[str, object]:
    """Everything."""
    return {
        "stream": report.stream,
        "last": report.last,
        "events": report.events,
        "damaged": bool(report.total),
        "first": told(report.damage[0]) if report.damage else None,
        "damage": [told(x) for x in report.damage],
        "counts": dict(report.counts),
        "unjudged": report.unjudged,
        "notes": list(report.notes),
        "what_to_do": dict(report.what_to_do),
    }


def told(harm: Harm) -> Told:
    """Damage as it is printed."""
    return {
        "kind": harm.kind,
        "position": harm.position,
        "subject": harm.subject,
        "event_id": harm.event_id,
        "job": harm.job,
        "expected": harm.expected,
        "found": harm.found,
    }
