"""What a job may be made of: limits, checked when it is created or changed.

Source: the job model's limits.
"""

from graphlib import CycleError, TopologicalSorter
from typing import Final

from msgspec.structs import replace

from domain.adding import (
    ENVIRONMENT_STORED_BYTES_MAX,
    PROPERTIES_STORED_BYTES_MAX,
    TASK_BYTES_MAX,
    check_stored,
)
from domain.checks import (
    ACCOUNT_NAME,
    check_bytes,
    check_custom,
    check_exit_codes,
    check_future,
    check_hold,
    check_size,
    check_text,
    check_variables,
    wrong,
)
from domain.commands import AddJob, JobChanges, TaskChanges
from domain.errors import BadRequest
from domain.events import TaskSpec
from domain.hresult import HResult
from domain.labels import check_labels, check_new_labels
from domain.states import JobType, TaskType
from domain.sweeps import INDEX_MAX, INSTANCES_MAX, SUBTASKS_MAX, SWEEPS_MAX, sized

NAME_CHARACTERS_MAX: Final = 80
COMMAND_BYTES_MAX: Final = 8 * 1024
COMMAND_JOB_CHARACTERS_MAX: Final = 480
ENVIRONMENT_BYTES_MAX: Final = 32 * 1024
WORK_DIRECTORY_BYTES_MAX: Final = 4096
TASKS_MAX: Final = 1000
PROPERTIES_BYTES_MAX: Final = 16 * 1024
RUNTIME_SECONDS_MAX: Final = 366 * 86_400
"""A year. Longer, and no limit says the same."""
RETRY_COUNT_MAX: Final = 1000
DEPENDS_ON_MAX: Final = 100
CIRCLE_NAMES_MAX: Final = 10
COMES_AND_GOES: Final = frozenset({TaskType.NODE_PREP, TaskType.NODE_RELEASE})
DEPENDABLE: Final = frozenset({TaskType.BASIC, TaskType.PARAMETRIC_SWEEP})
PROJECT_CHARACTERS_MAX: Final = 128
"""Source: the product's job property Project; the other words about a job are limited as it is."""

PROGRESS_MESSAGE_CHARACTERS_MAX: Final = 80
PROGRESS_MAX: Final = 100
CORES_MAX: Final = 2**31 - 1


def check_submission(command: AddJob) -> None:
    """Pass, or raise ``BadRequest``: what is wrong, what is allowed."""
    check_text("the job's name", command.name, NAME_CHARACTERS_MAX)
    check_account(command.run_as)
    check_properties(command.properties)
    check_runtime("the job's", command.runtime_seconds)
    check_kept(command)
    check_new_labels(command.labels)
    check_future(command.hold_until, command.asked.at)
    check_environments(command.environment, command.tasks)
    if [t.id for t in command.tasks] != list(range(1, len(command.tasks) + 1)):
        raise wrong("the tasks of a job are numbered 1, 2, 3, ... without a gap")
    for task in command.tasks:
        check_task(task)
    check_instances(sized(command.tasks, command.max_cores))
    check_together(command.tasks, command.job_type)
    if command.submit:
        check_whole(command.tasks)


def check_tasks(tasks: tuple[TaskSpec, ...]) -> None:
    """Tasks for a job that there is: some, and each for itself; their numbers do not count."""
    if not tasks:
        raise wrong("there is no task to add; give one or more")
    if len(tasks) > TASKS_MAX:
        raise wrong(f"{len(tasks)} tasks are too many; a job has at most {TASKS_MAX}")
    for n, task in enumerate(tasks, 1):
        check_task(replace(task, id=n))
        check_stored(f"task {n}", task, TASK_BYTES_MAX)


def check_changes(changes: JobChanges) -> None:
    """New values of properties: some, and each within its limits."""
    if not changes.named:
        raise wrong(f"there is nothing to change; give {', '.join(changes.__struct_fields__)}")
    check_text("the job's name", changes.name or "", NAME_CHARACTERS_MAX)
    check_account(changes.run_as or "")
    check_properties(changes.properties or {})
    check_runtime("the job's", changes.runtime_seconds or 0)
    check_kept(changes)
    check_labels(changes.labels or {})
    check_hold(changes.hold_until or "")


def check_task_changes(changes: TaskChanges) -> None:
    """New values for a task: some, and each of what is given by name within its limits.

    The others are checked with the task that they are for (``check_task``).
    """
    if not changes.named:
        raise wrong(f"there is nothing to change; give {', '.join(changes.__struct_fields__)}")
    check_variables("the task", changes.environment or {}, ENVIRONMENT_BYTES_MAX)
    check_custom("the task", changes.properties or {})


