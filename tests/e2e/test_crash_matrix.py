"""The service killed with -9 around every event and every act, and started again.

The history of the job is the same as if nothing had happened: event for event. Whoever asked and
got no answer asks again under the same id.
"""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import httpx
import pytest

from tests.e2e.scripts import job_of, let_end, lines, polite, runs, stubborn
from tests.e2e.service import Service, new_service
from tests.e2e.stream import check_history
from tests.support.waiting import until
from tests.support.web import Json

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

GRACE_SECONDS_LONG: Final = 60
GRACE_SECONDS_SHORT: Final = 2
BEGIN: Final = [
    "JobAdded",
    "JobSubmitted",
    "JobValidationStarted",
    "JobQueued",
    "JobStarted",
    "TaskStarted",
    "JobCancelRequested",
    "TaskStopOrdered",
]
RELEASED: Final = ["NodeReleaseStarted", "NodeReleaseEnded", "JobCanceled"]
STOPPED: Final = [*BEGIN, "TaskStopped", *RELEASED]
GRACE_EXPIRED: Final = [*BEGIN, "TaskForceStopped", *RELEASED]
FORCED: Final = [*BEGIN, "TaskForceStopped", "NodeReleaseSkipped", "JobCanceled"]


def around(*places: str) -> list[str]:
    return [f"{when}:{place}" for place in places for when in ("before", "after")]


TASK_IS_OVER: Final = (
    "TaskStopped",
    "prepare-2",
    "NodeReleaseStarted",
    "go-2",
    "NodeReleaseEnded",
    "JobCanceled",
)
FIRST: Final = around("JobIdsReserved")
STARTING: Final = around(
    "JobAdded",
    "JobValidationStarted",
    "JobQueued",
    "JobStarted",
    "prepare-1",
    "TaskStarted",
    "go-1",
)
STOPPING: Final = around("JobCancelRequested", "TaskStopOrdered", "stop-1", *TASK_IS_OVER)
RUNNING_OUT: Final = ["after:TaskStopOrdered", "after:stop-1", *around("TaskForceStopped")]
FORCING: Final = [
    "after:JobCancelRequested",
    *around("stop-1", "TaskForceStopped", "NodeReleaseSkipped"),
    "before:JobCanceled",
]


@pytest.fixture(scope="module")
def mortal() -> Iterator[Service]:
    """One for the stories of a worker: it dies once in each, and what is started then goes on."""
    with new_service(slots=4) as one:
        yield one


@pytest.fixture
def trapped(mortal: Service) -> Service:
    """The same, ready; no trap is set."""
    return mortal.start_trapped() if mortal.ended else mortal


