"""Cancels that wait, and reviews that are open, over HTTP."""

from litestar import Response
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from adapters.http.answers import json_answer
from adapters.http.bodies.reviews import ReviewBody, review_list
from adapters.http.bodies.waiting import ApprovalBody, WithdrawalBody, pending_list
from adapters.http.contract import waiting as op
from adapters.http.contract.operation import route
from adapters.http.reading.requests import Query, placed_text
from adapters.http.routes.commands import answered, asked_of
from adapters.web.authentication import caller_of
from adapters.web.requests import WebRequest
from application.pending import PendingCancels
from application.ports import Ids
from application.reviews import Reviews
from application.scheduler import Scheduler


class Waiting:
    """One method an operation."""

    def __init__(
        self, scheduler: Scheduler, pending: PendingCancels, reviews: Reviews, ids: Ids
    ) -> None:
        self._scheduler = scheduler
        self._pending = pending
        self._reviews = reviews
        self._ids = ids

    def routes(self) -> list[HTTPRouteHandler]:
        """The routes under /api/v1."""
        return [
            route(op.APPROVE, self.approve),
            route(op.WITHDRAW, self.withdraw),
            route(op.PENDING, self.pending),
            route(op.REVIEW, self.review),
            route(op.REVIEWS, self.reviews),
        ]

    async def approve(
        self, request: WebRequest, job_id: FromPath[str], cancel_id: FromPath[str]
    ) -> Response[bytes]:
        """One more person is for it."""
        body, how = await asked_of(request, op.APPROVE, ApprovalBody, self._ids)
        on = caller_of(request), job_id, placed_text(op.APPROVE, "cancel_id", cancel_id)
        return await answered(self._scheduler.approve_cancel(*on, body.message, *how))

    async def withdraw(
        self, request: WebRequest, job_id: FromPath[str], cancel_id: FromPath[str]
    ) -> Response[bytes]:
        """It never takes effect."""
        body, how = await asked_of(request, op.WITHDRAW, WithdrawalBody, self._ids)
        on = caller_of(request), job_id, placed_text(op.WITHDRAW, "cancel_id", cancel_id)
        return await answered(self._scheduler.withdraw_cancel(*on, body.message, *how))

    async def pending(self, request: WebRequest) -> Response[bytes]:
        """Which wait."""
        Query(request, op.PENDING)
        seen = await self._pending.seen(caller_of(request))
        return json_answer(pending_list(seen), position=seen.position)

    async def review(
        self, request: WebRequest, job_id: FromPath[str], request_id: FromPath[str]
    ) -> Response[bytes]:
        """Somebody else has looked at it."""
        body, how = await asked_of(request, op.REVIEW, ReviewBody, self._ids)
        on = caller_of(request), job_id, placed_text(op.REVIEW, "request_id", request_id)
        return await answered(self._scheduler.review_use(*on, body.message, *how))

    async def reviews(self, request: WebRequest) -> Response[bytes]:
        """Which are open."""
        Query(request, op.REVIEWS)
        seen = await self._reviews.seen(caller_of(request))
        return json_answer(review_list(seen), position=seen.position)