def check_kept(said: AddJob | JobChanges) -> None:
    """What a job has beside its name, its tasks and its limits."""
    environment = said.environment or {}
    check_variables("the job", environment, ENVIRONMENT_BYTES_MAX)
    check_stored("the job's environment", environment, ENVIRONMENT_STORED_BYTES_MAX)
    check_exit_codes("the job", said.valid_exit_codes or "")
    check_retries("the job's tasks", said.task_retry_count)
    for what in ("project", "service_name", "client_source"):
        check_text(f"the job's {what}", getattr(said, what) or "", PROJECT_CHARACTERS_MAX)
    words = said.progress_message or ""
    check_text("the job's progress_message", words, PROGRESS_MESSAGE_CHARACTERS_MAX)
    if not 0 <= (said.max_cores or 0) <= CORES_MAX:
        raise wrong(f"max_cores is {said.max_cores}; 0 (not said) to {CORES_MAX} are allowed")
    if not 0 <= (said.progress or 0) <= PROGRESS_MAX:
        raise wrong(f"the progress is {said.progress}; 0 to {PROGRESS_MAX} percent are allowed")


def check_environments(environment: dict[str, str], tasks: tuple[TaskSpec, ...]) -> None:
    """What a task finds, the job's variables and its own, is as much as a task may have."""
    for task in tasks if environment else ():
        what = f"task {task.id}: the environment with the job's"
        check_size(what, environment | task.environment, ENVIRONMENT_BYTES_MAX)


def streams(task: TaskSpec) -> dict[str, str]:
    """The files that its standard streams are, by name."""
    return {"stdin": task.stdin, "stdout": task.stdout, "stderr": task.stderr}


def check_runtime(whose: str, seconds: int) -> None:
    """A run-time limit: 0 for none."""
    if not 0 <= seconds <= RUNTIME_SECONDS_MAX:
        raise wrong(
            f"{whose} run-time limit is {seconds} seconds; 0 (none) to {RUNTIME_SECONDS_MAX} are "
            "allowed"
        )


def check_account(name: str) -> None:
    """An account's name, or "" for the default."""
    if name and not ACCOUNT_NAME.fullmatch(name):
        raise wrong(f"the account {name[:80]!r} is not an account name")


def check_properties(properties: dict[str, str]) -> None:
    """All further properties of a job together."""
    check_custom("the job", properties)
    check_size("the job's properties", properties, PROPERTIES_BYTES_MAX)
    check_stored("the job's properties", properties, PROPERTIES_STORED_BYTES_MAX)


def check_together(tasks: tuple[TaskSpec, ...], job_type: JobType) -> None:
    """What all tasks of a job keep, also while it is being configured."""
    if len(tasks) > TASKS_MAX:
        raise wrong(f"the job has {len(tasks)} tasks; at most {TASKS_MAX} are allowed")
    for task in tasks:
        if job_type is JobType.ADMIN and len(task.command) > COMMAND_JOB_CHARACTERS_MAX:
            raise wrong(
                f"task {task.id}: the command line of a command job has at most "
                f"{COMMAND_JOB_CHARACTERS_MAX} characters; this one has {len(task.command)}"
            )
    check_once(tasks, TaskType.NODE_PREP, "node preparation", HResult.MULTIPLE_NODE_PREP)
    check_once(tasks, TaskType.NODE_RELEASE, "node release", HResult.MULTIPLE_NODE_RELEASE)
    check_sweeps(tasks)
    check_service(tasks)
    check_circles(tasks)


def check_once(tasks: tuple[TaskSpec, ...], kind: TaskType, words: str, hresult: HResult) -> None:
    """At most one task of this type."""
    found = sum(t.type is kind for t in tasks)
    if found > 1:
        raise BadRequest(
            f"the job has {found} {words} tasks; at most one is allowed", hresult=hresult
        )


def check_circles(tasks: tuple[TaskSpec, ...]) -> None:
    """No task waits, over however many others, for itself. Names are what is depended on."""
    waits_for: dict[str, set[str]] = {}
    for task in tasks:
        if task.name:
            waits_for.setdefault(task.name, set()).update(task.depends_on)
    try:
        TopologicalSorter(waits_for).prepare()
    except CycleError as circle:
        names = " -> ".join(repr(name) for name in reversed(circle.args[1][:CIRCLE_NAMES_MAX]))
        raise wrong(f"tasks depend on each other in a circle: {names}; open it") from None


def check_service(tasks: tuple[TaskSpec, ...]) -> None:
    """A service is alone in its job, apart from preparation and release."""
    work = [t for t in tasks if t.type not in COMES_AND_GOES]
    if len(work) > 1 and any(t.type is TaskType.SERVICE for t in work):
        raise BadRequest(
            "a service task is the only work of its job; give the other tasks a job of their own",
            hresult=HResult.ILLEGAL_TASK_ADDED_TO_SERVICE_JOB,
        )


