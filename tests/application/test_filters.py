"""Filters of the site, carried out: beside everything else, through outages and crashes."""

import asyncio
from typing import Final

from domain import events as e
from domain.hresult import HResult
from domain.outcome import Outcome
from domain.states import ActivationHold, JobPriority, JobState
from tests.support.fake_filters import Held, ends, never
from tests.support.stack import ADMIN, Stack, World, until

CHECK: Final = "/site/check"


async def set_filter(stack: Stack, kind: str, path: str = CHECK, key: str = "p1") -> None:
    name = f"{kind}FilterProgram"
    receipt = await stack.scheduler.set_cluster_parameter(ADMIN, name, path, key)
    assert receipt.outcome is Outcome.ACCEPTED


async def number(stack: Stack, key: str = "add", priority: JobPriority = JobPriority.NORMAL) -> int:
    return int((await stack.add("run", key=key, priority=priority)).job_id)


# --- submission -----------------------------------------------------------------------------------


async def test_a_job_is_in_external_validation_while_its_filter_runs(world: World) -> None:
    check = Held()
    world.filters.install(CHECK, check)
    async with Stack(world) as stack:
        await set_filter(stack, "Submission")
        job = await number(stack)
        await stack.state(job, JobState.EXTERNAL_VALIDATION)
        refused = await stack.cancel(job)
        assert (refused.outcome, refused.hresult) == (
            Outcome.REFUSED,
            HResult.INVALID_CANCEL_JOB_STATE,
        )
        check.answer(0)
        await stack.went(job, 1)
        assert [x for x in await world.types(job) if "Valid" in x or "Queued" in x] == [
            "JobValidationStarted",
            "JobExternalValidationStarted",
            "JobQueued",
        ]
        (call,) = world.filters.calls
        assert (call.program, call.kind, call.job, call.arguments) == (CHECK, "submission", job, ())
        assert b'State="ExternalValidation"' in call.file
        await world.check(stack, job)


async def test_a_filter_that_refuses_says_why(world: World) -> None:
    world.filters.install(CHECK, ends(2, b"\n\x1b[31mno \xffbudget\nask\tolga\nx\nnever said\n"))
    async with Stack(world) as stack:
        await set_filter(stack, "Submission")
        job = await stack.state(await number(stack), JobState.FAILED)
        assert job.error_code == HResult.SUBMISSION_FILTER_FAILED
        assert job.error_params == (
            f"the submission filter {CHECK} refused the job: exit code 2, [31mno \ufffdbudget; "
            "ask olga; x"
        )


async def test_what_a_filter_changes_is_the_job_that_runs(world: World) -> None:
    world.filters.install(CHECK, ends(1, change=(b'"Normal"', b'"Highest"')))
    async with Stack(world) as stack:
        await set_filter(stack, "Submission")
        job = await number(stack)
        await stack.went(job, 1)
        assert stack.board.jobs[job].priority is JobPriority.HIGHEST
        types = await world.types(job)
        assert types.index("JobPropertiesChanged") + 1 == types.index("JobQueued")
        await world.check(stack, job)


async def test_a_filter_that_changes_a_task_refuses_the_job(world: World) -> None:
    world.filters.install(CHECK, ends(1, change=(b'CommandLine="run"', b'CommandLine="walk"')))
    async with Stack(world) as stack:
        await set_filter(stack, "Submission")
        job = await stack.state(await number(stack), JobState.FAILED)
        assert job.error_code == HResult.SUBMISSION_FILTER_INVALID_JOB_TERM
        assert "it changed the tasks" in job.error_params


async def test_no_answer_in_time_refuses_and_a_missing_program_too(world: World) -> None:
    world.filters.install(CHECK, never)
    async with Stack(world) as stack:
        await set_filter(stack, "Submission")
        await stack.scheduler.set_cluster_parameter(ADMIN, "SubmissionFilterTimeout", "1", "p2")
        late = await stack.state(await number(stack, "late"), JobState.FAILED)
        assert late.error_code == HResult.SUBMISSION_FILTER_TIMEOUT
        await set_filter(stack, "Submission", "/nowhere", "p3")
        missing = await stack.state(await number(stack, "missing"), JobState.FAILED)
        assert missing.error_code == HResult.SUBMISSION_FILTER_DOES_NOT_EXIST


