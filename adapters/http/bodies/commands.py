"""What bodies of requests may hold. Unknown fields are refused.

The limits in the annotations describe; whoever keeps a limit (the domain, ``choice``) says so.
"""

from typing import Annotated, Final

from msgspec import Meta, Struct

from adapters.http.bodies.shapes import one_of
from domain.checks import CUSTOM_NAME_CHARACTERS_MAX, CUSTOM_VALUE_CHARACTERS_MAX
from domain.exit_codes import CHARACTERS_MAX as EXIT_CODES_CHARACTERS_MAX
from domain.exit_codes import FORM as EXIT_CODES_FORM
from domain.labels import LABELS_MAX
from domain.labels import NAME_PATTERN as LABEL_NAME
from domain.labels import VALUE_CHARACTERS_MAX as LABEL_CHARACTERS_MAX
from domain.message import MESSAGE_UNITS_MAX
from domain.parameters import TEXT_CHARACTERS_MAX
from domain.requests import REASON_CODE_MAX
from domain.states import CancelMode, JobPriority, JobType, TaskType
from domain.submission import (
    COMMAND_BYTES_MAX,
    CORES_MAX,
    DEPENDS_ON_MAX,
    NAME_CHARACTERS_MAX,
    PROGRESS_MAX,
    PROGRESS_MESSAGE_CHARACTERS_MAX,
    PROJECT_CHARACTERS_MAX,
    RETRY_COUNT_MAX,
    RUNTIME_SECONDS_MAX,
    TASKS_MAX,
    WORK_DIRECTORY_BYTES_MAX,
)
from domain.sweeps import INDEX_MAX, INSTANCES_MAX

NO_CONTROL: Final = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$"
ON_ONE_LINE: Final = r"^[^\x00-\x1f\x7f-\xa0]*$"
WITHOUT_NUL: Final = r"^[^\x00]*$"
A_COMMAND: Final = r"^[^\x00]*[^\x00\s][^\x00]*$"


def text(characters_max: int, pattern: str, words: str) -> Meta:
    """A text that the domain checks; here it is only described."""
    return Meta(
        description=words, extra_json_schema={"maxLength": characters_max, "pattern": pattern}
    )


MessageText = Annotated[
    str,
    text(
        MESSAGE_UNITS_MAX,
        NO_CONTROL,
        f"Why: at most {MESSAGE_UNITS_MAX} UTF-16 code units (an emoji counts two), no control "
        "characters but tab and line ends. A longer one is refused, never shortened.",
    ),
]
Name = Annotated[
    str, text(NAME_CHARACTERS_MAX, ON_ONE_LINE, "A short text of printable characters.")
]

Account = Annotated[str, text(80, r"^([A-Za-z_][A-Za-z0-9_.-]{0,79})?$", "An account, or empty.")]
Properties = dict[
    Annotated[str, Meta(extra_json_schema={"maxLength": CUSTOM_NAME_CHARACTERS_MAX})],
    Annotated[str, text(CUSTOM_VALUE_CHARACTERS_MAX, WITHOUT_NUL, "Its value.")],
]
Environment = Annotated[
    dict[str, Annotated[str, text(COMMAND_BYTES_MAX, WITHOUT_NUL, "Its value.")]],
    Meta(
        description="Variables, together at most 32 KiB, those of the job and of a task too.",
        extra_json_schema={"propertyNames": {"pattern": r"^[A-Za-z_][A-Za-z0-9_]{0,255}$"}},
    ),
]
LABEL_VALUE: Final = r"^[^\x00-\x1f\x7f-\x9f]*$"
Labels = Annotated[
    dict[str, Annotated[str, text(LABEL_CHARACTERS_MAX, LABEL_VALUE, "Its value.")]],
    Meta(
        description="Words by name, for rules of the policy and for lists; together at most 2 KiB.",
        extra_json_schema={
            "propertyNames": {"pattern": f"^{LABEL_NAME}$"},
            "maxProperties": LABELS_MAX,
        },
    ),
]
Directory = Annotated[
    str,
    text(WORK_DIRECTORY_BYTES_MAX, r"^(/[^\x00]*)?$", "Absolute, or empty for the run's own."),
]
Stream = Annotated[
    str,
    text(
        WORK_DIRECTORY_BYTES_MAX,
        WITHOUT_NUL,
        "A file that a standard stream is, from the work directory on; empty for none.",
    ),
]
ExitCodes = Annotated[
    str,
    text(
        EXIT_CODES_CHARACTERS_MAX, WITHOUT_NUL, f"Codes that count as success: {EXIT_CODES_FORM}."
    ),
]
Word = Annotated[str, text(PROJECT_CHARACTERS_MAX, ON_ONE_LINE, "A short text.")]
Words = Annotated[
    str, text(PROGRESS_MESSAGE_CHARACTERS_MAX, ON_ONE_LINE, "How far it is, in words.")
]
Percent = Annotated[
    int,
    Meta(
        description="How far it is, as its owner says.",
        extra_json_schema={"minimum": 0, "maximum": PROGRESS_MAX},
    ),
]
Cores = Annotated[
    int,
    Meta(
        description="As many instances a Service of it has that says no number of its own; 0: one.",
        extra_json_schema={"minimum": 0, "maximum": CORES_MAX},
    ),
]
HoldUntil = Annotated[
    str,
    Meta(
        description="It does not start before this time, RFC 3339 with an offset and still to "
        "come; empty for no hold.",
    ),
]

