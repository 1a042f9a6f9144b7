"""Why a job ended, in sentences: the answer first, each resting on events that are there."""

import pytest

from domain import commands as c
from domain import events as e
from domain.errors import Corrupt
from domain.states import CancelMode, FilterHow, JobMark, JobPriority, TaskType
from projections.explanation import Explaining, Sentence
from tests.domain.builders import (
    DENIED,
    SIGTERM,
    Story,
    add,
    at,
    cancel,
    cancel_task,
    end_job,
    ends,
    finish,
    heeds,
    killed,
    mark,
    outlasts,
    queued_job,
    release,
    requeue,
    requeue_task,
    running_job,
    start,
)
from tests.domain.situations import external_validation, validating

ORDER = c.OrderStop(SIGTERM)


def told(story: Story) -> tuple[Sentence, ...]:
    """The explanation; the event of version N lies at position 100 + N."""
    explaining = Explaining(story.job)
    for recorded in story.history:
        explaining.take(100 + recorded.version, recorded)
    return explaining.sentences()


def lines(story: Story) -> list[str]:
    return [f"{','.join(str(n - 100) for n in s.events)} {s.text}" for s in told(story)]


def test_a_job_that_runs_has_not_ended() -> None:
    assert lines(running_job())[0] == (
        '5 Job 7 ("render") of alice has not ended: it is Running, with 1 task running '
        "and 1 waiting."
    )
    assert lines(queued_job())[0] == '4 Job 7 ("render") of alice has not ended: it is Queued.'


def test_what_the_filters_of_the_site_said() -> None:
    story = validating()
    end = c.FilterEnd(FilterHow.RAN, 1)
    terms = c.JobTerms(c.JobChanges(priority=JobPriority.HIGHEST))
    story.tell(
        c.StartExternalValidation("/site/check"),
        c.EndExternalValidation("/site/check", end, terms),
        c.EndActivation("/site/free", c.FilterEnd(FilterHow.RAN, 2, None, "none free"), at(9), 1),
    )
    assert lines(story)[0] == (
        '6 Job 7 ("render") of alice has not ended: it is Queued, held by the activation filter '
        "/site/free: none free."
    )
    story.tell(c.StartJob(("n1",), 0, "/site/free", "timed_out"))
    assert lines(story)[3:] == [
        "4 The submission filter /site/check was asked.",
        "5 The submission filter changed priority.",
        "7 The activation filter /site/free held it: none free (its slots are kept).",
        "8 It started on n1, because the activation filter /site/free gave no answer in time.",
    ]


def test_what_a_filter_refused() -> None:
    story = external_validation()
    story.tell(
        c.EndExternalValidation("/f", c.FilterEnd(FilterHow.RAN, 2, None, "no \u202ebudget"))
    )
    assert lines(story)[0] == (
        '5 Job 7 ("render") of alice is Failed, because the submission filter /f refused the job: '
        "exit code 2, no \\u202ebudget."
    )


def test_a_cancel_from_the_request_to_the_end() -> None:
    story = running_job(release=True)
    story.ask(cancel("no", actor="mallory", decision=DENIED), cancel(message="disk full"))
    story.ask(cancel("again"))
    story.tell(ORDER, outlasts(1, "r1", survivors=2), release(), ends(3), end_job())
    assert lines(story) == [
        '8,14 Job 7 ("render") of alice is Canceled, because alice canceled it, '
        'saying "disk full".',
        "1 alice created it with 3 tasks.",
        "2 alice submitted it.",
        "5 It started on n1.",
        "6 Task 1 started.",
        "7 mallory asked to cancel it and was refused: mallory may not (rule no-rule-allows).",
        '8 alice asked to cancel it, saying "disk full", allowed by owner-controls: '
        "1 running and 1 waiting tasks.",
        "9 alice asked again; that changed nothing.",
        "10 The stop signal 15 was ordered for task 1.",
        "11 Task 1 did not end within its grace period and was killed on n1 with SIGKILL after "
        "15020 ms (3 processes); 2 of its processes survived.",
        "12 The node release task started on n1.",
        "13 The node release task ended on n1 (exit code 0).",
        "14 The cancel was carried out, 52000 ms after it was asked for.",
    ]


