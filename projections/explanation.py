"""Why a job ended, in plain sentences, each with the events it rests on.

The answer comes first; then how it came about, in order: who asked what, what was refused, what was
stopped and how. Only the last round counts: what was before a requeue is over.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import Struct

from domain import events as e
from domain.errors import Corrupt
from domain.evolve import evolve
from domain.filtering import RULE
from domain.job import Job
from domain.states import JOB_ENDED, CancelMode, ForceReason, JobState, StopStep
from projections.quoting import plain, quoted, word
from projections.sentence_words import by, caller_of, count, either, refusal, saying, those
from projections.summary import HELD, canceled_unrun, ending, on, tasks
from projections.task_cancels import canceled_tasks, who_canceled

HOW: Final = {
    CancelMode.NORMAL: "",
    CancelMode.FORCED: " by force",
    CancelMode.GRACEFUL: " gracefully",
}


FIRST_SENTENCES_MAX: Final = 200
LAST_SENTENCES_MAX: Final = 800
PLACES_MAX: Final = 1000


class Sentence(Struct, frozen=True):
    """A sentence, and the positions of the events it rests on: 1 to 1000, rising.

    Of more events than that it names the first ones and the last.
    """

    text: str
    events: tuple[int, ...]


def explain(history: Iterable[tuple[int, e.Recorded]]) -> tuple[Sentence, ...]:
    """The sentences for a job's history of (position, event). Raises ``Corrupt``."""
    explaining = Explaining()
    for position, recorded in history:
        explaining.take(position, recorded)
    return explaining.sentences()


class Explaining:
    """Hears a job's events one by one, and keeps of them only what the sentences need."""

    def __init__(self) -> None:
        self._job: Job | None = None
        self._asked: dict[int, e.Recorded] = {}
        self._places: dict[int, int] = {}
        self._place_of_state = 0
        self._course = Course()

    def take(self, position: int, recorded: e.Recorded) -> None:
        """One more event. Raises ``Corrupt`` when it does not follow."""
        before, self._job = self._job, evolve(self._job, recorded)
        starts_again = isinstance(recorded.data, e.JobConfigured | e.JobRequeued)
        if starts_again:
            self._course = Course()
        if starts_again or before is None or before.state is not self._job.state:
            self._place_of_state = position
        if isinstance(recorded.data, CAUSES):
            self._places[recorded.version] = position
        if isinstance(recorded.data, e.TaskCancelRequested):
            self._asked[recorded.version] = recorded
        self._course.take(position, recorded, self._job)

    def sentences(self) -> tuple[Sentence, ...]:
        """The answer, and how it came about. Raises ``Corrupt`` when there was no event."""
        job = self._job
        if job is None:
            raise Corrupt("there is no event to explain a job from")
        return (Sentence(answer(job, self._asked), self._grounds(job)), *self._course.sentences())

    def _grounds(self, job: Job) -> tuple[int, ...]:
        """What the answer rests on: the event that brought the state, and the requests behind."""
        asked = {self._places[x] for x in causes_of(job) if x in self._places}
        return tuple(sorted(asked | {self._place_of_state}))