class Story:
    """A job submitted and canceled by somebody who does not give up when the service dies, and
    starts it ``again``."""

    def __init__(self, service: Service, name: str, again: Callable[[], Service]) -> None:
        self.service = service
        self.name = name
        self.again = again
        self.trace = service.trace(name.replace(":", "-"))
        self.deaths: list[int] = []

    def revive(self) -> None:
        """Start the service again, when it is dead."""
        process = self.service.process
        if process is not None and self.service.ended:
            self.deaths.append(process.returncode)
            self.again()

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait for something that a dead service cannot bring about."""

        def looked() -> bool:
            self.revive()
            try:
                return condition()
            except httpx.TransportError:
                return False

        until(looked, what)

    def ask(self, path: str, body: Json, key: str) -> Json:
        """A request, again under the same id when its answer was lost."""
        answers: list[Json] = []

        def asked() -> bool:
            answers.append(self.service.ask("POST", path, body, key))
            return True

        self.until(asked, f"an answer to {key}")
        (answer,) = answers
        return answer

    def submit(self, command: str) -> int:
        release = f"echo run $COUNTERMAND_RUN >>{self.trace}"
        body = job_of(command, release=release, mark=self.service.home)
        answer = self.ask("/jobs", body, f"{self.name}:submission")
        job = int(answer["job_id"])
        self.until(lambda: f"{job}.1.0-1" in runs(self.trace), "the task is up")
        return job

    def cancel(self, job: int, mode: str) -> None:
        body = {"message": "enough", "mode": mode}
        answer = self.ask(f"/jobs/{job}/cancel", body, f"{self.name}:cancel")
        assert answer["outcome"] == "accepted"

    def until_canceled(self, job: int) -> None:
        self.until(lambda: self.service.job(job)["state"] == "Canceled", "the job is canceled")
        self.until(lambda: bool(self.deaths), "the service died at the point")

    def is_told(self) -> bool:
        return "term" in lines(self.trace)


def assert_as_if_nothing_happened(story: Story, job: int, types: list[str], signals: int) -> None:
    """Everything that must hold after any crash."""
    service, trace = story.service, story.trace
    assert story.deaths == [-signal.SIGKILL]
    stream = service.stream()
    check_history(stream)
    history = [m for m in stream if m.aggregate == f"job/{job}"]
    assert [m.type for m in history] == types
    released = "NodeReleaseStarted" in types
    assert history[-1].data["released"] is released
    ran = [f"{job}.1.0-1", f"{job}.2.0-1"] if released else [f"{job}.1.0-1"]
    assert sorted(runs(trace)) == ran
    assert lines(trace).count("term") == signals
    told = service.ask("GET", f"/jobs/{job}/replay")
    assert told["matches_live"] is True
    assert told["job"]["state"] == service.job(job)["state"] == "Canceled"
    assert [step["type"] for step in told["steps"]] == types
    until(lambda: not service.members(job), "an end of all its processes")
    until(lambda: not service.wardens(), "an end of all wardens")
    assert service.ask("GET", "/health/ready")["status"] == "ready"


def cleans_up(story: Story, point: str) -> None:
    """A job whose task cleans up before it ends; the trap is set."""
    service = story.service
    service.set_grace(GRACE_SECONDS_LONG)
    job = story.submit(polite(story.trace))

    story.cancel(job, "normal")
    story.until(story.is_told, "the signal")
    if not point.partition(":")[2].startswith(TASK_IS_OVER):
        story.until(lambda: bool(story.deaths), "the service died at the point")
    let_end(story.trace)
    story.until_canceled(job)

    assert_as_if_nothing_happened(story, job, STOPPED, signals=1)
    assert lines(story.trace).count("tidy") == 1


@pytest.mark.parametrize("point", FIRST)
def test_the_first_job_of_a_service(service: Service, point: str) -> None:
    service.start_crashing(point)

    cleans_up(Story(service, "first", service.start), point)


@pytest.mark.parametrize("point", [*STARTING, *STOPPING])
def test_a_job_whose_task_cleans_up(trapped: Service, point: str) -> None:
    trapped.set_trap(point)

    cleans_up(Story(trapped, f"cleans-up:{point}", trapped.start_trapped), point)


@pytest.mark.parametrize("point", RUNNING_OUT)
def test_a_job_whose_grace_period_runs_out(trapped: Service, point: str) -> None:
    trapped.set_grace(GRACE_SECONDS_SHORT)
    story = Story(trapped, f"runs-out:{point}", trapped.start_trapped)
    trapped.set_trap(point)
    job = story.submit(stubborn(story.trace))

    story.cancel(job, "normal")
    story.until_canceled(job)

    assert_as_if_nothing_happened(story, job, GRACE_EXPIRED, signals=1)
    stop = next(m.data for m in trapped.events(job) if m.type == "TaskForceStopped")
    assert (stop["why"], stop["survivors"]) == ("grace_expired", 0)
    assert stop["after_ms"] >= GRACE_SECONDS_SHORT * 1000


@pytest.mark.parametrize("point", FORCING)
def test_a_job_canceled_by_force(trapped: Service, point: str) -> None:
    story = Story(trapped, f"by-force:{point}", trapped.start_trapped)
    trapped.set_trap(point)
    job = story.submit(stubborn(story.trace))

    story.cancel(job, "forced")
    story.until_canceled(job)

    assert_as_if_nothing_happened(story, job, FORCED, signals=0)


def test_a_service_that_dies_at_every_step_of_going_on(service: Service) -> None:
    """One crash after the other, in the way from a start to the end of a cancel."""
    trace = service.trace("trace")
    service.start()
    service.set_grace(GRACE_SECONDS_LONG)
    job = service.submit(polite(trace), release=f"echo run $COUNTERMAND_RUN >>{trace}")
    until(lambda: runs(trace) == ["1.1.0-1"], "the task is up")
    service.kill()
    die(service, "before:recover")
    die(service, "after:recover")
    service.start_crashing("after:JobCancelRequested")
    with pytest.raises(httpx.TransportError):
        service.cancel(job, key="the-cancel")
    assert died(service)
    for point in ("before:TaskStopOrdered", "after:TaskStopOrdered", "before:stop-1"):
        die(service, point)
    assert "term" not in lines(trace)
    for point in ("after:stop-1", "before:recover", "after:stop-1"):
        die(service, point)
    until(lambda: "term" in lines(trace), "the signal")
    let_end(trace)
    until(lambda: "tidy" in lines(trace), "the end of the task")
    for place in TASK_IS_OVER:
        die(service, f"after:{place}")
    service.start()

    service.until_state(job, "Canceled")
    assert service.cancel(job, key="the-cancel")["replayed"] is True
    check_history(service.stream())
    assert [m.type for m in service.events(job)] == STOPPED
    assert sorted(runs(trace)) == ["1.1.0-1", "1.2.0-1"]
    assert lines(trace).count("term") == 1
    assert service.ask("GET", f"/jobs/{job}/replay")["matches_live"] is True
    until(lambda: not service.wardens(), "an end of all wardens")


def test_a_service_that_dies_at_every_step_of_its_first_start(service: Service) -> None:
    for point in around("open", "identity#1", "identity#2"):
        die(service, point)
        assert not (service.data / "run" / "endpoint.json").exists()
    service.start()

    job = service.submit("true")

    service.until_state(job, "Finished")
    check_history(service.stream())


def die(service: Service, point: str) -> None:
    """A service that comes to ``point`` by itself."""
    service.start_crashing(point, wait=False)
    until(lambda: service.ended, f"a crash at {point}")
    assert died(service), service.log


def died(service: Service) -> bool:
    """Whether the last service was ended by its trap."""
    assert service.process is not None
    return service.process.wait() == -signal.SIGKILL


def test_every_trace_is_read(tmp_path: Path) -> None:
    """The counting above counts: two runs of one attempt would be seen."""
    trace = tmp_path / "trace"
    trace.write_text("run 1.1.0-1.aaaaaaaa\nterm\nrun 1.1.0-1.bbbbbbbb\n")
    assert runs(trace) == ["1.1.0-1", "1.1.0-1"]