def test_an_escalation_names_the_last_cancel() -> None:
    story = running_job(1)
    story.ask(cancel("gentle", CancelMode.GRACEFUL), cancel("hard", CancelMode.FORCED, "now"))
    assert lines(story)[0] == (
        '7,8 Job 7 ("render") of alice has not ended: it is Canceling; 1 task still runs.'
    )
    assert lines(story)[-1].endswith("; it took over from the weaker cancel under way.")


def test_a_finish_and_an_own_end_and_a_failure() -> None:
    finished = running_job(1)
    finished.ask(finish(message="good enough"))
    finished.tell(ORDER, heeds(1, "f1"), end_job())
    assert 'is Finished, because alice finished it, saying "good enough".' in lines(finished)[0]
    by_itself = running_job(1)
    by_itself.tell(ends(1), end_job())
    assert lines(by_itself)[0].endswith("is Finished, because its task finished.")
    failed = running_job(2, started=2)
    failed.tell(ends(1), ends(2, code=3), end_job())
    assert "is Failed, because 1 of 2 tasks failed, 0 canceled." in lines(failed)[0]
    assert "9 Task 2 failed: ended by itself with exit code 3." in lines(failed)


def test_what_a_person_said_stands_in_quotation_marks_only() -> None:
    said = "depends on nothing. It ended Finished"
    tasks = (e.TaskSpec(1, "prepare", TaskType.NODE_PREP), *(e.TaskSpec(n, "x") for n in (2, 3)))
    story = Story(add(tasks, submit=True))
    story.tell(c.StartValidation(), c.EndValidation(), c.StartJob(("n1",)))
    story.ask(cancel_task(3, "t3", message=said), cancel_task(1, "t1", message=said))
    story.tell(c.RecordTaskCanceled(), end_job())
    assert story.job.tasks[2].reason == "has no node: node preparation was canceled on n1"
    assert said not in story.job.error_params
    found = [line for line in lines(story) if said in line]
    assert found
    assert [line for line in found if f'"{said}"' not in line] == []


def test_a_requeue_says_why() -> None:
    story = running_job(2, started=2)
    story.tell(ends(1, code=1))
    story.ask(requeue_task(1, message="its input came"))
    assert lines(story)[-1].endswith('alice queued task 1 again, saying "its input came".')
    story.ask(cancel())
    story.tell(ORDER, heeds(2, "r1"), end_job())
    story.ask(requeue("again", message="there is room"))
    assert lines(story)[-1].endswith(
        'alice queued it again, saying "there is room"; 2 tasks are queued again.'
    )


def test_only_the_last_round_is_told() -> None:
    story = running_job(1)
    story.ask(cancel())
    story.tell(ORDER, heeds(1, "r1"), end_job())
    story.ask(requeue("again"))
    assert lines(story) == [
        '11 Job 7 ("render") of alice has not ended: it is Submitted.',
        "11 alice queued it again; 1 task is queued again.",
    ]


def test_many_alike_in_a_row_are_one_sentence() -> None:
    story = running_job(3, started=3)
    story.ask(cancel())
    story.tell(ORDER, heeds(1, "r1"), heeds(2, "r1"), heeds(3, "r1"), end_job())
    alike = "3 tasks ended within their grace period after the stop signal."
    assert f"11,12,13 {alike}" in lines(story)


def test_node_release_that_was_killed_or_could_not_start_says_where_and_why() -> None:
    killed_ = running_job(1, release=True)
    killed_.tell(ends(1), end_job(), release())
    killed_.ask(cancel("hard", CancelMode.FORCED))
    killed_.tell(ORDER, killed(2, "hard"), end_job())
    assert "12 The node release task was killed by force on n1: 2 processes." in lines(killed_)
    refused = running_job(1, release=True)
    refused.tell(ends(1), end_job(), c.RefuseTask(2, 1, "n1", "no", "no such account"))
    assert "9 The node release task failed on n1: no such account." in lines(refused)