CAUSES: Final = (
    *(e.JobCancelRequested, e.TaskCancelRequested, e.JobFinishRequested, e.JobFailing),
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
        self._first: list[Sentence] = []
        self._last: deque[Sentence] = deque()
        self._left_out: list[Sentence] = []
        self._count_left_out = 0
        self._alike: Alike | None = None

    def take(self, position: int, recorded: e.Recorded, job: Job) -> None:
        """One more event, and the job after it."""
        kind = type(recorded.data)
        if self._alike is not None and self._alike.kind is kind and kind in MANY:
            self._alike.take(position, recorded.data)
            return
        self._end_alike()
        self._alike = Alike(kind, sentence(recorded, job), position, recorded.data)

    def sentences(self) -> tuple[Sentence, ...]:
        """All of them, in order."""
        self._end_alike()
        middle: tuple[Sentence, ...] = ()
        if self._count_left_out:
            places = (*self._left_out[0].events[:1], *self._left_out[-1].events[-1:])
            words = f"{self._count_left_out} more things happened, which are left out here."
            middle = (Sentence(words, tuple(sorted(set(places)))),)
        return (*self._first, *middle, *self._last)

    def _end_alike(self) -> None:
        said, self._alike = self._alike, None
        text = said.text if said else ""
        if said is None or not text:
            return
        if len(self._first) < FIRST_SENTENCES_MAX:
            self._first.append(Sentence(text, said.places))
            return
        self._last.append(Sentence(text, said.places))
        if len(self._last) > LAST_SENTENCES_MAX:
            self._count_left_out += 1
            self._left_out = [*self._left_out[:1], self._last.popleft()]


class Alike:
    """Events of a kind in a row."""

    def __init__(self, kind: type[e.Event], text: str, position: int, fact: e.Event) -> None:
        self.kind = kind
        self._only = text
        self._places = [position]
        self._runs = runs(fact)

    def take(self, position: int, fact: e.Event) -> None:
        """One more."""
        self._places.append(position)
        self._runs += runs(fact)

    @property
    def text(self) -> str:
        """What is said of them, "" for nothing."""
        return self._only if len(self._places) == 1 else MANY[self.kind].format(n=self._runs)

    @property
    def places(self) -> tuple[int, ...]:
        """Their positions; of very many the first ones and the last."""
        if len(self._places) <= PLACES_MAX:
            return tuple(self._places)
        return (*self._places[: PLACES_MAX - 1], self._places[-1])


MANY: Final[dict[type[e.Event], str]] = {
    e.TaskStarted: "{n} tasks started.",
    e.TaskFinished: "{n} tasks finished by themselves.",
    e.TaskFailed: "{n} tasks failed.",
    e.TaskStopped: "{n} tasks ended within their grace period after the stop signal.",
    e.TaskForceStopped: "{n} tasks were killed with SIGKILL.",
    e.TaskSurvivorsGone: "The last processes of {n} tasks are gone.",
}
"""What is said of several facts of a kind in a row."""


def runs(fact: e.Event) -> int:
    """How many runs a fact is about."""
    return len(getattr(fact, "runs", ()))


def sentence(recorded: e.Recorded, job: Job) -> str:
    """The sentence for one event; "" for one that explains nothing."""
    who = caller_of(recorded)
    match recorded.data:
        case e.JobAdded() as fact:
            return f"{who} created it with {count(len(fact.tasks), 'task')}."
        case e.JobSubmitted():
            return f"{who} submitted it."
        case e.JobConfigured():
            return f"{who} took it back to Configuring."
        case e.JobRequeued() as fact:
            return f"{who} queued it again; {queued_again(fact)}."
        case e.JobRemoved():
            return "It left the job view, because TTLCompletedJobs ran out; its events stay."
        case _:
            return (
                of_the_start(recorded.data)
                or of_request(recorded, who)
                or of_effect(recorded.data, job)
            )


def of_the_start(fact: e.Event) -> str:
    """What the service and the filters of the site did before it ran."""
    match fact:
        case e.JobExternalValidationStarted():
            return f"The submission filter {plain(fact.filter)} was asked."
        case e.JobPropertiesChanged() if RULE in fact.decision.rules:
            names = ", ".join(word(x, ",") for x in sorted(fact.named))
            return f"The submission filter changed {names}."
        case e.JobRejected():
            return f"It was rejected: {plain(fact.reason)}."
        case e.JobActivationHeld():
            why = f": {plain(fact.reason)}" if fact.reason else ""
            return f"The activation filter {plain(fact.filter)} held it{why} ({HELD[fact.hold]})."
        case e.JobStarted(filter_outcome="timed_out"):
            late = f"the activation filter {plain(fact.filter)} gave no answer in time"
            return f"It started on {', '.join(fact.nodes)}, because {late}."
        case e.JobStarted():
            return f"It started on {', '.join(fact.nodes)}."
        case _:
            return ""


def of_request(recorded: e.Recorded, who: str) -> str:
    """What people asked for, and what they were told."""
    match recorded.data:
        case e.JobCancelRequested() as fact:
            return f"{who} asked to cancel it{HOW[fact.mode]}{saying(fact.message)}{found(fact)}."
        case e.TaskCancelRequested() as fact:
            task = on(fact)
            return f"{who} asked to cancel {task}{HOW[fact.mode]}{saying(fact.message)}."
        case e.JobCancelRepeated() as fact:
            return f"{who} asked again{saying(fact.message)}; that changed nothing."
        case e.TaskCancelRepeated() as fact:
            return f"{who} asked again to cancel {on(fact)}; that changed nothing."
        case e.JobCancelRefused() as fact:
            return f"{who} asked to cancel it and was refused: {refusal(fact)}."
        case e.TaskCancelRefused() as fact:
            return f"{who} asked to cancel {on(fact)} and was refused: {refusal(fact)}."
        case e.JobCommandRefused() as fact:
            command = plain(fact.command.partition("_")[0])
            return f"{who} asked to {command} {on(fact)} and was refused: {refusal(fact)}."
        case e.JobFinishRequested() as fact:
            return f"{who} asked to finish it{saying(fact.message)}."
        case e.TaskFinishRequested() as fact:
            return f"{who} asked to finish {on(fact)}{saying(fact.message)}."
        case e.TaskRequeued() as fact:
            return f"{who} queued {on(fact)} again."
        case _:
            return ""


def of_effect(fact: e.Event, job: Job) -> str:
    """What was done, and what became of it."""
    match fact:
        case e.TaskStarted():
            return f"{those(fact.runs)} started."
        case e.TaskFinished():
            itself = either(len(fact.runs), "itself", "themselves")
            return f"{those(fact.runs)} finished by {itself}."
        case e.TaskFailed():
            again = ", and was queued again" if fact.runs_again else ""
            return f"{those(fact.runs)} failed: {plain(fact.reason) or ending(fact.exit)}{again}."
        case e.TaskRuntimeExpired():
            return f"The run-time limit of {tasks(fact.runs)} ran out ({fact.runtime_seconds} s)."
        case e.TaskStopOrdered():
            kill = fact.step is StopStep.KILL
            signal = "SIGKILL" if kill else f"The stop signal {fact.signal}"
            return f"{signal} was ordered for {tasks(fact.runs)}."
        case e.TaskStopped():
            return f"{those(fact.runs)} ended {fact.after_ms} ms later, with {ending(fact.exit)}."
        case e.TaskForceStopped():
            return force_stopped(fact)
        case e.TaskSurvivorsGone():
            return f"The last processes of {tasks(fact.runs)} are gone."
        case e.TaskCanceled():
            return f"{canceled_unrun(fact).capitalize()}."
        case _:
            return of_the_end(fact, job)


def of_the_end(fact: e.Event, job: Job) -> str:
    """Node release, and the end itself."""
    match fact:
        case e.NodeReleaseStarted():
            return f"The node release task started on {fact.node}."
        case e.NodeReleaseEnded():
            how = "was killed, because its time ran out" if fact.timed_out else "ended"
            return f"The node release task {how}, with {ending(fact.exit)}."
        case e.NodeReleaseSkipped():
            return f"The node release task was skipped ({plain(fact.reason)})."
        case e.JobCanceled():
            return f"The cancel was carried out, {fact.lasted_ms} ms after it was asked for."
        case e.JobFailing():
            return f"The service began to end it as Failed: {plain(fact.message)}."
        case e.JobEnding():
            return f"All tasks had ended; it was going to be {fact.outcome} after node release."
        case e.JobFinished():
            return "It ended Finished."
        case e.JobFailed():
            people = canceled_tasks(job)  # whom the answer names; HPC Pack's count leaves them out
            why = "" if people else f": {plain(fact.message) or fact.code or job.state}"
            return f"It ended Failed{why}."
        case _:
            return ""


def force_stopped(fact: e.TaskForceStopped) -> str:
    """A run that had to be killed."""
    expired = fact.why is ForceReason.GRACE_EXPIRED
    why = "did not end within its grace period and was killed" if expired else "was killed"
    left = f"; {fact.survivors} of its processes survived" if fact.survivors else ""
    killed = count(fact.killed, "process", "processes")
    return f"{those(fact.runs)} {why} with SIGKILL after {fact.after_ms} ms ({killed}){left}."


# --- words ----------------------------------------------------------------------------------------


def found(fact: e.JobCancelRequested) -> str:
    """What a cancel found, and what it took over from."""
    rule = f", allowed by {', '.join(fact.decision.rules)}" if fact.decision.rules else ""
    over = "; it took over from the weaker cancel under way" if fact.escalates else ""
    running, waiting = fact.running.count, fact.waiting.count
    return f"{rule}: {running} running and {waiting} waiting tasks{over}"


def queued_again(fact: e.JobRequeued) -> str:
    """How many tasks wait again, and how many do not."""
    queued, kept = fact.queued.count, fact.kept.count
    again = f"{count(queued, 'task')} {either(queued, 'is', 'are')} queued again"
    stay = either(kept, "stays as it was", "stay as they were")
    return f"{again}, {kept} {stay}" if kept else again
