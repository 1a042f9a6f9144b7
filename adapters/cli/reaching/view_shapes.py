"""What the views answer with, as types: the contract is the HTTP API's, version 1."""

from typing import TypedDict


class TaskCounts(TypedDict):
    """Tasks by what they do, node release aside."""

    total: int
    waiting: int
    running: int
    finished: int
    failed: int
    canceled: int


class LastCancel(TypedDict):
    """The last accepted cancel of a job; ``version``: of its event in the job."""

    actor: str
    on_behalf_of: str
    at: str
    mode: str
    message: str
    reason_code: str
    request_id: str
    version: int


class JobItem(TypedDict):
    """A job in a list."""

    job_id: int
    name: str
    owner: str
    job_type: str
    priority: str
    run_as: str
    state: str
    previous_state: str | None
    version: int
    position: int
    created_at: str
    submitted_at: str | None
    queued_at: str | None
    started_at: str | None
    ended_at: str | None
    changed_at: str
    requeue_count: int
    error_code: str
    error_message: str
    nodes: list[str]
    project: str
    progress: int
    progress_message: str
    max_cores: int
    labels: dict[str, str]
    is_protected: bool
    on_legal_hold: bool
    hold_until: str | None
    tasks: TaskCounts
    survivors: int
    cancel: LastCancel | None


class AuditItem(TypedDict):
    """A row of the trail; ``event``: where its event is."""

    position: int
    time: str
    event_id: str
    type: str
    kind: str
    operation: str
    outcome: str
    job_id: int | None
    tasks: str
    subject: str
    owner: str
    actor: str
    on_behalf_of: str
    origin: str
    address: str
    program: str
    request_id: str
    request_position: int | None
    requested_by: str
    mode: str
    message: str
    reason_code: str
    rule: str
    explanation: str
    code: str
    detail: str
    event: str


class CancelSteps(TypedDict):
    """Milliseconds of each step of a cancel."""

    order_ms: int | None
    signal_ms: int | None
    stop_ms: int | None
    release_ms: int | None
    total_ms: int | None


class CancellationItem(TypedDict):
    """An accepted cancel and how far it has come."""

    position: int
    job_id: int
    task_id: int | None
    subtask_id: int | None
    owner: str
    trouble: str | None
    stage: str
    open: bool
    mode: str
    message: str
    reason_code: str
    actor: str
    on_behalf_of: str
    request_id: str
    running: int
    waiting: int
    stopped: int
    force_stopped: int
    ended_otherwise: int
    killed: int
    survivors: int
    release: str
    requested_at: str
    due_at: str | None
    ordered_at: str | None
    signalled_at: str | None
    stopped_at: str | None
    released_at: str | None
    ended_at: str | None
    end_position: int | None
    taken_over_by: int | None
    steps: CancelSteps


class NodeItem(TypedDict):
    """A node, and how many of its slots are in use."""

    name: str
    state: str
    slots: int
    slots_in_use: int
    runs: int


class Nodes(TypedDict):
    """All nodes."""

    position: int
    nodes: list[NodeItem]


class Sentence(TypedDict):
    """A sentence of an explanation, and the positions of the events it rests on."""

    text: str
    events: list[int]


class Explanation(TypedDict):
    """Why a job ended, or has not."""

    job_id: int
    sentences: list[Sentence]
    position: int


class Difference(TypedDict):
    """A table in which rebuilt views differ from those that were in use."""

    table: str
    rows: int
    first: str


class Rebuild(TypedDict):
    """A rebuild of the views under way, or the last one."""

    running: bool
    began_at: str
    ended_at: str | None
    position: int
    last: int
    compared: bool
    equal: bool | None
    differences: list[Difference]
    error: str


class ProjectionItem(TypedDict):
    """A view."""

    name: str
    meaning: str


class Projections(TypedDict):
    """All views; they are folded together, and so have one position."""

    version: int
    position: int
    behind: int
    failure: str
    projections: list[ProjectionItem]
    rebuild: Rebuild | None


class View(TypedDict):
    """A view and how it is, as the command line lists it."""

    name: str
    version: int
    position: int
    behind: int
    failure: str
    meaning: str


class WhoAmI(TypedDict):
    """Whom the server takes us for."""

    name: str
    roles: list[str]
    method: str
    acting_for: str | None
