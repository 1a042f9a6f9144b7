"""New values of properties, of a job or of one of its tasks; what is None stays as it is."""

from msgspec import Struct

from domain.states import JobPriority


class JobChanges(Struct, frozen=True, omit_defaults=True):
    """New values of a job's properties; None for one that stays as it is.

    ``properties``, ``environment``, ``labels``: by name, added or given another value; "" takes one
    away. ``hold_until``: RFC 3339 in UTC, "" for no hold any more.
    """

    name: str | None = None
    priority: JobPriority | None = None
    run_as: str | None = None
    properties: dict[str, str] | None = None
    fail_on_task_failure: bool | None = None
    run_until_canceled: bool | None = None
    runtime_seconds: int | None = None
    environment: dict[str, str] | None = None
    valid_exit_codes: str | None = None
    task_retry_count: int | None = None
    hold_until: str | None = None
    project: str | None = None
    service_name: str | None = None
    client_source: str | None = None
    progress: int | None = None
    progress_message: str | None = None
    max_cores: int | None = None
    labels: dict[str, str] | None = None

    @property
    def named(self) -> tuple[str, ...]:
        """What is given a new value."""
        return tuple(x for x in self.__struct_fields__ if getattr(self, x) is not None)


class TaskChanges(Struct, frozen=True, omit_defaults=True):
    """New values of a task's properties; None for one that stays as it is.

    ``environment``, ``properties``: by name, added or given another value; "" takes one away.
    """

    name: str | None = None
    command: str | None = None
    work_directory: str | None = None
    runtime_seconds: int | None = None
    depends_on: tuple[str, ...] | None = None
    retry_count: int | None = None
    valid_exit_codes: str | None = None
    stdin: str | None = None
    stdout: str | None = None
    stderr: str | None = None
    environment: dict[str, str] | None = None
    properties: dict[str, str] | None = None

    @property
    def named(self) -> tuple[str, ...]:
        """What is given a new value."""
        return tuple(x for x in self.__struct_fields__ if getattr(self, x) is not None)
