"""The JSON that the server answers with, as types. The contract is the HTTP API's, version 1."""

from typing import Any, NotRequired, TypedDict


class UnderWay(TypedDict):
    """The cancel that is being carried out, or was."""

    request_id: str
    actor: str
    on_behalf_of: str | None
    mode: str
    message: str
    at: str
    position: int
    due: NotRequired[str | None]


class Receipt(TypedDict, total=False):
    """The answer to one request. ``waited`` and ``what_to_do`` are the command line's own."""

    outcome: str
    operation: str
    job_id: int | str | None
    task_id: int | None
    subtask_id: int | None
    request_id: str
    event_id: str
    event_type: str
    version: int
    position: int
    job_state: str | None
    explanation: str
    code: str
    hresult: str
    hresult_name: str
    rule: str
    under_way: UnderWay | None
    already_canceled: bool
    replayed: bool
    trail: str
    what_to_do: str
    waited: "Waited"


class EmergencyStopped(TypedDict):
    """What was done without the stream; it is recorded later."""

    stop_id: str
    job_id: int
    ordered_at: str
    outcome: str
    runs: int
    ended: int
    killed: int
    survivors: int
    unreachable: str
    sha256: str
    overridden: str


class Waited(TypedDict):
    """How it was when the waiting ended."""

    ended: bool
    state: str
    ended_at: str | None
    error_message: str


class CancelFacts(TypedDict, total=False):
    """A job's last cancel, or the finish of a job or a task."""

    request_id: str
    mode: str
    message: str
    reason_code: str
    actor: str
    on_behalf_of: str | None
    at: str
    grace_seconds: int
    node_release: str


class SubtaskCounts(TypedDict):
    """A task's subtasks by what they do; ``expanded``: the highest number ever reached."""

    total: int
    expanded: int
    waiting: int
    running: int
    finished: int
    failed: int
    canceled: int


class SubtaskItem(TypedDict):
    """A subtask and its latest run; ``index``: its value of the sweep's index."""

    subtask_id: int
    index: int | None
    name: str
    command: str
    work_directory: str
    state: str
    attempt: int
    node: str
    exit_code: int | None
    exit_signal: int | None
    started_at: str | None
    ended_at: str | None
    survivors: int
    code: str
    reason: str
    explicitly_canceled: bool


class SubtaskBody(TypedDict):
    """One subtask, and whose it is."""

    job_id: int
    task_id: int
    type: str
    position: int
    behind: int
    subtask: SubtaskItem


class TaskDetail(TypedDict, total=False):
    """One task."""

    task_id: int
    type: str
    name: str
    command: str
    work_directory: str
    runtime_seconds: int
    depends_on: list[str]
    retry_count: int | None
    retries: int
    valid_exit_codes: str
    properties: dict[str, str]
    stdin: str
    stdout: str
    stderr: str
    state: str
    attempt: int
    node: str | None
    exit_code: int | None
    exit_signal: int | None
    started_at: str | None
    ended_at: str | None
    survivors: int | None
    code: str | None
    reason: str | None
    explicitly_canceled: bool
    finish: CancelFacts | None
    start: int
    end: int
    increment: int
    instances: int
    subtasks: SubtaskCounts | None


class Failing(TypedDict):
    """What the service ends a job for."""

    cause: str
    message: str
    code: str
    hresult: str
    grace_seconds: int


class HeldFacts(TypedDict):
    """What the activation filter said of a job that it does not let start."""

    filter: str
    hold: str
    exit_code: int | None
    code: str
    reason: str
    again_seconds: int
    at: str


class MarkFacts(TypedDict):
    """Who marked a job, since when, and why."""

    message: str
    actor: str
    on_behalf_of: str
    at: str


class Approval(TypedDict):
    """Somebody approved."""

    actor: str
    on_behalf_of: str
    at: str


class WaitingFacts(TypedDict):
    """A cancel that waits for its time, or for approvals."""

    request_id: str
    mode: str
    message: str
    reason_code: str
    actor: str
    on_behalf_of: str
    at: str
    due: str
    approvals_needed: int
    approvals: list[Approval]
    expires: str | None


class PendingItem(WaitingFacts):
    """The same, with its job."""

    job_id: int
    job_name: str
    owner: str


class PendingCancels(TypedDict):
    """All cancels that wait."""

    position: int
    cancels: list[PendingItem]