def check_sweeps(tasks: tuple[TaskSpec, ...]) -> None:
    """Not too many sweeps in one job."""
    found = sum(t.type is TaskType.PARAMETRIC_SWEEP for t in tasks)
    if found > SWEEPS_MAX:
        raise BadRequest(
            f"the job has {found} parametric sweeps; at most {SWEEPS_MAX} are allowed",
            hresult=HResult.TOO_MANY_PARAMETRIC_SWEEP_TASKS_PER_JOB,
        )


def check_whole(tasks: tuple[TaskSpec, ...]) -> None:
    """What a job needs before it is submitted: work, and every task that another depends on."""
    if tasks and all(t.type in COMES_AND_GOES for t in tasks):
        only = " and ".join(t.type for t in tasks)
        raise BadRequest(
            f"the job has only {only}; add a task that does the work",
            hresult=HResult.ONLY_PREP_OR_RELEASE,
        )
    names = {t.name for t in tasks if t.name and t.type in DEPENDABLE}
    for task in tasks:
        missing = [name for name in task.depends_on if name not in names]
        if missing:
            raise wrong(
                f"task {task.id} depends on {missing[0]!r}, and no task that ends by itself has "
                "that name"
            )


def check_task(task: TaskSpec) -> None:
    """One task's limits."""
    where = f"task {task.id}"
    check_text(f"{where}: the name", task.name, NAME_CHARACTERS_MAX)
    if not task.command.strip():
        raise wrong(f"{where}: the command line is empty; give the command to run")
    check_bytes(f"{where}: the command line", task.command, COMMAND_BYTES_MAX)
    check_bytes(f"{where}: the work directory", task.work_directory, WORK_DIRECTORY_BYTES_MAX)
    if task.work_directory and not task.work_directory.startswith("/"):
        raise wrong(f"{where}: the work directory must be absolute, that is, begin with /")
    check_runtime(f"{where}: the", task.runtime_seconds)
    check_retries(where, task.retry_count)
    check_names(where, task)
    check_index(where, task)
    check_variables(where, task.environment, ENVIRONMENT_BYTES_MAX)
    check_custom(where, task.properties)
    check_exit_codes(where, task.valid_exit_codes)
    for stream, path in streams(task).items():
        check_bytes(f"{where}: the path of {stream}", path, WORK_DIRECTORY_BYTES_MAX)


def check_retries(where: str, count: int | None) -> None:
    """How often a task runs again by itself."""
    if count is not None and not 0 <= count <= RETRY_COUNT_MAX:
        raise wrong(f"{where}: {count} retries; 0 to {RETRY_COUNT_MAX} are allowed")


def check_names(where: str, task: TaskSpec) -> None:
    """What a task depends on: a few names, and only of a Basic task."""
    if task.depends_on and task.type not in DEPENDABLE:
        raise wrong(f"{where}: a task of type {task.type} depends on no other task")
    if len(task.depends_on) > DEPENDS_ON_MAX:
        raise wrong(
            f"{where} depends on {len(task.depends_on)} names; at most {DEPENDS_ON_MAX} are allowed"
        )
    for name in task.depends_on:
        check_text(f"{where}: a name that it depends on", name, NAME_CHARACTERS_MAX)
        if not name:
            raise wrong(f"{where}: a name that it depends on is empty")


def check_index(where: str, task: TaskSpec) -> None:
    """A sweep's index and a service's instances, and nothing of either for other types."""
    index = (task.start, task.end, task.increment)
    if task.type is TaskType.PARAMETRIC_SWEEP:
        check_sweep(where, *index)
    elif any(index):
        raise wrong(f"{where}: start, end and increment are for a ParametricSweep")
    if task.type is TaskType.SERVICE:
        if not 0 <= task.instances <= INSTANCES_MAX:
            raise wrong(
                f"{where}: a service has 1 to {INSTANCES_MAX} instances, or 0 for as many as the "
                "job's max_cores says"
            )
    elif task.instances:
        raise wrong(f"{where}: instances are for a Service")


def check_instances(tasks: tuple[TaskSpec, ...]) -> None:
    """Services that have as many instances as their job's max_cores says: not too many."""
    for task in tasks:
        if task.instances > INSTANCES_MAX:
            raise wrong(
                f"task {task.id}: a service that says no number of instances has as many as the "
                f"job's max_cores (MaxCores) says, {task.instances}; 1 to {INSTANCES_MAX} are "
                "allowed"
            )


def check_sweep(where: str, start: int, end: int, increment: int) -> None:
    """The index of a sweep, and how many subtasks it makes. Source: the product's limits."""
    if not (1 <= start <= end <= INDEX_MAX and increment >= 1):
        raise wrong(
            f"{where}: a sweep goes from start to end by increment, each 1 or more, start not "
            f"above end, end at most {INDEX_MAX}; this one is {start} to {end} by {increment}"
        )
    count = (end - start) // increment + 1
    if count > SUBTASKS_MAX:
        raise wrong(f"{where}: {count} subtasks are too many; at most {SUBTASKS_MAX} are allowed")