async def test_a_few_filters_run_at_once_and_who_waits_can_be_canceled(world: World) -> None:
    check = Held()
    world.filters.install(CHECK, check)
    async with Stack(world) as stack:
        free = await stack.running("run", key="free")
        await set_filter(stack, "Submission")
        jobs = [await number(stack, f"k{n}") for n in range(6)]
        await until(lambda: world.filters.running == 4, "four filters")
        for job in jobs[:4]:
            await stack.state(job, JobState.EXTERNAL_VALIDATION)
        for job in jobs[4:]:
            await stack.state(job, JobState.VALIDATING)
        await stack.cancel(jobs[4])
        await stack.state(jobs[4], JobState.CANCELED)
        await stack.cancel(free, key="c2")
        await stack.state(free, JobState.CANCELED)
        for _ in range(5):
            check.answer(0)
        await stack.state(jobs[5], JobState.RUNNING, JobState.QUEUED)
        assert world.filters.most_at_once == 4
        assert len(world.filters.calls) == 5, "nobody is asked about a canceled job"


async def test_after_a_crash_the_filter_is_asked_again(world: World) -> None:
    check = Held()
    world.filters.install(CHECK, check)
    stack = await Stack(world).start()
    await set_filter(stack, "Submission")
    job = await number(stack)
    await until(lambda: world.filters.running == 1, "the filter")
    again = await stack.again()
    await until(lambda: len(world.filters.calls) == 2, "the second question")
    check.answer(0)
    check.answer(0)
    await again.went(job, 1)
    assert (await world.types(job)).count("JobExternalValidationStarted") == 1
    await again.crash()


async def test_a_filter_taken_away_while_the_service_was_down_lets_pass(world: World) -> None:
    check = Held()
    world.filters.install(CHECK, check)
    stack = await Stack(world).start()
    await set_filter(stack, "Submission")
    job = await number(stack)
    await stack.state(job, JobState.EXTERNAL_VALIDATION)
    await stack.crash()
    quiet = await Stack(world, carry=False).start()
    await set_filter(quiet, "Submission", "", "p2")
    await quiet.crash()
    async with Stack(world) as again:
        await again.went(job, 1)


async def test_where_no_process_can_be_made_the_job_waits(world: World) -> None:
    world.filters.install(CHECK, ends(0))
    async with Stack(world) as stack:
        await set_filter(stack, "Submission")
        world.filters.unavailable = True
        job = await number(stack)
        await until(lambda: "filter_waits" in {name for name, _ in world.reports}, "a report")
        assert stack.board.jobs[job].state is JobState.EXTERNAL_VALIDATION
        world.filters.unavailable = False
        await stack.went(job, 1)


# --- activation -----------------------------------------------------------------------------------


async def test_a_job_starts_when_its_filter_lets_it(world: World) -> None:
    check = Held()
    world.filters.install(CHECK, check)
    async with Stack(world) as stack:
        await set_filter(stack, "Activation")
        job = await number(stack)
        await until(lambda: world.filters.running == 1, "the question")
        assert stack.board.jobs[job].state is JobState.QUEUED
        check.answer(0)
        await stack.went(job, 1)
        (call,) = world.filters.calls
        assert call.kind == "activation"
        assert (call.arguments[1:], call.arguments[0].isdigit()) == (("1", "false", "1"), True)
        assert b'State="Queued"' in call.file
        started = next(x for x in await world.facts(job) if isinstance(x, e.JobStarted))
        assert (started.filter, started.filter_outcome) == (CHECK, "passed")
        await world.check(stack, job)


async def test_a_filter_is_asked_once_for_all_tasks_of_a_job(world: World) -> None:
    world.filters.install(CHECK, ends(0))
    async with Stack(world, slots=2) as stack:
        await set_filter(stack, "Activation")
        job = int((await stack.add("run", "run", "run")).job_id)
        await stack.went(job, 1)
        await stack.went(job, 2)
        await stack.finish_task(job, 1)
        await stack.went(job, 3)
        assert [call.arguments[3] for call in world.filters.calls] == ["2"]


async def test_no_answer_in_time_starts_the_job(world: World) -> None:
    world.filters.install(CHECK, never)
    async with Stack(world) as stack:
        await set_filter(stack, "Activation")
        await stack.scheduler.set_cluster_parameter(ADMIN, "ActivationFilterTimeout", "1", "p2")
        job = await number(stack)
        await stack.went(job, 1)
        started = next(x for x in await world.facts(job) if isinstance(x, e.JobStarted))
        assert (started.filter, started.filter_outcome) == (CHECK, "timed_out")


async def test_a_held_queue_waits_and_what_is_above_it_starts(world: World) -> None:
    check = Held()
    world.filters.install(CHECK, check)
    async with Stack(world, slots=8) as stack:
        running = await stack.running("run", key="before")
        await set_filter(stack, "Activation")
        held = await number(stack, "held")
        check.answer(1, b"none free")
        await held_as(stack, held, ActivationHold.QUEUE)
        behind = await number(stack, "behind")
        above = await number(stack, "above", priority=JobPriority.HIGHEST)
        await until(lambda: above in asked(world), "the question about the one above")
        assert behind not in asked(world)
        more = e.TaskSpec(2, "run")
        await stack.scheduler.add_tasks(ADMIN, str(running), (more,), "more")
        await stack.went(running, 2)  # what runs goes on
        for _ in range(4):
            check.answer(0)
        for job in (above, held, behind):
            await stack.went(job, 1)
        assert (await world.types(held)).count("JobActivationHeld") == 1


