"""What the facts about making a job mean: added, more tasks, new values of properties."""

from msgspec.structs import replace

from domain import events as e
from domain.changes import answered, with_tasks
from domain.events.making import CHANGEABLE
from domain.job import Job, Task
from domain.merging import changed_spec, merged, with_new
from domain.states import JobState, TaskState
from domain.subtasks import with_count
from domain.sweeps import subtasks_of


def added(recorded: e.Recorded, data: e.JobAdded) -> Job:
    """A new job, in Configuring."""
    job = Job(
        id=data.job_id,
        name=data.name,
        owner=data.owner,
        job_type=data.job_type,
        priority=data.priority,
        run_as=data.run_as,
        properties=dict(data.properties),
        fail_on_task_failure=data.fail_on_task_failure,
        run_until_canceled=data.run_until_canceled,
        runtime_seconds=data.runtime_seconds,
        environment=dict(data.environment),
        valid_exit_codes=data.valid_exit_codes,
        task_retry_count=data.task_retry_count,
        hold_until=data.hold_until,
        project=data.project,
        service_name=data.service_name,
        client_source=data.client_source,
        progress=data.progress,
        progress_message=data.progress_message,
        max_cores=data.max_cores,
        labels=dict(data.labels),
        tasks={spec.id: fresh(spec, TaskState.CONFIGURING) for spec in data.tasks},
        version=recorded.version,
        created_at=recorded.time,
        changed_at=recorded.time,
    )
    return answered(job, recorded, "add", data.request_id, data.content_sha256)


def tasks_added(job: Job, recorded: e.Recorded, data: e.TasksAdded) -> Job:
    """More tasks, which wait as the job does: queued at once where it is Queued or Running."""
    goes_on = job.state in (JobState.QUEUED, JobState.RUNNING)
    state = TaskState.QUEUED if goes_on else TaskState.CONFIGURING
    after = replace(job, tasks=job.tasks | {s.id: fresh(s, state) for s in data.tasks})
    return answered(after, recorded, "add_tasks", data.request_id, data.content_sha256)


def fresh(spec: e.TaskSpec, state: TaskState) -> Task:
    """A task that has not run, with subtasks where its type has some from the beginning."""
    count = subtasks_of(spec)
    task = Task(spec, state)
    return with_count(task, count, state) if count else task


def properties_changed(job: Job, recorded: e.Recorded, data: e.JobPropertiesChanged) -> Job:
    """The new values; what is null stays as it is."""
    after = replace(
        with_new(job, data, CHANGEABLE),
        properties=merged(job.properties, data.changes, any_case=True),
    )
    if data.runtime_seconds is not None and job.state is JobState.RUNNING:
        after = replace(after, limit_seconds=data.runtime_seconds)
    return answered(after, recorded, "change", data.request_id, data.content_sha256)


def task_changed(job: Job, recorded: e.Recorded, data: e.TaskPropertiesChanged) -> Job:
    """The new values of one task; what is null stays as it is."""
    after = with_tasks(job, [data.task], lambda t: with_spec(t, changed_spec(t.spec, data)))
    operation = f"change_task/{data.task}"
    return answered(after, recorded, operation, data.request_id, data.content_sha256)


def with_spec(task: Task, spec: e.TaskSpec) -> Task:
    """The task as ``spec`` has it, and each of its subtasks that is known one by one."""
    if task.subtasks is None:
        return replace(task, spec=spec)
    live = {n: replace(one, spec=spec) for n, one in task.subtasks.live.items()}
    return replace(task, spec=spec, subtasks=replace(task.subtasks, live=live))
