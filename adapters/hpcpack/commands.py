"""The commands of HPC Pack's REST, through the same use cases as those of the native API.

What is refused is recorded by the use case; here it only becomes an error.
"""

from collections.abc import Mapping
from typing import Final

from msgspec.structs import replace

from adapters.hpcpack.answers import Nothing, Number
from adapters.hpcpack.asked import Asked, Work
from adapters.hpcpack.bodies import job_file_of, message_of, no_body, properties_of
from adapters.hpcpack.faults import done
from adapters.hpcpack.fields import shown
from adapters.hpcpack.job_file import job_of
from adapters.hpcpack.wanted import (
    JOB_CHANGED,
    TASK_CHANGED,
    job_changes,
    new_job,
    new_task,
    task_changes,
)
from application.ports import Ids
from application.scheduler import Cancel, NewJob, Scheduler
from domain.checks import wrong
from domain.commands import JobChanges, TaskChanges
from domain.states import CancelMode

WHOLE: Final = 0
"""The instance that stands for a task itself."""

OF_A_JOB: Final = shown([name for name in JOB_CHANGED if name != "Password"])
OF_A_TASK: Final = shown(TASK_CHANGED)
CUSTOM: Final = "the Name and Value of a custom property, or of several"
VARIABLES: Final = "the Name and Value of an environment variable, or of several"