class OpenReview(TypedDict):
    """A cancel that overrode the rules, and that nobody else has reviewed."""

    job_id: int
    job_name: str
    owner: str
    kind: str
    request_id: str
    mode: str
    message: str
    actor: str
    on_behalf_of: str
    at: str
    overridden_effect: str
    overridden_rules: list[str]
    review_by: str
    overdue: bool


class OpenReviews(TypedDict):
    """All of them."""

    position: int
    reviews: list[OpenReview]


class JobDetail(TypedDict, total=False):
    """A job, now or as it was."""

    job_id: int
    name: str
    owner: str
    job_type: str
    priority: str
    run_as: str
    properties: dict[str, str]
    fail_on_task_failure: bool
    run_until_canceled: bool
    runtime_seconds: int
    limit_seconds: int
    valid_exit_codes: str
    task_retry_count: int
    hold_until: str | None
    project: str
    service_name: str
    client_source: str
    progress: int
    progress_message: str
    max_cores: int
    labels: dict[str, str]
    state: str
    previous_state: str | None
    version: int
    position: int
    created_at: str | None
    submitted_at: str | None
    queued_at: str | None
    started_at: str | None
    ended_at: str | None
    changed_at: str | None
    requeue_count: int
    error_code: str
    error_message: str
    nodes: list[str]
    cancel: CancelFacts | None
    finish: CancelFacts | None
    failing: Failing | None
    held: HeldFacts | None
    protection: MarkFacts | None
    legal_hold: MarkFacts | None
    waiting_cancels: list[WaitingFacts]
    tasks: list[TaskDetail]
    removed: bool


class CloudEvent(TypedDict, total=False):
    """An event as it is stored; ``data`` differs from type to type."""

    specversion: str
    id: str
    source: str
    type: str
    subject: str
    time: str
    datacontenttype: str
    aggregateversion: int
    previoushash: str
    authtype: str
    authid: str
    authmethod: str
    authroles: str
    onbehalfof: str
    onbehalfoftype: str
    onbehalfofmethod: str
    onbehalfofroles: str
    origin: str
    clientaddress: str
    clientprogram: str
    correlationid: str
    causationid: str
    data: dict[str, Any]


class StoredEvent(TypedDict):
    """An event and its place in the stream; ``unreadable``: why it is no known event."""

    position: int
    event: CloudEvent | None
    unreadable: NotRequired[str]


class StreamedEvent(TypedDict):
    """An event on the stream of all; ``unreadable`` as above."""

    position: int
    aggregate: str
    event: CloudEvent | None
    unreadable: NotRequired[str]


class JobEvents(TypedDict):
    """Events of a job; ``next``: the position after which there are more, None at the end."""

    job_id: int
    events: list[StoredEvent]
    next: NotRequired[int | None]


class TaskChange(TypedDict):
    """What one event did to a task."""

    task: int
    before: str | None
    after: str
    attempt: int


class Step(TypedDict):
    """One event of a replay, and what it changed."""

    position: int
    version: int
    type: str
    time: str
    actor: str
    on_behalf_of: str | None
    state_before: str | None
    state_after: str
    tasks: list[TaskChange]
    summary: str


class FieldDifference(TypedDict):
    """A field of the job before and after; null where it was not there or had no value."""

    path: str
    before: Any
    after: Any


class Replay(TypedDict):
    """A job told again; ``matches_live`` is None when it was not compared.

    ``next``: the version after which there are more steps, None at the end.
    """

    job_id: int
    steps: list[Step]
    job: JobDetail
    position: int
    matches_live: bool | None
    next: NotRequired[int | None]


class Parameter(TypedDict):
    """A cluster parameter with its value and its limits."""

    name: str
    kind: str
    value: str | int
    unit: str
    default: str | int
    minimum: int | None
    maximum: int | None
    words: list[str]
    effect: bool
    meaning: str


class Parameters(TypedDict):
    """All of them."""

    parameters: list[Parameter]


class Health(TypedDict):
    """Whether the service is ready, and up to which event it has read."""

    status: str
    reasons: list[str]
    position: int


class Problem(TypedDict, total=False):
    """RFC 9457, with our members."""

    title: str
    status: int
    detail: str
    code: str
    what_to_do: str
    receipt: Receipt
    incident: str
    retry_after_seconds: float