async def test_slots_that_are_kept_are_kept(world: World) -> None:
    check = Held()
    world.filters.install(CHECK, check)
    async with Stack(world, slots=2) as stack:
        await set_filter(stack, "Activation")
        held = await number(stack, "held")
        check.answer(2)
        await held_as(stack, held, ActivationHold.SLOTS)
        await until(lambda: asked(world).count(held) >= 2, "the second question")
        one, two = await number(stack, "one"), await number(stack, "two")
        await until(lambda: one in asked(world), "the question about the next one")
        assert two not in asked(world), "there are two slots, and one is kept"
        await stack.cancel(held)
        await until(lambda: two in asked(world), "the slot that was kept")


async def test_a_job_that_is_held_alone_lets_others_pass(world: World) -> None:
    check = Held()
    world.filters.install(CHECK, check)
    async with Stack(world, slots=1) as stack:
        await set_filter(stack, "Activation")
        held = await number(stack, "held")
        check.answer(3, b"after office hours")
        await held_as(stack, held, ActivationHold.JOB)
        fact = next(x for x in await world.facts(held) if isinstance(x, e.JobActivationHeld))
        assert (fact.again_seconds, fact.reason) == (900, "after office hours")
        other = await number(stack, "other")
        check.answer(0)
        await stack.went(other, 1)
        assert asked(world) == [held, other]
        await stack.cancel(other)
        await set_filter(stack, "Activation", "", "p2")  # noticed while it is held
        await stack.went(held, 1)


async def test_a_filter_that_fails_a_job(world: World) -> None:
    world.filters.install(CHECK, ends(4, b"no such license"))
    async with Stack(world) as stack:
        await set_filter(stack, "Activation")
        job = await stack.state(await number(stack), JobState.FAILED)
        assert job.error_code == HResult.FAILED_BY_ACTIVATION_FILTER
        assert job.error_params.endswith("failed the job: no such license")


async def test_a_cancel_while_the_filter_is_asked(world: World) -> None:
    check = Held()
    world.filters.install(CHECK, check)
    async with Stack(world) as stack:
        await set_filter(stack, "Activation")
        job = await number(stack)
        await until(lambda: world.filters.running == 1, "the question")
        await stack.cancel(job)
        await stack.state(job, JobState.CANCELED)
        check.answer(0)
        await until(lambda: world.filters.running == 0, "the answer")
        assert "JobStarted" not in await world.types(job)
        await world.check(stack, job)


async def test_a_job_without_tasks_is_asked_about_too(world: World) -> None:
    check = Held()
    world.filters.install(CHECK, check)
    async with Stack(world) as stack:
        await set_filter(stack, "Activation")
        new = type(stack.scheduler.create_job())("idle", (), run_until_canceled=True)
        job = int((await stack.scheduler.submit_job(ADMIN, new, "k")).job_id)
        await until(lambda: world.filters.running == 1, "the question")
        assert stack.board.jobs[job].state is JobState.QUEUED
        check.answer(0)
        await stack.state(job, JobState.RUNNING)


async def test_after_a_crash_a_held_queue_is_still_held(world: World) -> None:
    check = Held()
    world.filters.install(CHECK, check)
    stack = await Stack(world).start()
    await set_filter(stack, "Activation")
    held = await number(stack, "held")
    check.answer(1)
    await held_as(stack, held, ActivationHold.QUEUE)
    behind = await number(stack, "behind")
    again = await stack.again()
    await until(lambda: asked(world).count(held) >= 2, "the question of the next service")
    assert behind not in asked(world)
    for _ in range(4):
        check.answer(0)
    await again.went(held, 1)
    await again.went(behind, 1)
    await again.crash()


async def held_as(stack: Stack, job: int, hold: ActivationHold) -> None:
    """The board knows that the job is held so."""

    def held() -> bool:
        one = stack.board.jobs.get(job)
        return one is not None and one.held is not None and one.held.hold is hold

    await until(held, f"job {job} held ({hold})")


def asked(world: World) -> list[int]:
    """The jobs that activation filters were asked about, in order."""
    return [call.job for call in world.filters.calls]


async def test_the_service_ends_while_a_filter_runs(world: World) -> None:
    world.filters.install(CHECK, never)
    stack = await Stack(world).start()
    await set_filter(stack, "Submission")
    await number(stack)
    await until(lambda: world.filters.running == 1, "the filter")
    async with asyncio.timeout(5):
        await stack.dispatcher.close()
    assert world.filters.running == 0
    await stack.crash()