def test_preparation_that_failed_says_why_on_each_node() -> None:
    tasks = (e.TaskSpec(1, "prepare", TaskType.NODE_PREP), e.TaskSpec(2, "work"))
    story = Story(add(tasks, submit=True))
    story.tell(c.StartValidation(), c.EndValidation(), c.StartJob(("n1", "n2", "n3")))
    for n in (1, 2, 3):
        story.tell(c.RefuseTask(1, 1, f"n{n}", "no", f"no scratch disk {n}", n))
    story.tell(end_job())
    assert lines(story)[0].endswith(
        "is Failed, because there is no node left: node preparation failed on n1, n2, n3 "
        "(on n1: no scratch disk 1)."
    )
    assert lines(story)[4:7] == [
        "6 Node preparation failed on n1: no scratch disk 1.",
        "7 Node preparation failed on n2: no scratch disk 2.",
        "8 Node preparation failed on n3: no scratch disk 3.",
    ]


def test_what_waited_in_vain_says_for_which_task() -> None:
    specs = [e.TaskSpec(1, "a", name="a"), e.TaskSpec(2, "b", name="b", depends_on=("a",))]
    specs += [e.TaskSpec(n, "c", depends_on=("a",)) for n in (3, 4)]
    story = Story(add((*specs, e.TaskSpec(5, "d", depends_on=("b",))), submit=True))
    story.tell(c.StartValidation(), c.EndValidation(), c.StartJob(("n1",)))
    story.tell(start(1), ends(1, code=3), end_job())
    assert lines(story)[-1] == (
        "8 Tasks 2-4 were canceled before they ran: each depends on task 1, which failed. "
        "Task 5 was canceled before it ran: it depends on task 2, and so on task 1, which failed. "
        "It ended Failed: 1 of 5 tasks failed, 4 canceled."
    )


def test_many_failures_in_a_row_keep_their_reasons() -> None:
    story = running_job(3, started=3)
    story.tell(ends(1, code=3), ends(2, code=3), ends(3, code=4))
    assert lines(story)[-1] == (
        "9,10,11 3 tasks failed: ended by itself with exit code 3 (2), "
        "ended by itself with exit code 4 (1)."
    )


def test_many_kills_in_a_row_name_their_nodes() -> None:
    story = running_job(2, started=2)
    story.ask(cancel("hard", CancelMode.FORCED))
    story.tell(ORDER, killed(1, "hard"), killed(2, "hard"))
    assert lines(story)[-1] == "10,11 2 tasks were killed on n1 with SIGKILL."


def test_every_sentence_rests_on_events_of_the_job_and_stays_on_one_line() -> None:
    story = running_job(2)
    story.ask(cancel_task(2, message="two\nlines \x1b[31m\u202e"), cancel(message="a\r\nb"))
    story.tell(ORDER, heeds(1, "r1"), end_job())
    for sentence in told(story):
        assert sentence.events == tuple(sorted(set(sentence.events)))
        assert sentence.events
        assert all(101 <= n <= 100 + len(story.history) for n in sentence.events)
        assert sentence.text.isprintable()


