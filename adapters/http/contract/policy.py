"""The policy: which rules are in force, which were, what they say, and others in their place."""

from typing import Final

from adapters.http.bodies.policy import (
    ActivationBody,
    PolicyAnswerBody,
    PolicyBody,
    PolicyHistoryBody,
    ProposalBody,
    ShadowBody,
    StopShadowBody,
)
from adapters.http.contract.fields import Moment, Text, Whole, Word, words_of
from adapters.http.contract.operation import Operation, Parameter, Reply
from adapters.http.contract.parts import NAME, POSITION_MAX, RECEIPT, REQUEST_ID
from domain.cluster import JOB_ID_MAX
from domain.message import MESSAGE_UNITS_MAX
from domain.policy import Action
from domain.policy_requests import ON_THE_CLUSTER
from domain.requests import REASON_CODE_MAX
from domain.states import CancelMode

ON_A_JOB: Final = tuple(
    str(x) for x in Action if x not in ON_THE_CLUSTER and not x.startswith("create")
)
"""What can be asked about a job that there is."""

DIGEST: Final = Text(6, 64, r"[0-9a-f]{6,64}", "6 to 64 of 0-9 and a-f")

SHOW: Final = Operation(
    id="getPolicy",
    method="GET",
    path="/policy",
    tag="policy",
    summary="The rules in force, or those of a moment, a position or a digest",
    description="At most one of the parameters is given. Without any it is what decides now.",
    parameters=(
        Parameter("position", Whole(1, POSITION_MAX), "In force after the event at this position."),
        Parameter("at", Moment(), "In force at this time."),
        Parameter("digest", DIGEST, "Whose digest begins so; also if only proposed."),
    ),
    replies=(Reply(200, "The rules.", PolicyBody),),
    problems=(403, 404, 422),
)
HISTORY: Final = Operation(
    id="listPolicies",
    method="GET",
    path="/policy/history",
    tag="policy",
    summary="Every schema, proposal, activation and refusal, in order",
    replies=(Reply(200, "The history.", PolicyHistoryBody),),
    problems=(403,),
)
ANSWER: Final = Operation(
    id="askPolicy",
    method="GET",
    path="/policy/answer",
    tag="policy",
    summary="What the rules in force would say, now, to somebody about a job",
    description="Nothing is done, and nothing recorded. The person is known by their name, as for "
    "Countermand-As; the request is one that came as this one does.",
    parameters=(
        Parameter("job", Whole(1, JOB_ID_MAX), "The job."),
        Parameter("person", NAME, "Who would ask; without it, the caller."),
        Parameter("action", Word(ON_A_JOB, "cancel"), "What they would do."),
        Parameter("mode", words_of(CancelMode), "Of a cancel: how; normal without it."),
        Parameter(
            "message_units",
            Whole(0, MESSAGE_UNITS_MAX, 0),
            "The length of the message in UTF-16 code units, of what can have one.",
        ),
        Parameter(
            "reason_code",
            Text(0, REASON_CODE_MAX, r"[a-z0-9_-]*", "a word of a-z, 0-9, _ and -"),
            "Of a cancel: its reason code.",
        ),
    ),
    replies=(Reply(200, "The answer.", PolicyAnswerBody),),
    problems=(403, 404, 422),
)
PROPOSE: Final = Operation(
    id="proposePolicy",
    method="POST",
    path="/policy/proposals",
    tag="policy",
    summary="Propose rules, which another person then activates",
    parameters=(REQUEST_ID,),
    body=ProposalBody,
    replies=(RECEIPT,),
    problems=(403, 409, 422),
)
ACTIVATE: Final = Operation(
    id="activatePolicy",
    method="POST",
    path="/policy/activations",
    tag="policy",
    summary="Put rules in force that another person has proposed",
    description="When nobody has proposed this very text, it becomes a proposal: event_type of the "
    "receipt is then PolicyProposed, and nothing is in force that was not before.",
    parameters=(REQUEST_ID,),
    body=ActivationBody,
    replies=(RECEIPT,),
    problems=(403, 409, 422),
)
SHADOW: Final = Operation(
    id="getPolicyShadow",
    method="GET",
    path="/policy/shadow",
    tag="policy",
    summary="The rules that run in shadow, or did at a moment or a position",
    description="They are asked what the rules in force are asked; what they say stands in each "
    "decision and binds nobody. 404 when none run.",
    parameters=(
        Parameter("position", Whole(1, POSITION_MAX), "After the event at this position."),
        Parameter("at", Moment(), "At this time."),
    ),
    replies=(Reply(200, "The rules.", ShadowBody),),
    problems=(403, 404, 422),
)
START_SHADOW: Final = Operation(
    id="startPolicyShadow",
    method="POST",
    path="/policy/shadow",
    tag="policy",
    summary="Run rules in shadow beside those in force",
    description="One text at a time, until it is stopped or in force itself.",
    parameters=(REQUEST_ID,),
    body=ProposalBody,
    replies=(RECEIPT,),
    problems=(403, 409, 422),
)
STOP_SHADOW: Final = Operation(
    id="stopPolicyShadow",
    method="POST",
    path="/policy/shadow/stop",
    tag="policy",
    summary="Ask the rules that run in shadow no more",
    parameters=(REQUEST_ID,),
    body=StopShadowBody,
    replies=(RECEIPT,),
    problems=(403, 409, 422),
)

OPERATIONS: Final = (
    *(SHOW, HISTORY, ANSWER, PROPOSE, ACTIVATE),
    *(SHADOW, START_SHADOW, STOP_SHADOW),
)
