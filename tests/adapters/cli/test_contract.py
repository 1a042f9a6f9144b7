"""What the command line copies to stay light is what the server and the domain say."""

import typing

import msgspec
import pytest
from msgspec import Struct

from adapters.cli import words
from adapters.cli.printing.fields import known_of
from adapters.cli.reaching import shapes, view_shapes
from adapters.cli.verbs.projections import NAMES
from adapters.http.bodies import (
    administration,
    audit,
    cancellations,
    cluster,
    emergency,
    jobs,
    nodes,
    receipts,
    replay,
    reviews,
    subtasks,
    waiting,
)
from adapters.http.bodies.explanation import ExplanationBody, SentenceBody
from adapters.http.bodies.job import JobDetail
from adapters.principals.file import PASSWORD_CHARACTERS_MAX, PASSWORD_CHARACTERS_MIN
from adapters.wire.codec import Envelope
from application.views import JobOrder
from domain.identity import Origin
from domain.states import JOB_ENDED, CancelMode, JobState, JobType, TaskState
from projections.audit_trail import Kind

SAME = (
    (view_shapes.JobItem, jobs.JobItem),
    (view_shapes.AuditItem, audit.AuditItem),
    (view_shapes.CancellationItem, cancellations.CancellationItem),
    (view_shapes.Explanation, ExplanationBody),
    (view_shapes.Sentence, SentenceBody),
    (view_shapes.Projections, administration.ProjectionsBody),
    (view_shapes.ProjectionItem, administration.ProjectionItem),
    (view_shapes.Rebuild, administration.RebuildBody),
    (view_shapes.Difference, administration.DifferenceBody),
    (view_shapes.Nodes, nodes.NodesBody),
    (view_shapes.NodeItem, nodes.NodeBody),
    (view_shapes.WhoAmI, cluster.WhoAmI),
    (shapes.Parameter, cluster.ParameterBody),
    (shapes.EmergencyStopped, emergency.EmergencyStopped),
    (shapes.Step, replay.StepBody),
    (shapes.SubtaskItem, subtasks.SubtaskItem),
    (shapes.SubtaskBody, subtasks.SubtaskBody),
    (shapes.WaitingFacts, waiting.WaitingDetail),
    (shapes.Approval, waiting.ApprovalDetail),
    (shapes.PendingItem, waiting.PendingBody),
    (shapes.PendingCancels, waiting.PendingListBody),
    (shapes.OpenReview, reviews.OpenReviewBody),
    (shapes.OpenReviews, reviews.ReviewListBody),
)


@pytest.mark.parametrize(("shape", "body"), SAME, ids=lambda x: x.__name__)
def test_a_shape_has_the_fields_of_the_answer(shape: type, body: type[Struct]) -> None:
    assert sorted(known_of(shape).paths) == sorted(paths_of(body))


def test_a_job_has_the_fields_of_the_answer() -> None:
    """A finish is a cancel without a mode; the command line prints both alike."""
    more = {"finish.mode", "finish.reason_code", "finish.on_behalf_of"}
    assert set(known_of(shapes.JobDetail).paths) - more == set(paths_of(JobDetail))


def test_a_receipt_has_the_fields_of_the_answer_and_the_command_lines_own() -> None:
    own = {"what_to_do", "waited.ended", "waited.state", "waited.ended_at", "waited.error_message"}
    assert set(known_of(shapes.Receipt).paths) - own == set(paths_of(receipts.ReceiptBody))


def test_an_event_has_the_attributes_that_are_stored() -> None:
    assert list(typing.get_type_hints(shapes.CloudEvent)) == list(Envelope.__struct_fields__)


def paths_of(body: type[Struct], before: str = "") -> list[str]:
    """The paths of an answer: of objects within objects; lists are one field."""
    paths = []
    for field in msgspec.structs.fields(body):
        inner = [
            x
            for x in (field.type, *typing.get_args(field.type))
            if isinstance(x, type) and issubclass(x, Struct)
        ]
        is_list = typing.get_origin(field.type) is tuple
        if inner and not is_list:
            paths += paths_of(inner[0], f"{before}{field.name}.")
        else:
            paths.append(f"{before}{field.name}")
    return paths


def test_words_are_the_domains() -> None:
    assert tuple(JobState) == words.JOB_STATES
    assert tuple(TaskState) == words.TASK_STATES
    assert set(words.ENDED_STATES) == JOB_ENDED
    assert tuple(JobType) == words.JOB_TYPES
    assert tuple(CancelMode) == words.MODES
    assert tuple(Origin) == words.ORIGINS
    assert tuple(Kind) == words.KINDS
    assert tuple(JobOrder) == words.JOB_ORDERS
    assert words.PASSWORD_CHARACTERS == (PASSWORD_CHARACTERS_MIN, PASSWORD_CHARACTERS_MAX)
    assert tuple(name for name, _ in administration.PROJECTIONS) == NAMES
