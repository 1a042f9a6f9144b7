"""Cancels that wait, and reviews that are open: which there are, and what can be done about one."""

from typing import Final

from adapters.http.answers import POSITION
from adapters.http.bodies.reviews import ReviewBody, ReviewListBody
from adapters.http.bodies.waiting import ApprovalBody, PendingListBody, WithdrawalBody
from adapters.http.contract.operation import Operation, Parameter, Reply
from adapters.http.contract.parts import JOB, KEY, command

CANCEL_ID: Final = Parameter(
    "cancel_id", KEY, "The request id of the cancel that waits.", where="path"
)
REVIEWED: Final = Parameter(
    "request_id", KEY, "The request id of the cancel that overrode the rules.", where="path"
)
APPROVE: Final = command(
    "approveCancel",
    "/jobs/{job_id}/cancellations/{cancel_id}/approval",
    "Approve a cancel that waits, which somebody else asked for",
    ApprovalBody,
    (JOB, CANCEL_ID),
)
WITHDRAW: Final = command(
    "withdrawCancel",
    "/jobs/{job_id}/cancellations/{cancel_id}/withdrawal",
    "Take back a cancel that waits",
    WithdrawalBody,
    (JOB, CANCEL_ID),
)
PENDING: Final = Operation(
    id="listPendingCancels",
    method="GET",
    path="/pending",
    tag="jobs",
    summary="Every cancel that waits, with its deadline and its approvals",
    replies=(Reply(200, "The cancels.", PendingListBody, headers=(POSITION,)),),
    problems=(403, 404),
)

REVIEW: Final = command(
    "reviewUse",
    "/jobs/{job_id}/reviews/{request_id}",
    "Say what you found of a cancel that overrode the rules, which somebody else did",
    ReviewBody,
    (JOB, REVIEWED),
)
REVIEWS: Final = Operation(
    id="listOpenReviews",
    method="GET",
    path="/reviews",
    tag="jobs",
    summary="Every cancel that overrode the rules and that nobody else has reviewed",
    replies=(Reply(200, "The open reviews.", ReviewListBody, headers=(POSITION,)),),
    problems=(403, 404),
)

OPERATIONS: Final = (APPROVE, WITHDRAW, PENDING, REVIEW, REVIEWS)
