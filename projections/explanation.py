"""Why a job ended, in plain sentences, each with the events it rests on.

The answer comes first; then how it came about, in order: who asked what, what was refused, what was
stopped and how. Only the last round counts: what was before a requeue is over.
"""

from collections import deque
from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from domain import events as e
from domain.counted import count_of
from domain.errors import Corrupt
from domain.job import Job
from domain.states import JOB_ENDED, JobState
from projections.quoting import plain, quoted
from projections.sentence_words import by, count, either, saying
from projections.sentences import HOW, is_preparation, sentence, why_failed
from projections.summary import on_nodes
from projections.task_cancels import canceled_tasks, who_canceled

FIRST_SENTENCES_MAX: Final = 200
LAST_SENTENCES_MAX: Final = 800
PLACES_MAX: Final = 1000


class Sentence(Struct, frozen=True):
    """A sentence, and the positions of the events it rests on: 1 to 1000, rising.

    Of more events than that it names the first ones and the last.
    """

    text: str
    events: tuple[int, ...]


class Explaining:
    """Hears a job's events one by one, and keeps of them only what the sentences need.

    ``job``: as it is after the last of them. It is folded elsewhere, from a snapshot on; here the
    events are only told, for folding takes most of the time that a long history takes.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._version = 0
        self._asked: dict[int, e.Recorded] = {}
        self._places: dict[int, int] = {}
        self._place_of_state = 0
        self._course = Course()

    def take(self, position: int, recorded: e.Recorded) -> None:
        """One more event. Raises ``Corrupt`` when it does not follow."""
        if recorded.version != self._version + 1:
            raise Corrupt(
                f"{recorded.aggregate}: version {recorded.version} follows {self._version}"
            )
        self._version, fact = recorded.version, recorded.data
        if isinstance(fact, AGAIN):
            self._course = Course()
        if enters_a_state(fact):
            self._place_of_state = position
        if isinstance(fact, CAUSES):
            self._places[recorded.version] = position
        if isinstance(fact, e.TaskCancelRequested):
            self._asked[recorded.version] = recorded
        self._course.take(position, recorded, self._job)

    def sentences(self) -> tuple[Sentence, ...]:
        """The answer, and how it came about. Raises ``Corrupt`` when events are missing."""
        job = self._job
        if self._version != job.version:
            raise Corrupt(f"job {job.id} has {job.version} events, and {self._version} were found")
        return (Sentence(answer(job, self._asked), self._grounds(job)), *self._course.sentences())

    def _grounds(self, job: Job) -> tuple[int, ...]:
        """What the answer rests on: the event that brought the state, and the requests behind."""
        asked = {self._places[x] for x in causes_of(job) if x in self._places}
        return tuple(sorted(asked | {self._place_of_state}))


AGAIN: Final = (e.JobConfigured, e.JobRequeued)

ENTERING: Final = (
    *(e.JobAdded, e.JobSubmitted, e.JobValidationStarted, e.JobExternalValidationStarted),
    *(e.JobQueued, e.JobRejected, e.JobStarted, e.JobFailing, e.JobFinishRequested, e.JobEnding),
    *(e.JobFinished, e.JobFailed, e.JobCanceled, *AGAIN),
)
"""The facts that bring a job into another state, beside a cancel that takes over from none."""


def enters_a_state(fact: e.Event) -> bool:
    """Whether the job was in another state before, or began with it."""
    if isinstance(fact, e.JobCancelRequested):
        return not fact.escalates
    if isinstance(fact, e.EmergencyStopRecorded):
        return fact.in_effect and not fact.escalates
    return isinstance(fact, ENTERING)


CAUSES: Final = (
    *(e.JobCancelRequested, e.TaskCancelRequested, e.JobFinishRequested, e.JobFailing),
    e.EmergencyStopRecorded,
)
"""The facts that a job's state can have been brought about by."""


def causes_of(job: Job) -> set[int]:
    """The versions of the requests that the job is as it is for."""
    causes = {task.cancel.version for task in canceled_tasks(job) if task.cancel}
    cause = job.cancel or job.finish
    if cause is not None and job.state is not JobState.FAILED:
        causes.add(cause.version)
    if job.failing is not None and job.state is JobState.FAILED:
        causes.add(job.failing.version)
    return causes


# --- the answer -----------------------------------------------------------------------------------


def answer(job: Job, asked: Mapping[int, e.Recorded]) -> str:
    """How the job is, and in one clause why. ``asked``: the cancels of its tasks by version."""
    name = f"Job {job.id}" + (f" ({quoted(job.name)})" if job.name else "") + f" of {job.owner}"
    if job.state in JOB_ENDED:
        return f"{name} is {job.state}, because {why_ended(job, asked)}."
    return f"{name} has not ended: it is {job.state}{why_not_yet(job)}."


def why_ended(job: Job, asked: Mapping[int, e.Recorded]) -> str:
    """The clause for a job that is over."""
    if job.state is JobState.CANCELED and job.cancel is not None:
        cancel = job.cancel
        return (
            f"{by(cancel.actor, cancel.on_behalf_of)} canceled it{HOW[cancel.mode]}"
            f"{saying(cancel.message)}"
        )
    if job.finish is not None:
        return f"{job.finish.actor} finished it{saying(job.finish.message)}"
    if job.state is JobState.FINISHED:
        one = len(job.work) == 1
        return "its task finished" if one else f"all of its {len(job.work)} tasks finished"
    return who_canceled(job, asked) or plain(job.error_params) or "its tasks failed"


