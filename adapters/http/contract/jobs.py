"""Questions about jobs: now and then, their tasks and events, why they ended."""

from typing import Final

from adapters.http.answers import POSITION
from adapters.http.bodies.events import EventsBody
from adapters.http.bodies.explanation import ExplanationBody
from adapters.http.bodies.job import JobDetail
from adapters.http.bodies.jobs import JobsBody, TasksBody
from adapters.http.bodies.replay import ReplayBody
from adapters.http.bodies.subtasks import SubtaskBody, SubtasksBody
from adapters.http.contract.fields import Moment, Seconds, Text, Whole, Word, words_of
from adapters.http.contract.operation import Operation, Parameter, Reply
from adapters.http.contract.parts import (
    AT_LEAST,
    ETAG,
    IF_NONE_MATCH,
    JOB,
    LIMIT,
    NAME,
    PAGE,
    POSITION_MAX,
    SUBTASK,
    TASK,
    VERSION_MAX,
    held,
)
from application.retelling import EVENTS_MAX
from application.views import JobOrder
from domain.cluster import JOB_ID_MAX
from domain.states import JobPriority, JobState, JobType, TaskState
from domain.sweeps import SUBTASKS_MAX

WAIT_SECONDS_MAX: Final = 60
ORDERS: Final = tuple(f"{sign}{order}" for order in JobOrder for sign in ("", "-"))
AT: Final = Parameter("at", Moment(), "As it was at this time.")
EVENTS_LIMIT: Final = Parameter(
    "limit", Whole(1, EVENTS_MAX, EVENTS_MAX), "At most so many in this answer."
)
VERSION: Final = Parameter("version", Whole(1, VERSION_MAX), "As it was after so many events.")

LIST: Final = Operation(
    id="listJobs",
    method="GET",
    path="/jobs",
    tag="jobs",
    summary="List jobs, the latest first unless sorted otherwise",
    parameters=(
        Parameter("id", Whole(1, JOB_ID_MAX), "Only this job.", many=True),
        Parameter("state", words_of(JobState), "Only in this state.", many=True),
        Parameter("owner", NAME, "Only of this owner.", many=True),
        Parameter("job_type", words_of(JobType), "Only of this type.", many=True),
        Parameter("priority", words_of(JobPriority), "Only of this priority.", many=True),
        Parameter("name", Text(1, 80), "Only with this in their name, ASCII without case."),
        Parameter("canceled_by", NAME, "Only where this person canceled last.", many=True),
        Parameter("node", NAME, "Only what was given this node in its last round.", many=True),
        Parameter(
            "label",
            NAME,
            "Only with this label, name=value or a name alone for any value; several: all of them.",
            many=True,
        ),
        Parameter("since", Moment(), "Only what has changed since."),
        Parameter("until", Moment(), "Only what has not changed after."),
        Parameter(
            "sort",
            Word(ORDERS, "-id"),
            "By what; with a minus before it the largest first. By what can change (changed, "
            "state, name and others) a job that changes between two pages may come twice or be "
            "left out; by id each comes once.",
        ),
        *PAGE,
        AT_LEAST,
    ),
    replies=(Reply(200, "A page of jobs.", JobsBody, headers=(POSITION,)),),
    problems=(403,),
)
GET: Final = Operation(
    id="getJob",
    method="GET",
    path="/jobs/{job_id}",
    tag="jobs",
    summary="A job now, then, or as soon as it has ended",
    description="With both version and at: as it was after the fewer events of the two.",
    parameters=(
        JOB,
        VERSION,
        AT,
        Parameter("until", Word(("ended",)), "Answer when it has ended."),
        Parameter(
            "timeout_seconds",
            Seconds(WAIT_SECONDS_MAX),
            "Wait for its end at most so many seconds; without until too.",
        ),
        IF_NONE_MATCH,
        AT_LEAST,
    ),
    replies=(
        Reply(200, "The job.", JobDetail, headers=(POSITION, ETAG)),
        held("The caller holds this version.", (POSITION, ETAG)),
    ),
    problems=(403, 404),
)
TASKS: Final = Operation(
    id="listTasks",
    method="GET",
    path="/jobs/{job_id}/tasks",
    tag="jobs",
    summary="List a job's tasks by number",
    parameters=(
        JOB,
        Parameter("state", words_of(TaskState), "Only in this state.", many=True),
        *PAGE,
        AT_LEAST,
    ),
    replies=(Reply(200, "A page of tasks.", TasksBody, headers=(POSITION,)),),
    problems=(403, 404),
)
SUBTASKS: Final = Operation(
    id="listSubtasks",
    method="GET",
    path="/jobs/{job_id}/tasks/{task_id}/subtasks",
    tag="jobs",
    summary="List a task's subtasks by number",
    description="Those of a sweep are there from when they are first reached: expanded.",
    parameters=(
        JOB,
        TASK,
        Parameter("state", words_of(TaskState), "Only in this state.", many=True),
        Parameter(
            "after",
            Whole(0, SUBTASKS_MAX, 0),
            "Only what comes after this number: next of the page before.",
        ),
        LIMIT,
        AT_LEAST,
    ),
    replies=(Reply(200, "A page of subtasks.", SubtasksBody, headers=(POSITION,)),),
    problems=(403, 404),
)
SUBTASK_NOW: Final = Operation(
    id="getSubtask",
    method="GET",
    path="/jobs/{job_id}/tasks/{task_id}/subtasks/{subtask_id}",
    tag="jobs",
    summary="A subtask and its latest run",
    parameters=(JOB, TASK, SUBTASK, AT_LEAST),
    replies=(Reply(200, "The subtask.", SubtaskBody, headers=(POSITION,)),),
    problems=(403, 404),
)
EVENTS: Final = Operation(
    id="getJobEvents",
    method="GET",
    path="/jobs/{job_id}/events",
    tag="jobs",
    summary="The events of a job, byte for byte",
    description="Fewer than limit when they are long: next tells whether there are more.",
    parameters=(
        JOB,
        Parameter(
            "after", Whole(0, POSITION_MAX, 0), "Only what comes after this position of the stream."
        ),
        EVENTS_LIMIT,
        AT_LEAST,
    ),
    replies=(Reply(200, "The events in order.", EventsBody, headers=(POSITION,)),),
    problems=(403, 404),
)
REPLAY: Final = Operation(
    id="replayJob",
    method="GET",
    path="/jobs/{job_id}/replay",
    tag="jobs",
    summary="A job told again from its events, and compared with the live state",
    description="With both version and at: up to the fewer events of the two.",
    parameters=(
        JOB,
        VERSION,
        AT,
        Parameter("after", Whole(0, VERSION_MAX, 0), "Only the steps after so many events."),
        EVENTS_LIMIT,
        AT_LEAST,
    ),
    replies=(Reply(200, "Each step, and the job at the end.", ReplayBody, headers=(POSITION,)),),
    problems=(403, 404),
)
EXPLAIN: Final = Operation(
    id="explainJob",
    method="GET",
    path="/jobs/{job_id}/explanation",
    tag="jobs",
    summary="Why a job ended, in sentences that name their events",
    parameters=(JOB, AT, AT_LEAST),
    replies=(Reply(200, "The sentences.", ExplanationBody, headers=(POSITION,)),),
    problems=(403, 404),
)

OPERATIONS: Final = (LIST, GET, TASKS, SUBTASKS, SUBTASK_NOW, EVENTS, REPLAY, EXPLAIN)
