"""What bodies of requests may hold. Unknown fields are refused.

The limits in the annotations describe; whoever keeps a limit (the domain, ``choice``) says so.
"""

from typing import Annotated, Final

from msgspec import Meta, Struct

from adapters.http.bodies.shapes import one_of
from domain.message import MESSAGE_UNITS_MAX
from domain.parameters import TEXT_CHARACTERS_MAX
from domain.requests import REASON_CODE_MAX
from domain.states import CancelMode, JobPriority, JobType, TaskType
from domain.submission import (
    COMMAND_BYTES_MAX,
    DEPENDS_ON_MAX,
    NAME_CHARACTERS_MAX,
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
Properties = dict[str, Annotated[str, text(COMMAND_BYTES_MAX, WITHOUT_NUL, "Its value.")]]

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


class TaskBody(Struct, forbid_unknown_fields=True):
    """A task of a new job. ``command`` is given to /bin/sh -c."""

    command: Annotated[
        str, text(COMMAND_BYTES_MAX, A_COMMAND, "The command line, at most 8 KiB of UTF-8.")
    ]
    type: Annotated[str, one_of(TaskType)] = TaskType.BASIC.value
    name: Name = ""
    work_directory: Annotated[
        str,
        text(WORK_DIRECTORY_BYTES_MAX, r"^(/[^\x00]*)?$", "Absolute, or empty for the run's own."),
    ] = ""
    environment: Annotated[
        dict[str, Annotated[str, text(COMMAND_BYTES_MAX, WITHOUT_NUL, "Its value.")]],
        Meta(
            description="Variables of the task, together at most 32 KiB.",
            extra_json_schema={"propertyNames": {"pattern": r"^[A-Za-z_][A-Za-z0-9_]{0,255}$"}},
        ),
    ] = {}
    runtime_seconds: RuntimeSeconds = 0
    depends_on: Annotated[
        list[Name],
        Meta(
            description="Names of tasks of this job that must be Finished before it starts.",
            extra_json_schema={"maxItems": DEPENDS_ON_MAX},
        ),
    ] = []
    retry_count: Retries | None = None
    start: Index = 0
    end: Index = 0
    increment: Index = 0
    instances: Annotated[
        int,
        Meta(
            description="Of a Service: how many instances there are at once; else 0.",
            extra_json_schema={"minimum": 0, "maximum": INSTANCES_MAX},
        ),
    ] = 0


class JobBody(Struct, forbid_unknown_fields=True):
    """A new job. Tasks are numbered from 1 in their order; at most one prepares the node, at most
    one releases it, and not alone. ``submit``: hand it over at once; else it stays Configuring.
    ``fail_on_task_failure``: the first failed task stops the rest. ``run_until_canceled``: it goes
    on when all its tasks have ended."""

    name: Name = ""
    tasks: Annotated[list[TaskBody], Meta(extra_json_schema={"maxItems": TASKS_MAX})] = []
    job_type: Annotated[str, one_of(JobType)] = JobType.BATCH.value
    priority: Annotated[str, one_of(JobPriority)] = JobPriority.NORMAL.value
    run_as: Account = ""
    properties: Properties = {}
    fail_on_task_failure: bool = False
    run_until_canceled: bool = False
    runtime_seconds: RuntimeSeconds = 0
    submit: bool = True


class AddTasksBody(Struct, forbid_unknown_fields=True):
    """Tasks for a job that there is. They are numbered after those it has, in their order."""

    tasks: Annotated[list[TaskBody], Meta(extra_json_schema={"minItems": 1, "maxItems": TASKS_MAX})]


class ChangeBody(Struct, forbid_unknown_fields=True):
    """New values; what is null or absent stays as it is. At least one is given.

    ``properties``: further properties by name, added or given another value.
    """

    name: Name | None = None
    priority: Annotated[str, one_of(JobPriority)] | None = None
    run_as: Account | None = None
    properties: Properties | None = None
    fail_on_task_failure: bool | None = None
    run_until_canceled: bool | None = None
    runtime_seconds: RuntimeSeconds | None = None


class ParameterValue(Struct, forbid_unknown_fields=True):
    """A parameter's new value, as text."""

    value: Annotated[
        str,
        text(TEXT_CHARACTERS_MAX, ON_ONE_LINE, "A number, True or False, a word, or a text."),
    ]
