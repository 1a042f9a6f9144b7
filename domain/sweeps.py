"""What a parametric sweep is: an index with its values, put into a command line for each subtask.

Source: the product's StartValue, EndValue and IncrementValue, whose values begin at 1 or more; each
run of asterisks in the command line or work directory is the value, with zeros in front to as many
digits as there are asterisks; ``^*`` is an asterisk. A subtask's number counts from 1, whatever the
values are.
"""

import re
from typing import Final

from msgspec.structs import replace

from domain.events import TaskSpec
from domain.states import TaskType

SUBTASKS_MAX: Final = 1_000_000
SWEEPS_MAX: Final = 100
INDEX_MAX: Final = 2**31 - 1
INSTANCES_MAX: Final = 1000
PLACE: Final = re.compile(r"\^\*|\*+")


def subtasks_of(spec: TaskSpec) -> int:
    """How many subtasks a task has from the beginning, 0 for none.

    Those of a preparation or a release are made when the job gets its nodes.
    """
    if spec.type is TaskType.PARAMETRIC_SWEEP:
        return (spec.end - spec.start) // spec.increment + 1
    return spec.instances if spec.type is TaskType.SERVICE else 0


def sized(tasks: tuple[TaskSpec, ...], max_cores: int) -> tuple[TaskSpec, ...]:
    """The tasks, each service that says no number of instances with as many as its job may have
    cores, with one where the job does not say either. More than ``INSTANCES_MAX`` are not cut:
    ``check_instances`` refuses them.

    Source: the product's service tasks run on all that is allocated to their job. Deliberate: an
    instance has one slot, and there are as many at once as were asked for.
    """
    instances = max(1, max_cores)
    return tuple(
        replace(task, instances=instances)
        if task.type is TaskType.SERVICE and not task.instances
        else task
        for task in tasks
    )


def value_of(spec: TaskSpec, number: int) -> int:
    """The index of subtask ``number``."""
    return spec.start + (number - 1) * spec.increment


def filled(spec: TaskSpec, text: str, number: int) -> str:
    """A text of a sweep's task for one subtask; that of any other task as it is."""
    if spec.type is not TaskType.PARAMETRIC_SWEEP or number == 0:
        return text
    value = str(value_of(spec, number))
    return PLACE.sub(lambda m: "*" if m[0] == "^*" else value.zfill(len(m[0])), text)