CommandLine = Annotated[
    str, text(COMMAND_BYTES_MAX, A_COMMAND, "The command line, at most 8 KiB of UTF-8.")
]
Dependencies = Annotated[
    list[Name],
    Meta(
        description="Names of tasks of this job that must be Finished before it starts.",
        extra_json_schema={"maxItems": DEPENDS_ON_MAX},
    ),
]
Retries = Annotated[
    int,
    Meta(
        description="How often it runs again by itself after a failure; null: after a lost run as "
        "often as TaskRetryCount says, else never.",
        extra_json_schema={"minimum": 0, "maximum": RETRY_COUNT_MAX},
    ),
]
Index = Annotated[
    int,
    Meta(
        description="Of a ParametricSweep: its index goes from start to end by increment, and each "
        "value is a subtask; else 0.",
        extra_json_schema={"minimum": 0, "maximum": INDEX_MAX},
    ),
]
RuntimeSeconds = Annotated[
    int,
    Meta(
        description="How long it may run; 0 for no limit, for a job: JobRuntime, the default.",
        extra_json_schema={"minimum": 0, "maximum": RUNTIME_SECONDS_MAX},
    ),
]


class NothingBody(Struct, forbid_unknown_fields=True):
    """A command without anything to say."""


class CancelBody(Struct, forbid_unknown_fields=True):
    """How to cancel. ``forced`` is short for mode forced; mode "" means normal."""

    message: MessageText = ""
    mode: Annotated[str, one_of(CancelMode, "")] = ""
    reason_code: Annotated[
        str,
        text(REASON_CODE_MAX, r"^[a-z0-9_-]*$", "A short word for counting, such as maintenance."),
    ] = ""
    forced: bool | None = None


class JobCancelBody(CancelBody, kw_only=True, forbid_unknown_fields=True):
    """How to cancel a job. ``break_glass``: also where the rules hold or deny it, for who may; a
    message is required then, and another person has to review it."""

    break_glass: bool = False


CONTRADICTIONS: Final = {
    "not": {
        "anyOf": [
            {
                "properties": {"mode": {"const": CancelMode.FORCED}, "forced": {"const": False}},
                "required": ["mode", "forced"],
            },
            {
                "properties": {
                    "mode": {"enum": [CancelMode.NORMAL, CancelMode.GRACEFUL]},
                    "forced": {"const": True},
                },
                "required": ["mode", "forced"],
            },
        ]
    }
}
"""What a cancel cannot say: a mode, and with ``forced`` another. As JSON Schema."""


class TaskCancelBody(CancelBody, forbid_unknown_fields=True):
    """How to cancel one task: there is no graceful cancel of a single task."""

    mode: Annotated[str, one_of((CancelMode.NORMAL, CancelMode.FORCED), "")] = ""


class FinishBody(Struct, forbid_unknown_fields=True):
    """How to finish."""

    message: MessageText = ""


class RequeueBody(Struct, forbid_unknown_fields=True):
    """Why it runs again."""

    message: MessageText = ""