class Commands:
    """One method an operation. Each request has an id of its own: these clients send none."""

    def __init__(self, scheduler: Scheduler, ids: Ids) -> None:
        self._scheduler = scheduler
        self._ids = ids

    def works(self) -> Mapping[str, Work]:
        """The operations by name."""
        return {
            "createJob": self.create_job,
            "createJobFromXml": self.create_job_from_xml,
            "setJobProperties": self.set_job_properties,
            "setJobCustomProperties": self.set_job_custom_properties,
            "setJobEnvironmentVariables": self.set_job_environment,
            "submitJob": self.submit_job,
            "cancelJob": self.cancel_job,
            "finishJob": self.finish_job,
            "requeueJob": self.requeue_job,
            "addTask": self.add_task,
            "setTaskProperties": self.set_task_properties,
            "setTaskCustomProperties": self.set_task_custom_properties,
            "setTaskEnvironmentVariables": self.set_task_environment,
            "cancelTask": self.cancel_task,
            "finishTask": self.finish_task,
            "requeueTask": self.requeue_task,
            "cancelSubtask": self.cancel_subtask,
            "finishSubtask": self.finish_subtask,
            "requeueSubtask": self.requeue_subtask,
        }

    async def create_job(self, asked: Asked) -> Number:
        """A job in Configuring, from properties."""
        return await self._add(asked, new_job(properties_of(asked.body)))

    async def create_job_from_xml(self, asked: Asked) -> Number:
        """A job in Configuring, from a job file."""
        return await self._add(asked, job_of(job_file_of(asked.body)))

    async def submit_job(self, asked: Asked) -> Nothing:
        """Configuring -> Submitted. A password in the body goes no further than this.

        Other properties in the body are changed first, with the account, as a request of its own.
        """
        changes = job_changes(properties_of(asked.body))
        run_as = changes.run_as or ""
        if replace(changes, run_as=None).named:
            await self._change_job(asked, changes, OF_A_JOB)
        done(
            await self._scheduler.submit_job_by_id(
                asked.caller, asked.job_id, self._ids.new(), run_as=run_as
            )
        )
        return Nothing()

    # --- properties -------------------------------------------------------------------------------

    async def set_job_properties(self, asked: Asked) -> Nothing:
        """New values of a job's properties."""
        return await self._change_job(asked, job_changes(properties_of(asked.body)), OF_A_JOB)

    async def set_job_custom_properties(self, asked: Asked) -> Nothing:
        """Custom properties of a job, added or given another value; an empty one is taken away."""
        return await self._change_job(asked, JobChanges(properties=by_name(asked)), CUSTOM)

    async def set_job_environment(self, asked: Asked) -> Nothing:
        """Variables of all tasks of a job."""
        return await self._change_job(asked, JobChanges(environment=variables(asked)), VARIABLES)

    async def add_task(self, asked: Asked) -> Number:
        """One more task: its number in the job."""
        task = new_task(1, properties_of(asked.body))
        on = asked.caller, asked.job_id, (task,)
        receipt = done(await self._scheduler.add_tasks(*on, self._ids.new()))
        assert receipt.task_id is not None, "the receipt of added tasks names the first"
        return Number(receipt.task_id)

    async def set_task_properties(self, asked: Asked) -> Nothing:
        """New values of a task's properties."""
        return await self._change_task(asked, task_changes(properties_of(asked.body)), OF_A_TASK)

    async def set_task_custom_properties(self, asked: Asked) -> Nothing:
        """Custom properties of a task."""
        return await self._change_task(asked, TaskChanges(properties=by_name(asked)), CUSTOM)

    async def set_task_environment(self, asked: Asked) -> Nothing:
        """A task's own variables."""
        return await self._change_task(asked, TaskChanges(environment=variables(asked)), VARIABLES)

    async def _change_job(self, asked: Asked, changes: JobChanges, what: str) -> Nothing:
        check_some(changes, what)
        on = asked.caller, asked.job_id, changes
        done(await self._scheduler.set_job_properties(*on, self._ids.new()))
        return Nothing()

    async def _change_task(self, asked: Asked, changes: TaskChanges, what: str) -> Nothing:
        check_some(changes, what)
        on = asked.caller, asked.job_id, asked.task_id, changes
        done(await self._scheduler.set_task_properties(*on, self._ids.new()))
        return Nothing()

    # --- stop, run again --------------------------------------------------------------------------

    async def cancel_job(self, asked: Asked) -> Nothing:
        """Stop a job."""
        on = asked.caller, asked.job_id
        done(await self._scheduler.cancel_job_2(*on, cancel_of(asked), self._ids.new()))
        return Nothing()

    async def finish_job(self, asked: Asked) -> Nothing:
        """Stop a job with the outcome Finished."""
        on = asked.caller, asked.job_id
        done(await self._scheduler.finish_job(*on, message_of(asked.body), self._ids.new()))
        return Nothing()

    async def requeue_job(self, asked: Asked) -> Nothing:
        """Configure and submit in one. There is no message: a body is refused."""
        no_body(asked.body)
        done(await self._scheduler.requeue_job(asked.caller, asked.job_id, self._ids.new()))
        return Nothing()

    async def cancel_task(self, asked: Asked) -> Nothing:
        """Stop one task."""
        return await self._cancel_task(asked, WHOLE)

    async def cancel_subtask(self, asked: Asked) -> Nothing:
        """Stop one subtask."""
        return await self._cancel_task(asked, asked.subtask_id)

    async def finish_task(self, asked: Asked) -> Nothing:
        """Stop one task with the outcome Finished."""
        return await self._finish_task(asked, WHOLE)

    async def finish_subtask(self, asked: Asked) -> Nothing:
        """Stop one subtask with the outcome Finished."""
        return await self._finish_task(asked, asked.subtask_id)

    async def requeue_task(self, asked: Asked) -> Nothing:
        """Run one task again."""
        return await self._requeue_task(asked, WHOLE, message_of(asked.body))

    async def requeue_subtask(self, asked: Asked) -> Nothing:
        """Run one subtask again. There is no message: a body is refused."""
        no_body(asked.body)
        return await self._requeue_task(asked, asked.subtask_id, "")

    async def _cancel_task(self, asked: Asked, instance: int) -> Nothing:
        on = asked.caller, asked.job_id, asked.task_id, cancel_of(asked), self._ids.new()
        done(await self._scheduler.cancel_task(*on, instance=instance))
        return Nothing()

    async def _finish_task(self, asked: Asked, instance: int) -> Nothing:
        on = asked.caller, asked.job_id, asked.task_id, message_of(asked.body), self._ids.new()
        done(await self._scheduler.finish_task(*on, instance=instance))
        return Nothing()

    async def _requeue_task(self, asked: Asked, instance: int, message: str) -> Nothing:
        on = asked.caller, asked.job_id, asked.task_id, self._ids.new()
        done(await self._scheduler.requeue_task(*on, instance=instance, message=message))
        return Nothing()

    async def _add(self, asked: Asked, new: NewJob) -> Number:
        receipt = done(await self._scheduler.add_job(asked.caller, new, self._ids.new()))
        return Number(int(receipt.job_id))


def check_some(changes: JobChanges | TaskChanges, what: str) -> None:
    """Pass, or raise ``BadRequest`` as the domain does, with what can be given in the product's
    names: its clients know no others."""
    if not changes.named:
        raise wrong(f"there is nothing to change; give {what}")


def by_name(asked: Asked) -> dict[str, str] | None:
    """Custom properties; None for none. Their names are the same in any case."""
    return {row.name: row.value for row in properties_of(asked.body)} or None


def variables(asked: Asked) -> dict[str, str] | None:
    """Variables; None for none. Two may have names that differ by case only."""
    return {row.name: row.value for row in properties_of(asked.body, any_case=False)} or None


def cancel_of(asked: Asked) -> Cancel:
    """Normal, or forced; there is no graceful over HPC Pack's REST."""
    forced = asked.fields.yes("forced", default=False)
    mode = CancelMode.FORCED if forced else CancelMode.NORMAL
    return Cancel(mode, message_of(asked.body))
