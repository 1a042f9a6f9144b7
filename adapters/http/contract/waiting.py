"""Cancels that wait: which there are, and what can be done about one."""

from typing import Final

from adapters.http.answers import POSITION
from adapters.http.bodies.waiting import ApprovalBody, PendingListBody, WithdrawalBody
from adapters.http.contract.operation import Operation, Parameter, Reply
from adapters.http.contract.parts import JOB, KEY, command

CANCEL_ID: Final = Parameter(
    "cancel_id", KEY, "The request id of the cancel that waits.", where="path"
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

OPERATIONS: Final = (APPROVE, WITHDRAW, PENDING)
