"""Commands: making jobs, stopping them, running them again; cluster parameters."""

from typing import Final

from adapters.http.answers import POSITION
from adapters.http.bodies.commands import (
    AddTasksBody,
    ChangeBody,
    ChangeTaskBody,
    FinishBody,
    JobBody,
    JobCancelBody,
    MarkBody,
    NothingBody,
    ParameterValue,
    RequeueBody,
    TaskCancelBody,
)
from adapters.http.bodies.receipts import ReceiptBody
from adapters.http.bulk import (
    ApplyBody,
    CanceledBody,
    CancelJobsBody,
    PlanBody,
    PlanJobsBody,
)
from adapters.http.contract.fields import Text, Word
from adapters.http.contract.operation import Operation, Parameter, Reply
from adapters.http.contract.parts import (
    IF_MATCH,
    JOB,
    LOCATION,
    RECEIPT,
    REQUEST_ID,
    SUBTASK,
    TASK,
    command,
)
from domain.parameters import CATALOGUE

CANCELED: Final = Reply(
    200, "What became of each job, in their order.", CanceledBody, headers=(POSITION,)
)
DIGEST: Final = Text(64, 64, r"[0-9a-f]+", "64 of 0-9 and a-f")

CREATE: Final = Operation(
    id="createJob",
    method="POST",
    path="/jobs",
    tag="commands",
    summary="Create a job, and submit it unless told otherwise",
    parameters=(REQUEST_ID,),
    body=JobBody,
    replies=(
        Reply(
            201,
            "The receipt.",
            ReceiptBody,
            headers=(POSITION, LOCATION),
            job=True,
        ),
    ),
    problems=(403, 422),
)
ADD_TASKS: Final = command(
    "addTasks",
    "/jobs/{job_id}/tasks",
    "Add tasks to a job; task_id of the receipt is the number of the first one",
    AddTasksBody,
    (JOB,),
)
CHANGE: Final = command(
    "changeJob",
    "/jobs/{job_id}",
    "Give properties of a job new values, all of them or none",
    ChangeBody,
    (JOB,),
    method="PATCH",
)
CHANGE_TASK: Final = command(
    "changeTask",
    "/jobs/{job_id}/tasks/{task_id}",
    "Give properties of a waiting task new values, all of them or none",
    ChangeTaskBody,
    (JOB, TASK),
    method="PATCH",
)
SUBMIT: Final = command(
    "submitJob", "/jobs/{job_id}/submit", "Submit a job in Configuring", NothingBody, (JOB,)
)
CANCEL: Final = command(
    "cancelJob",
    "/jobs/{job_id}/cancel",
    "Stop a job: normally, gracefully, or by force",
    JobCancelBody,
    (JOB,),
)
CANCEL_JOBS: Final = Operation(
    id="cancelJobs",
    method="POST",
    path="/cancellations",
    tag="commands",
    summary="Stop many jobs, each with an answer of its own",
    description="Which jobs are meant is found at one position of the stream and recorded "
    "(BulkCancelRequested) before the first of them is canceled. Each is then decided and recorded "
    "on its own, as cancelJob does it; one that is refused changes nothing for the others. The "
    "same request again, under the same Idempotency-Key, means the same jobs: it is answered as "
    "before for what was done, and does the rest. With skip and take it works on some of them, so "
    "that a client can show how far it is.",
    parameters=(REQUEST_ID,),
    body=CancelJobsBody,
    replies=(CANCELED,),
    problems=(403, 422),
)
PLAN_CANCEL_JOBS: Final = Operation(
    id="planCancelJobs",
    method="POST",
    path="/cancellations/plans",
    tag="commands",
    summary="See what cancelJobs would stop, and get a digest of exactly that",
    description="Nothing is changed, and nothing recorded. The plan is the caller's own; the "
    "service remembers the newest ones until it ends.",
    body=PlanJobsBody,
    replies=(Reply(200, "The plan.", PlanBody, headers=(POSITION,)),),
    problems=(403, 422),
)
APPLY_CANCEL_PLAN: Final = Operation(
    id="applyCancelPlan",
    method="POST",
    path="/cancellations/plans/{digest}",
    tag="commands",
    summary="Stop exactly the jobs of a plan",
    description="As cancelJobs, for the jobs of the plan and no others; what has drifted since is "
    "told in the answer, and recorded. Without Idempotency-Key the request id is plan- and the "
    "first 40 digits of the digest, so that the same again goes on where it was.",
    parameters=(
        Parameter("digest", DIGEST, "The digest of the plan.", where="path"),
        REQUEST_ID,
    ),
    body=ApplyBody,
    replies=(CANCELED,),
    problems=(403, 422),
)
FINISH: Final = command(
    "finishJob", "/jobs/{job_id}/finish", "Stop a job and count it as finished", FinishBody, (JOB,)
)
CONFIGURE: Final = command(
    "configureJob",
    "/jobs/{job_id}/configure",
    "Take a job back to Configuring",
    NothingBody,
    (JOB,),
)
REQUEUE: Final = command(
    "requeueJob",
    "/jobs/{job_id}/requeue",
    "Run a failed or canceled job again",
    RequeueBody,
    (JOB,),
)
PROTECT: Final = command(
    "protectJob",
    "/jobs/{job_id}/protect",
    "Mark a job as protected, which rules of the policy may go by",
    MarkBody,
    (JOB,),
)
UNPROTECT: Final = command(
    "unprotectJob", "/jobs/{job_id}/unprotect", "Lift the protection of a job", MarkBody, (JOB,)
)
LEGAL_HOLD: Final = command(
    "holdJob",
    "/jobs/{job_id}/legal-hold",
    "Put a job under legal hold: it does not leave the view until that is released",
    MarkBody,
    (JOB,),
)
RELEASE_LEGAL_HOLD: Final = command(
    "releaseJob",
    "/jobs/{job_id}/legal-hold/release",
    "Release the legal hold on a job",
    MarkBody,
    (JOB,),
)
CANCEL_TASK: Final = command(
    "cancelTask",
    "/jobs/{job_id}/tasks/{task_id}/cancel",
    "Stop one task, normally or by force",
    TaskCancelBody,
    (JOB, TASK),
)
FINISH_TASK: Final = command(
    "finishTask",
    "/jobs/{job_id}/tasks/{task_id}/finish",
    "Stop one task and count it as finished",
    FinishBody,
    (JOB, TASK),
)
REQUEUE_TASK: Final = command(
    "requeueTask",
    "/jobs/{job_id}/tasks/{task_id}/requeue",
    "Run a failed or canceled task of a job that goes on again",
    RequeueBody,
    (JOB, TASK),
)
CANCEL_SUBTASK: Final = command(
    "cancelSubtask",
    "/jobs/{job_id}/tasks/{task_id}/subtasks/{subtask_id}/cancel",
    "Stop one subtask, normally or by force",
    TaskCancelBody,
    (JOB, TASK, SUBTASK),
)
FINISH_SUBTASK: Final = command(
    "finishSubtask",
    "/jobs/{job_id}/tasks/{task_id}/subtasks/{subtask_id}/finish",
    "Stop one subtask and count it as finished",
    FinishBody,
    (JOB, TASK, SUBTASK),
)
REQUEUE_SUBTASK: Final = command(
    "requeueSubtask",
    "/jobs/{job_id}/tasks/{task_id}/subtasks/{subtask_id}/requeue",
    "Run a failed or canceled subtask of a job that goes on again",
    RequeueBody,
    (JOB, TASK, SUBTASK),
)
SET_PARAMETER: Final = Operation(
    id="setParameter",
    method="PUT",
    path="/parameters/{name}",
    tag="cluster",
    summary="Give a cluster parameter a new value",
    parameters=(
        Parameter(
            "name",
            Word(tuple(p.name for p in CATALOGUE.values())),
            "The parameter's name, without regard to case.",
            where="path",
        ),
        REQUEST_ID,
        IF_MATCH,
    ),
    body=ParameterValue,
    replies=(RECEIPT,),
    problems=(403, 404, 412, 422),
)

OPERATIONS: Final = (
    CREATE,
    ADD_TASKS,
    CHANGE,
    CHANGE_TASK,
    SUBMIT,
    CANCEL,
    CANCEL_JOBS,
    PLAN_CANCEL_JOBS,
    APPLY_CANCEL_PLAN,
    FINISH,
    CONFIGURE,
    REQUEUE,
    PROTECT,
    UNPROTECT,
    LEGAL_HOLD,
    RELEASE_LEGAL_HOLD,
    CANCEL_TASK,
    FINISH_TASK,
    REQUEUE_TASK,
    CANCEL_SUBTASK,
    FINISH_SUBTASK,
    REQUEUE_SUBTASK,
    SET_PARAMETER,
)
