"""How a job comes to be: JobAdded, TasksAdded as needed, JobSubmitted, all in one append."""

from collections.abc import Iterator
from functools import cache
from typing import Final

import msgspec
from msgspec import NODEFAULT, Struct

from domain import events as e
from domain.commands import AddJob, TaskChanges, content_sha256
from domain.errors import BadRequest
from domain.hresult import HResult
from domain.sweeps import sized

TASKS_BYTES_MAX: Final = 32 * 1024
TASK_BYTES_MAX: Final = 56 * 1024
PROPERTIES_STORED_BYTES_MAX: Final = 24 * 1024
ENVIRONMENT_STORED_BYTES_MAX: Final = 32 * 1024
"""As JSON in one event, so that none comes near the stream's 64 KiB."""


def add_job(command: AddJob) -> tuple[e.JobEvent, ...]:
    """The facts of a new job.

    Raises ``BadRequest`` when one task or the properties alone are too large for an event.
    """
    check_stored("the job's properties", command.properties, PROPERTIES_STORED_BYTES_MAX)
    first, *more = tuple(chunks(sized(command.tasks, command.max_cores))) or ((),)
    if stored_bytes(first) + stored_bytes(command.environment) > TASKS_BYTES_MAX:
        first, more = (), [first, *more]
    asked = command.asked
    added = e.JobAdded(
        job_id=command.job_id,
        name=command.name,
        owner=command.owner,
        job_type=command.job_type,
        priority=command.priority,
        run_as=command.run_as,
        properties=command.properties,
        fail_on_task_failure=command.fail_on_task_failure,
        run_until_canceled=command.run_until_canceled,
        runtime_seconds=command.runtime_seconds,
        environment=command.environment,
        valid_exit_codes=command.valid_exit_codes,
        task_retry_count=command.task_retry_count,
        hold_until=command.hold_until,
        project=command.project,
        service_name=command.service_name,
        client_source=command.client_source,
        progress=command.progress,
        progress_message=command.progress_message,
        max_cores=command.max_cores,
        labels=command.labels,
        tasks=first,
        request_id=asked.request_id,
        content_sha256=content_of_job(command),
        decision=asked.decision,
    )
    facts: tuple[e.JobEvent, ...] = (added, *(e.TasksAdded(tasks) for tasks in more))
    if command.submit:
        content = content_sha256("submit", "")
        facts += (e.JobSubmitted(command.run_as, asked.request_id, asked.decision, content),)
    return facts


def chunks(tasks: tuple[e.TaskSpec, ...]) -> Iterator[tuple[e.TaskSpec, ...]]:
    """The tasks in groups that fit an event."""
    group: list[e.TaskSpec] = []
    size = 0
    for task in tasks:
        bytes_ = check_stored(f"task {task.id}", task, TASK_BYTES_MAX)
        if group and size + bytes_ > TASKS_BYTES_MAX:
            yield tuple(group)
            group, size = [], 0
        group.append(task)
        size += bytes_
    if group:
        yield tuple(group)


def check_stored(
    what: str, value: e.TaskSpec | TaskChanges | dict[str, str], bytes_max: int
) -> int:
    """Its size as stored; ``BadRequest`` when that is above ``bytes_max``."""
    size = stored_bytes(value)
    if size > bytes_max:
        raise BadRequest(
            f"{what}: {size} bytes as stored; at most {bytes_max} are allowed: shorten the texts",
            hresult=HResult.PROPERTY_VALUE_TOO_LARGE,
        )
    return size


def stored_bytes(
    value: e.TaskSpec | tuple[e.TaskSpec, ...] | TaskChanges | dict[str, str],
) -> int:
    """Its size as JSON, in which some characters take more bytes than in UTF-8."""
    return len(msgspec.json.encode(value))


def content_of_job(command: AddJob) -> str:
    """The digest of what is asked for, whoever asks and whatever number the job gets."""
    said = given(command)
    for name in ("asked", "job_id", "owner"):
        said.pop(name, None)
    said["tasks"] = [given(task) for task in command.tasks]
    said["submit"] = command.submit
    return content_sha256(msgspec.json.encode(said, order="deterministic").decode())


def given(asked: Struct) -> dict[str, object]:
    """What differs from its default: so a field that comes later changes no digest of before."""
    fields = fields_of(type(asked))
    values = {field.name: getattr(asked, field.name) for field in fields}
    return {f.name: values[f.name] for f in fields if f.required or values[f.name] != default(f)}


@cache
def fields_of(kind: type[Struct]) -> tuple[msgspec.structs.FieldInfo, ...]:
    """A Struct's fields, found out once: it takes as long as all the rest of a digest."""
    return msgspec.structs.fields(kind)


def default(field: msgspec.structs.FieldInfo) -> object:
    """What a field holds when nothing is given."""
    return field.default if field.default_factory is NODEFAULT else field.default_factory()