def why_not_yet(job: Job) -> str:
    """The clause for a job that is not over."""
    running, waiting = len(job.on_node), len(job.waiting)
    if job.state in (JobState.CANCELING, JobState.FINISHING):
        left = (
            f"; {count(running, 'task')} still {either(running, 'runs', 'run')}" if running else ""
        )
        return left + ("; its node release task runs" if job.release_running else "")
    if job.held is not None:
        why = f": {plain(job.held.reason)}" if job.held.reason else ""
        return f", held by the activation filter {plain(job.held.filter)}{why}"
    return f", with {count(running, 'task')} running and {waiting} waiting" if job.nodes else ""


# --- the course of events -------------------------------------------------------------------------


class Course:
    """One sentence for each event that matters, or for several alike in a row.

    Of a very long course the middle is left out, and said to be.
    """

    def __init__(self) -> None:
        self._first: list[Alike] = []
        self._last: deque[Alike] = deque()
        self._left_out: list[Alike] = []
        self._count_left_out = 0
        self._alike: Alike | None = None

    def take(self, position: int, recorded: e.Recorded, job: Job) -> None:
        """One more event; the job is that after the last one."""
        if self._alike is None or not self._alike.goes_on_with(recorded.data):
            self._end_alike()
            self._alike = Alike(recorded, job)
        self._alike.take(position, recorded.data)

    def sentences(self) -> tuple[Sentence, ...]:
        """All of them, in order."""
        self._end_alike()
        middle: tuple[Sentence, ...] = ()
        if self._count_left_out:
            places = (*self._left_out[0].places[:1], *self._left_out[-1].places[-1:])
            words = f"{self._count_left_out} more things happened, which are left out here."
            middle = (Sentence(words, tuple(sorted(set(places)))),)
        first, last = map(told, self._first), map(told, self._last)
        return (*first, *middle, *last)

    def _end_alike(self) -> None:
        alike, self._alike = self._alike, None
        if alike is None or not alike.says_something:
            return
        if len(self._first) < FIRST_SENTENCES_MAX:
            self._first.append(alike)
            return
        self._last.append(alike)
        if len(self._last) > LAST_SENTENCES_MAX:
            self._count_left_out += 1
            self._left_out = [*self._left_out[:1], self._last.popleft()]


class Alike:
    """Events of a kind in a row. Their sentence is made when it is asked for: of thousands that are
    left out it never is."""

    def __init__(self, first: e.Recorded, job: Job) -> None:
        self._only = first
        self._job = job
        self._places: list[int] = []
        self._count = 0
        self._one_on: dict[str, e.RunRange] = {}
        self._reasons: dict[str, int] = {}

    def goes_on_with(self, fact: e.Event) -> bool:
        """Whether the fact is one of them."""
        if type(fact) is not type(self._only.data) or type(fact) not in MANY:
            return False
        return not (isinstance(fact, e.TaskFailed) and is_preparation(fact, self._job))

    def take(self, position: int, fact: e.Event) -> None:
        """One more."""
        self._places.append(position)
        if isinstance(fact, RUN_FACTS):
            self._count += count_of(fact.runs)
            self._one_on.update((run.node, run) for run in fact.runs)
        if isinstance(fact, e.TaskFailed):
            why = why_failed(fact)
            why = why if why in self._reasons or len(self._reasons) < REASONS_MAX else OTHERWISE
            self._reasons[why] = self._reasons.get(why, 0) + count_of(fact.runs)

    @property
    def says_something(self) -> bool:
        """Whether there is a sentence for them."""
        return type(self._only.data) in MANY or bool(self.text)

    @property
    def text(self) -> str:
        """What is said of them, "" for nothing."""
        if len(self._places) == 1:
            return sentence(self._only, self._job)
        why = ", ".join(f"{reason} ({n})" for reason, n in self._reasons.items())
        where = on_nodes(self._one_on.values())
        return MANY[type(self._only.data)].format(n=self._count, where=where, why=why)

    @property
    def places(self) -> tuple[int, ...]:
        """Their positions; of very many the first ones and the last."""
        if len(self._places) <= PLACES_MAX:
            return tuple(self._places)
        return (*self._places[: PLACES_MAX - 1], self._places[-1])


def told(alike: Alike) -> Sentence:
    """The sentence of some events alike."""
    return Sentence(alike.text, alike.places)


REASONS_MAX: Final = 5
OTHERWISE: Final = "for other reasons"
"""Of many tasks that failed in a row so many reasons are told, and how many had any other."""

MANY: Final[dict[type[e.Event], str]] = {
    e.TaskStarted: "{n} tasks started.",
    e.TaskFinished: "{n} tasks finished by themselves.",
    e.TaskFailed: "{n} tasks failed: {why}.",
    e.TaskStopped: "{n} tasks ended within their grace period after the stop signal.",
    e.TaskForceStopped: "{n} tasks were killed{where} with SIGKILL.",
    e.TaskSurvivorsGone: "The last processes of {n} tasks are gone.",
}
"""What is said of several facts of a kind in a row."""

RUN_FACTS: Final = (
    *(e.TaskStarted, e.TaskFinished, e.TaskFailed, e.TaskStopped, e.TaskForceStopped),
    e.TaskSurvivorsGone,
)
