"""What the views of a version are: digests of what fixed events fold to, one file a version.

    python -m tests.golden.views

The file of a version is written once and never again. ``tests/projections/test_version.py`` compares
what the folds give now with the file of the version that they say they are.
"""

import hashlib
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from adapters.views.facets import facets_of
from adapters.views.schema import statements
from adapters.views.words import plain
from adapters.wire import decode, token_of
from domain import commands as c
from domain import events as e
from domain.cluster import job_number
from domain.identity import Caller, Origin, Principal
from domain.states import CancelMode
from projections.audit_trail import AuditRow, audit_row
from projections.audit_words import said
from projections.tally import CountKey
from projections.version import VIEWS_VERSION
from tests.domain.builders import (
    ALLOWED,
    DENIED,
    SIGTERM,
    Story,
    add,
    at,
    cancel,
    cancel_task,
    end_job,
    ends,
    finish_task,
    heeds,
    killed,
    outlasts,
    queued_job,
    release,
    requeue,
    requeue_task,
    running_job,
    start,
)
from tests.domain.situations import SITUATIONS, removed
from tests.golden.write import AGGREGATE, CLUSTER, DIRECTORY
from tests.projections.folded import Folds, apart, as_job

WIDTH = 12


def path_of(version: int) -> Path:
    """Where the digests of a version are."""
    return DIRECTORY / f"views.v{version}.txt"


def lines() -> list[str]:
    """A line for each part of the views: its name and a digest of its contents."""
    golden, folds = list(golden_rows()), Folds().take_all(history())
    parts: dict[str, Iterable[object]] = {
        "tables": statements(),
        "golden trail": golden,
        "job": folds.jobs,
        "task": folds.tasks,
        "subtask": [row for _, row in sorted(folds.subtasks.items())],
        "trail": folds.trail,
        "cancellation": folds.effects,
        "count": [(key.measure, key.labels, n) for key, n in sorted_counts(folds)],
        "state": [msgspec.msgpack.encode(s).hex() for _, s in sorted(folds.states.items())],
        "around": [folds.around],
        "index": [index_of(row) for row in [*golden, *folds.trail]],
    }
    return [f"{name:<{WIDTH + 2}}{digest(rows)}" for name, rows in parts.items()]


def digest(rows: Iterable[object]) -> str:
    """SHA-256 of the rows in JSON, names of fields included."""
    return hashlib.sha256(b"\n".join(map(msgspec.json.encode, rows))).hexdigest()


def index_of(row: AuditRow) -> tuple[str, ...]:
    """What the index holds of a row."""
    return plain(row.message), plain(row.explanation), facets_of(row)


def sorted_counts(folds: Folds) -> list[tuple[CountKey, int]]:
    """The counts in one order."""
    return sorted(folds.counts.items(), key=lambda x: (x[0].measure, x[0].labels))


# --- the golden events, each by itself ------------------------------------------------------------


def golden_events() -> Iterator[e.Recorded]:
    """Every released event, as it lies in its golden file."""
    for path in sorted(DIRECTORY.glob("*.json")):
        fact = decode(path.read_bytes(), CLUSTER, AGGREGATE, token_of(path.stem)).fact
        assert isinstance(fact, e.Recorded), fact
        yield fact


def golden_rows() -> Iterator[AuditRow]:
    """The rows of the trail that golden events have. Their texts need not make sense."""
    for recorded in golden_events():
        words = said(recorded.data)
        if words is not None:
            data = recorded.data
            number = job_number(data.job) if isinstance(data, e.CancelRefused) else 42
            yield audit_row(
                recorded,
                words,
                7,
                job_id=number,
                owner="alice",
                asked_for=None,
                high=recorded.time,
            )


# --- a history ------------------------------------------------------------------------------------


def history() -> Iterator[e.Recorded]:
    """A bit of everything, one job after the other."""
    yield from cluster()
    for number, story in enumerate(stories(), 1):
        yield from as_job(story.history, number)