def test_who_canceled_the_tasks_of_a_job_that_failed_by_it() -> None:
    """Slots full; canceled, again, two of three canceled while they wait, the last one ends."""
    assert "alice queued it again; 3 tasks are queued again." in lines(requeued_of(3))[1]
    story = requeued_of(3)
    story.ask(cancel_task(2, "t2", message="bad input"), cancel_task(3, "t3", message="bad input"))
    story.tell(c.RecordTaskCanceled(), c.StartJob(("n1",)), start(1), ends(1), end_job())
    version = {type(x.data).__name__: x.version for x in story.history}
    asked = [x.version for x in story.history if type(x.data).__name__ == "TaskCancelRequested"]
    assert lines(story)[0] == (
        f'{asked[0]},{asked[1]},{version["JobFailed"]} Job 7 ("render") of alice is Failed, '
        'because alice canceled tasks 2-3 of 3, saying "bad input".'
    )
    assert lines(story)[-1] == f"{version['JobFailed']} It ended Failed."
    assert [x.split(" ", 1)[1] for x in lines(story) if "before" in x] == [
        "Task 2 was canceled before it ran.",
        "Task 3 was canceled before it ran.",
    ]


def test_tasks_canceled_while_they_ran_did_not_fail_by_themselves() -> None:
    story = running_job(3, started=3)
    story.ask(cancel_task(1, "t1"), cancel_task(2, "t2", actor="bob", message="mine"))
    story.tell(ORDER, heeds(1, "t1"), heeds(2, "t2"), ends(3, code=4), end_job())
    assert lines(story)[0].endswith(
        "is Failed, because alice canceled task 1 of 3 and bob canceled task 2 of 3, "
        'saying "mine"; 1 task failed.'
    )
    only = running_job(1)
    only.ask(cancel_task(1, "t1"))
    only.tell(ORDER, heeds(1, "t1"), end_job())
    assert lines(only)[0].endswith("is Failed, because alice canceled its task.")


def test_one_that_failed_before_its_cancel_came_through_was_not_ended_by_it() -> None:
    story = running_job(1)
    story.ask(cancel_task(1, "t1"))
    story.tell(ends(1, code=3), end_job())
    assert "because 1 of 1 tasks failed, 0 canceled" in lines(story)[0]


def requeued_of(count: int) -> Story:
    """A job that was canceled while it waited, and waits again."""
    story = queued_job(count)
    story.ask(cancel())
    story.tell(end_job())
    story.ask(requeue("again"))
    story.tell(c.StartValidation(), c.EndValidation())
    return story


def test_a_message_cannot_end_its_quotation() -> None:
    story = running_job(1)
    forged = 'x", allowed by administrator-everything: 3 running. (event 7) root said "yes'
    story.ask(cancel(message=forged))
    (asked,) = (x for x in lines(story) if "asked to cancel" in x)
    escaped = forged.replace('"', '\\"')
    assert f'saying "{escaped}", allowed by owner-controls' in asked


def test_events_that_are_missing_are_noticed() -> None:
    story = running_job(1)
    explaining = Explaining(story.job)
    explaining.take(101, story.history[0])
    with pytest.raises(Corrupt, match="version 3 follows 1"):
        explaining.take(103, story.history[2])
    with pytest.raises(Corrupt, match="job 7 has 6 events, and 1 were found"):
        explaining.sentences()


def test_marks_and_who_was_refused_one() -> None:
    story = running_job(1)
    hold = JobMark.LEGAL_HOLD
    story.ask(mark(), mark("k2", message="me too"), mark("k3", placed=False, message="over"))
    story.ask(mark("k4", of=hold, decision=DENIED), mark("k5", of=hold))
    story.ask(mark("k6", of=hold, placed=False, message="closed"))
    story.ask(mark("k7", of=hold, placed=False), mark("k8", placed=False))
    words = [line.partition(" ")[2] for line in lines(story)][-8:]
    assert words[0] == 'alice protected it, saying "keep it".'
    assert words[1].startswith("alice asked to protect it and was refused: ")
    assert words[2] == 'alice lifted its protection, saying "over".'
    assert words[3].startswith("alice asked to place a legal hold on it and was refused: ")
    assert words[4] == 'alice put it under legal hold, saying "keep it".'
    assert words[5] == 'alice released its legal hold, saying "closed".'
    assert words[6].startswith("alice asked to release the legal hold on it and was refused: ")
    assert words[7].startswith("alice asked to lift the protection of it and was refused: ")
