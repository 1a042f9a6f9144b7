"""What was folded before it was stored is known to who meets it; nothing else is."""

from msgspec.structs import replace

from application.fresh_folds import FreshFolds
from domain.events import Recorded
from domain.job import Job
from tests.domain.builders import Story, queued_job


def last(story: Story) -> tuple[Recorded, Job]:
    """The latest fact of a job, and the job after it."""
    return story.history[-1], story.job


def test_the_job_after_an_event_of_ours_is_known_once() -> None:
    fresh, (recorded, job) = FreshFolds(), last(queued_job())
    fresh.put(recorded.event, job)
    assert fresh.take(recorded) is job
    assert fresh.take(recorded) is None


def test_an_event_that_was_read_back_is_the_same() -> None:
    fresh, (recorded, job) = FreshFolds(), last(queued_job())
    fresh.put(recorded.event, job)
    assert fresh.take(replace(recorded, event=replace(recorded.event))) is job


def test_another_event_or_another_place_is_not_known() -> None:
    fresh, (recorded, job) = FreshFolds(), last(queued_job())
    fresh.put(recorded.event, job)
    assert fresh.take(replace(recorded, event=replace(recorded.event, causation_id="x"))) is None
    fresh.put(recorded.event, job)
    assert fresh.take(replace(recorded, version=recorded.version + 1)) is None


def test_what_is_no_job_is_not_known() -> None:
    fresh, (recorded, _) = FreshFolds(), last(queued_job())
    fresh.put(recorded.event, "a bulk")
    assert fresh.take(recorded) is None


def test_what_never_comes_back_is_forgotten() -> None:
    fresh, (recorded, job) = FreshFolds(kept_max=2), last(queued_job())
    fresh.put(recorded.event, job)
    for n in range(2):
        fresh.put(replace(recorded.event, id=f"later-{n}"), job)
    assert fresh.take(recorded) is None