def cluster() -> Iterator[e.Recorded]:
    """Facts about no job."""
    cut = e.ClusterCommandRefused("p2", "set_parameter", "no", 1, "r", "no", DENIED)
    facts: tuple[e.ClusterEvent, ...] = (
        e.JobIdsReserved(1, 100),
        e.ClusterParameterSet("NodeReleaseTaskTimeout", "30", "10", "p1", ALLOWED),
        cut,
    )
    for version, fact in enumerate(facts, 1):
        yield apart(version, fact)
    yield apart(1, e.PolicySchemaRecorded("d1", "schema"))
    yield apart(2, e.PolicyActivated("", "d2", "rules", "d1", 1, "", "", "", 0, "", "", None))
    no = e.PolicyCommandRefused("r1", "propose_policy", "d3", "no", 1, "r", "no", "why", DENIED)
    yield apart(3, no)
    for version, job in enumerate(("99", "no job"), 1):
        yield apart(
            version,
            e.CancelRefused(
                "r1", job, None, CancelMode.NORMAL, "a", 1, "", "", "unknown_job", 1, "r", "no"
            ),
        )


def stories() -> Iterator[Story]:
    """Jobs in every situation, and what can become of cancels."""
    for _, make in SITUATIONS.values():
        yield make()
    yield removed()
    yield escalated()
    yield survived()
    yield of_tasks()
    yield again()
    yield for_somebody()
    yield cut_short()
    yield in_vain()


def escalated() -> Story:
    """Normal, by force, over; and again."""
    story = running_job(2, release=True, started=2)
    story.ask(cancel("r1", message="Gr\u00fc\u00dfe"))
    story.tell(c.OrderStop(SIGTERM), heeds(1, "r1"))
    story.ask(cancel("r2", CancelMode.FORCED, actor="bob", reason_code="quota"))
    story.tell(c.OrderStop(SIGTERM), killed(2, "r2"), c.SkipRelease(), end_job())
    story.ask(requeue())
    return story


def survived() -> Story:
    """Grace runs out, something stays, node release runs out of time."""
    story = running_job(1, release=True)
    story.ask(cancel("r1"))
    story.tell(c.OrderStop(SIGTERM), outlasts(1, "r1", survivors=2), release())
    story.tell(c.RecordRunEnd(2, 1, e.Exit(), timed_out=True, killed=1, survivors=1), end_job())
    story.tell(c.RecordSurvivorsGone(2, 1))
    return story


def of_tasks() -> Story:
    """A running and a waiting task, and one that the engine lost."""
    story = running_job(3, started=2)
    story.ask(cancel_task(1, "t1", message="one"), cancel_task(3, "t3", CancelMode.FORCED))
    story.tell(c.OrderStop(SIGTERM), c.RecordTaskCanceled(), heeds(1, "t1"))
    story.tell(c.RecordRunEnd(2, 1, e.Exit(), lost="the machine restarted"), end_job())
    return story


def again() -> Story:
    """A canceled task that waits again, and one that is finished by request."""
    story = running_job(3, started=1)
    story.ask(cancel_task(2, "t1"), requeue_task(2), finish_task(1, message="enough"))
    story.tell(c.OrderStop(SIGTERM), heeds(1, "f1"))
    return story


def for_somebody() -> Story:
    """Who acts for whom, from where, by a clock that was set back."""
    story = queued_job(1)
    caller = Caller(Principal("olga"), Principal("alice"), Origin.HTTP, "192.0.2.7", "curl/8")
    fact = story.ask(cancel("r1"))[0]
    event = e.NewEvent("id-5", at(-3600), caller, "corr", "cause", fact)
    story.history[-1] = e.Recorded(story.history[-1].aggregate, 5, event)
    return story


def cut_short() -> Story:
    """Node release that a forced cancel kills."""
    story = running_job(1, release=True)
    story.tell(ends(1), end_job(), release())
    story.ask(cancel("r1", CancelMode.FORCED))
    story.tell(c.OrderStop(SIGTERM), killed(2, "r1"), end_job())
    return story


def in_vain() -> Story:
    """Tasks that wait for one that fails."""
    waiting = e.TaskSpec(2, "work", name="b", depends_on=("a",))
    last = e.TaskSpec(3, "work", depends_on=("b",))
    story = Story(add((e.TaskSpec(1, "work", name="a"), waiting, last), submit=True))
    story.tell(c.StartValidation(), c.EndValidation(), c.StartJob(("n1",)))
    story.tell(start(1), ends(1, code=1), end_job())
    return story


def main() -> None:
    """Write the file of this version, if it is not there."""
    path = path_of(VIEWS_VERSION)
    try:
        with path.open("x") as file:
            file.write("\n".join(lines()) + "\n")
    except FileExistsError:
        sys.stdout.write(f"it is there, and is never changed: {path.name}\n")
    else:
        sys.stdout.write(f"written once: {path.name}\n")


if __name__ == "__main__":
    main()
