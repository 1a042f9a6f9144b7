"""The views in memory, folded event by event: what any store of them must hold.

Histories of several aggregates are put in one order, as a stream has them; the position of an event
is its place in that order, from 1 on.
"""

from collections.abc import Iterable, Iterator, Sequence

from msgspec.structs import replace

from domain import events as e
from domain.identity import SYSTEM_CALLER, Caller, Principal
from projections.audit_trail import AuditRow
from projections.cancellations import Cancellation, CancellationRow, cancellation_row
from projections.folding import Around, Fold, Folded, JobFold, fold
from projections.job_view import JobRow, TaskRow, job_row, task_row
from projections.subtask_view import SubtaskRow
from projections.tally import CountKey, Measure
from tests.domain.builders import Story, at

CLUSTER = e.Aggregate(e.CLUSTER, "hpc1")
POLICY = e.Aggregate(e.POLICY, "hpc1")
REQUESTS = e.Aggregate(e.REQUEST, "20260301")


class Folds:
    """Every view, folded from events that are handed in one by one."""

    def __init__(self) -> None:
        self.position = 0
        self.around = Around()
        self.states: dict[e.Aggregate, Fold] = {}
        self.last: dict[e.Aggregate, int] = {}
        self.trail: list[AuditRow] = []
        self.cancels: dict[int, Cancellation] = {}
        self.counts: dict[CountKey, int] = {}
        self.subtasks: dict[tuple[int, int, int], SubtaskRow] = {}

    def take(self, recorded: e.Recorded) -> Folded:
        """One more event; what it led to."""
        self.position += 1
        before = self.states.get(recorded.aggregate)
        done = fold(before, recorded, self.position, self.around)
        self.around, self.last[recorded.aggregate] = done.around, self.position
        if done.state is None:
            self.states.pop(recorded.aggregate, None)
        else:
            self.states[recorded.aggregate] = done.state
        self.trail += [done.row] if done.row else []
        self.cancels |= {c.position: c for c in done.cancellations}
        self.subtasks |= {(r.job_id, r.task_id, r.instance): r for r in done.subtasks}
        if done.state is None:
            gone = recorded.aggregate.id
            self.subtasks = {k: r for k, r in self.subtasks.items() if str(r.job_id) != gone}
        for key, amount in done.counted:
            self.counts[key] = self.counts.get(key, 0) + amount
        return done

    def take_all(self, history: Iterable[e.Recorded]) -> "Folds":
        """All of them, in this order."""
        for recorded in history:
            self.take(recorded)
        return self

    @property
    def jobs(self) -> list[JobRow]:
        """The job view."""
        return [job_row(state.job, self.last[a]) for a, state in self._jobs()]

    @property
    def tasks(self) -> list[TaskRow]:
        """The tasks of all jobs."""
        return [
            task_row(state.job.id, task) for _, state in self._jobs() for task in state.job.work
        ]

    @property
    def effects(self) -> list[CancellationRow]:
        """The effect view, the oldest cancel first."""
        return [cancellation_row(c) for _, c in sorted(self.cancels.items())]

    def count(self, measure: Measure, *labels: str) -> int:
        """The total of one series."""
        return self.counts.get(CountKey(measure, labels), 0)

    def counted(self, measure: Measure) -> dict[tuple[str, ...], int]:
        """All series of a measure."""
        return {key.labels: n for key, n in self.counts.items() if key.measure is measure}

    def _jobs(self) -> Iterator[tuple[e.Aggregate, JobFold]]:
        for aggregate, state in self.states.items():
            if isinstance(state, JobFold):
                yield aggregate, state


def folded(*stories: Story) -> Folds:
    """The views after these stories, one after the other."""
    return Folds().take_all(x for story in stories for x in story.history)


def as_job(history: Sequence[e.Recorded], number: int) -> list[e.Recorded]:
    """The same history of a job with another number, and with event ids of its own."""

    def moved(recorded: e.Recorded) -> e.Recorded:
        event, fact = recorded.event, recorded.data
        if isinstance(fact, e.JobAdded):
            fact = replace(fact, job_id=number)
        event = replace(event, id=f"{number}-{event.id}", data=fact)
        return e.Recorded(e.job_aggregate(number), recorded.version, event)

    return [moved(recorded) for recorded in history]


def apart(
    version: int,
    data: e.ClusterEvent | e.RequestEvent | e.BulkEvent | e.PolicyEvent,
    actor: str = "root",
    seconds: int = 0,
) -> e.Recorded:
    """A fact about no job: of the cluster, of the policy, a request on nothing or on many jobs."""
    aggregate = REQUESTS if isinstance(data, e.RequestEvent) else CLUSTER
    if isinstance(data, e.BulkEvent):
        aggregate = e.bulk_aggregate(actor, data.request_id)
    if isinstance(data, e.PolicyEvent):
        aggregate = POLICY
    event_id = f"{aggregate.kind}-{version}"
    event = e.NewEvent(event_id, at(seconds), Caller(Principal(actor)), "corr", "cause", data)
    return e.Recorded(aggregate, version, event)


def job_fact(
    version: int, data: e.JobEvent, caller: Caller = SYSTEM_CALLER, seconds: int | None = None
) -> e.Recorded:
    """A fact about job 7 by a caller of one's own choice."""
    moment = at(version if seconds is None else seconds)
    event = e.NewEvent(f"id-{version}", moment, caller, "corr", "cause", data)
    return e.Recorded(e.job_aggregate(7), version, event)


def mixed(histories: Sequence[Sequence[e.Recorded]], choices: Iterable[int]) -> list[e.Recorded]:
    """The histories in one stream: each choice says whose event comes next."""
    left = [list(reversed(history)) for history in histories if history]
    stream = []
    for choice in choices:
        if not left:
            break
        chosen = left[choice % len(left)]
        stream.append(chosen.pop())
        left = [history for history in left if history]
    return stream + [x for history in left for x in reversed(history)]