class TaskBody(Struct, forbid_unknown_fields=True):
    """A task of a new job. ``command`` is given to /bin/sh -c."""

    command: CommandLine
    type: Annotated[str, one_of(TaskType)] = TaskType.BASIC.value
    name: Name = ""
    work_directory: Directory = ""
    environment: Environment = {}
    runtime_seconds: RuntimeSeconds = 0
    depends_on: Dependencies = []
    retry_count: Retries | None = None
    start: Index = 0
    end: Index = 0
    increment: Index = 0
    instances: Annotated[
        int,
        Meta(
            description="Of a Service: how many instances there are at once, 0 for as many as the "
            "job's max_cores says; else 0.",
            extra_json_schema={"minimum": 0, "maximum": INSTANCES_MAX},
        ),
    ] = 0
    valid_exit_codes: ExitCodes = ""
    properties: Properties = {}
    stdin: Stream = ""
    stdout: Stream = ""
    stderr: Stream = ""


class MarkBody(Struct, forbid_unknown_fields=True):
    """Why a job is marked, or a mark taken back. An empty message is refused."""

    message: MessageText = ""


class JobBody(Struct, forbid_unknown_fields=True):
    """A new job. Tasks are numbered from 1 in their order; at most one prepares the node, at most
    one releases it, and not alone. ``submit``: hand it over at once; else it stays Configuring.
    ``fail_on_task_failure``: the first failed task stops the rest. ``run_until_canceled``: it goes
    on when all its tasks have ended. ``environment``: variables of all its tasks; a task's own come
    before them. ``valid_exit_codes``, ``task_retry_count``: for tasks that have none of their own.
    ``project``, ``service_name``, ``client_source``: what it belongs to, serves, was made by."""

    name: Name = ""
    tasks: Annotated[list[TaskBody], Meta(extra_json_schema={"maxItems": TASKS_MAX})] = []
    job_type: Annotated[str, one_of(JobType)] = JobType.BATCH.value
    priority: Annotated[str, one_of(JobPriority)] = JobPriority.NORMAL.value
    run_as: Account = ""
    properties: Properties = {}
    fail_on_task_failure: bool = False
    run_until_canceled: bool = False
    runtime_seconds: RuntimeSeconds = 0
    environment: Environment = {}
    valid_exit_codes: ExitCodes = ""
    task_retry_count: Retries = 0
    hold_until: HoldUntil = ""
    project: Word = ""
    service_name: Word = ""
    client_source: Word = ""
    progress: Percent = 0
    progress_message: Words = ""
    max_cores: Cores = 0
    labels: Labels = {}
    submit: bool = True


class AddTasksBody(Struct, forbid_unknown_fields=True):
    """Tasks for a job that there is. They are numbered after those it has, in their order."""

    tasks: Annotated[list[TaskBody], Meta(extra_json_schema={"minItems": 1, "maxItems": TASKS_MAX})]


class ChangeBody(Struct, forbid_unknown_fields=True):
    """New values; what is null or absent stays as it is. At least one is given.

    ``properties``, ``environment``, ``labels``: by name, added or given another value; "" takes one
    away.
    """

    name: Name | None = None
    priority: Annotated[str, one_of(JobPriority)] | None = None
    run_as: Account | None = None
    properties: Properties | None = None
    fail_on_task_failure: bool | None = None
    run_until_canceled: bool | None = None
    runtime_seconds: RuntimeSeconds | None = None
    environment: Environment | None = None
    valid_exit_codes: ExitCodes | None = None
    task_retry_count: Retries | None = None
    hold_until: HoldUntil | None = None
    project: Word | None = None
    service_name: Word | None = None
    client_source: Word | None = None
    progress: Percent | None = None
    progress_message: Words | None = None
    max_cores: Cores | None = None
    labels: Labels | None = None


class ChangeTaskBody(Struct, forbid_unknown_fields=True):
    """New values of a task that waits; what is null or absent stays. At least one is given.

    ``properties``, ``environment``: by name, added or given another value; "" takes one away.
    """

    name: Name | None = None
    command: CommandLine | None = None
    work_directory: Directory | None = None
    runtime_seconds: RuntimeSeconds | None = None
    depends_on: Dependencies | None = None
    retry_count: Retries | None = None
    valid_exit_codes: ExitCodes | None = None
    stdin: Stream | None = None
    stdout: Stream | None = None
    stderr: Stream | None = None
    environment: Environment | None = None
    properties: Properties | None = None


class ParameterValue(Struct, forbid_unknown_fields=True):
    """A parameter's new value, as text."""

    value: Annotated[
        str,
        text(TEXT_CHARACTERS_MAX, ON_ONE_LINE, "A number, True or False, a word, or a text."),
    ]
