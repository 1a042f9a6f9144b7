"""Commands on many jobs over HTTP: which are meant, what is planned, and an answer for each."""

from collections import Counter
from collections.abc import Sequence

from litestar import Response
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from adapters.http.answers import json_answer
from adapters.http.bulk import (
    OPEN_STATES,
    ApplyBody,
    CancelJobsBody,
    PlanJobsBody,
    WantedBody,
    WhichJobsBody,
    canceled_body,
    plan_body,
)
from adapters.http.contract import commands as op
from adapters.http.contract.operation import route
from adapters.http.reading.conditions import no_if_match
from adapters.http.reading.requests import Query, choice, placed_text
from adapters.http.routes.commands import how_to_cancel, id_of, said
from adapters.web.authentication import caller_of
from adapters.web.requests import Malformed, WebRequest
from application.bulk_cancel import BulkCancels, Which
from application.ports import Ids
from application.receipts import Receipt
from domain.bulk import BULK_JOBS_MAX, Bulk, HowToCancel
from domain.errors import BadRequest
from domain.events import JobsWanted
from domain.identity import Caller
from domain.states import JobPriority, JobState, JobType

PLAN_ID_DIGITS = 40


class BulkCommands:
    """One method a command."""

    def __init__(self, bulk: BulkCancels, ids: Ids) -> None:
        self._bulk = bulk
        self._ids = ids

    def routes(self) -> list[HTTPRouteHandler]:
        """The routes under /api/v1."""
        return [
            route(op.CANCEL_JOBS, self.cancel),
            route(op.PLAN_CANCEL_JOBS, self.plan),
            route(op.APPLY_CANCEL_PLAN, self.apply),
        ]

    async def cancel(self, request: WebRequest) -> Response[bytes]:
        """Stop many jobs: 200 with an answer for each."""
        no_if_match(request)
        body, query = await said(request, op.CANCEL_JOBS, CancelJobsBody)
        caller, key = caller_of(request), id_of(query, self._ids)
        which, page = which_jobs(body), page_of(body)
        bulk = await self._bulk.request(caller, which, how_of(body), key)
        jobs = bulk.jobs if bulk else ()
        return await self._answered(caller, bulk, (body.jobs or jobs)[page], key)

    async def plan(self, request: WebRequest) -> Response[bytes]:
        """What that would be: 200 with a digest."""
        no_if_match(request)
        body, _ = await said(request, op.PLAN_CANCEL_JOBS, PlanJobsBody)
        caller, which = caller_of(request), which_jobs(body)
        plan, foreseen = await self._bulk.plan(caller, which, how_of(body), self._ids.new())
        return json_answer(plan_body(plan, foreseen), 200, plan.position)

    async def apply(self, request: WebRequest, digest: FromPath[str]) -> Response[bytes]:
        """Stop exactly the jobs of a plan."""
        no_if_match(request)
        body, query = await said(request, op.APPLY_CANCEL_PLAN, ApplyBody)
        plan = placed_text(op.APPLY_CANCEL_PLAN, "digest", digest)
        caller, key = caller_of(request), plan_id(query, plan)
        page = page_of(body)
        bulk = await self._bulk.apply(caller, plan, key)
        return await self._answered(caller, bulk, (bulk.jobs if bulk else ())[page], key)

    async def _answered(
        self, caller: Caller, bulk: Bulk | None, jobs: Sequence[int], key: str
    ) -> Response[bytes]:
        answers = await self._bulk.cancel(caller, bulk, jobs) if bulk else []
        body = canceled_body(key, bulk, zip(jobs, answers, strict=True), self._ids.new)
        receipts = [answer for answer in answers if isinstance(answer, Receipt)]
        position = max((receipt.position for receipt in receipts), default=body.position)
        return json_answer(body, 200, position)


def plan_id(query: Query, plan: str) -> str:
    """The request id that came with it, or the one of this plan: the same again goes on."""
    return query.text("Idempotency-Key") or f"plan-{plan[:PLAN_ID_DIGITS]}"


def how_of(body: WhichJobsBody) -> HowToCancel:
    """How each is canceled."""
    how = how_to_cancel(body)
    return HowToCancel(how.mode, how.message, how.reason_code)


def which_jobs(body: WhichJobsBody) -> Which:
    """Numbers, or what the jobs are found by; else ``Malformed``, or ``BadRequest`` for neither."""
    if body.jobs is None and body.wanted is None:
        raise none_named("neither jobs nor wanted is given")
    if body.jobs is not None and body.wanted is not None:
        raise Malformed("say which jobs by jobs or by wanted, one of the two")
    if body.wanted is not None:
        return jobs_wanted(body.wanted)
    return each_once(body.jobs or [])


def none_named(why: str) -> BadRequest:
    """It is not said which jobs are meant."""
    return BadRequest(
        f"{why}, which never means every job: give the numbers of 1 to {BULK_JOBS_MAX} jobs in "
        f"jobs, or in wanted at least one of {', '.join(WantedBody.__struct_fields__)}",
        code="no_jobs_named",
    )


def each_once(jobs: list[int]) -> tuple[int, ...]:
    """Some jobs, not too many, none of them twice; else ``Malformed``, ``BadRequest`` for none."""
    if not jobs:
        raise none_named("jobs is empty")
    if len(jobs) > BULK_JOBS_MAX:
        raise Malformed(f"jobs has {len(jobs)} numbers; it has from 1 to {BULK_JOBS_MAX}")
    if len(set(jobs)) < len(jobs):
        twice = next(job for job, count in Counter(jobs).items() if count > 1)
        raise Malformed(f"job {twice} is named twice in jobs; give it once")
    return tuple(jobs)


def jobs_wanted(body: WantedBody) -> JobsWanted:
    """By what jobs are found. Raises ``BadRequest`` when it says nothing: that is never all."""
    if body == WantedBody():
        raise none_named("wanted is empty")
    return JobsWanted(
        owners=tuple(body.owners),
        states=tuple(open_state(text) for text in body.states),
        job_types=tuple(choice(text, JobType, "job_types") for text in body.job_types),
        priorities=tuple(choice(text, JobPriority, "priorities") for text in body.priorities),
        name=body.name,
        nodes=tuple(body.nodes),
        labels=tuple(body.labels),
    )


def open_state(text: str) -> JobState:
    """A state of a job that is not over."""
    state = choice(text, JobState, "states")
    if state not in OPEN_STATES:
        raise Malformed(f"a job that is {state} is over; states are of {', '.join(OPEN_STATES)}")
    return state


def page_of(body: CancelJobsBody | ApplyBody) -> slice:
    """Which of the jobs this request works on."""
    if not 0 <= body.skip <= BULK_JOBS_MAX or not 1 <= body.take <= BULK_JOBS_MAX:
        raise Malformed(f"skip is from 0 and take from 1, both to {BULK_JOBS_MAX}")
    return slice(body.skip, body.skip + body.take)
